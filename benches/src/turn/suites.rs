//! The parts of the benchmark in which everything works.

use super::calls::{self, Plan, after, over, place};
use super::measure::{Prompt, cut_in};
use super::records;
use super::report::{Report, of, percent};
use super::{Bench, measure};
use crate::bot::{BotProcess, HOTLINE};
use crate::caller::Pcm;
use crate::sounds;
use crate::table::Quantiles;
use anyhow::{Context, ensure};
use hualu_gateway::phone::{PhoneOutcome, Script};
use std::collections::BTreeMap;
use std::time::Duration;

/// Says something long.
const EXPLAINS: &str = "benches/bots/explains";

/// Asks a yes-or-no question, again and again.
const ASKS: &str = "benches/bots/asks";

/// Asks for a telephone number, again and again.
const DICTATES: &str = "benches/bots/dictates";

/// Finished sentences; each leads back to the hotline's menu.
const SENTENCES: [&str; 4] = ["我想查一下话费", "帮我查一下流量还剩多少", "查一下这个月的账单", "我现在用的是什么套餐"];

/// Sentences in which callers stop to think.
const HALVES: [[&str; 2]; 10] = [
    ["我想", "查一下话费"],
    ["帮我查一下", "这个月的账单"],
    ["嗯，那个", "流量还剩多少"],
    ["我想问一下", "我现在用的是什么套餐"],
    ["请问我的", "话费还有多少"],
    ["麻烦你给我查一下", "剩余流量"],
    ["你好，我这边", "宽带上不了网"],
    ["就是我上个月的", "账单怎么多了二十"],
    ["我那个手机", "还剩多少流量啊"],
    ["帮忙看看我", "现在是什么套餐"],
];

/// Telephone numbers as they are dictated.
const GROUPS: [[&str; 3]; 3] =
    [["幺三八", "零零幺三", "八零零零"], ["一三九", "二五六七", "八八九零"], ["幺八六", "五五二幺", "三四零九"]];

/// How long callers stop, in milliseconds.
const PAUSES: [u64; 6] = [200, 400, 600, 800, 1_000, 1_200];

/// One-word answers.
const WORDS: [&str; 6] = ["对", "好的", "是的", "不是", "没有", "嗯"];

/// Words that interrupt.
const INTERRUPTIONS: [&str; 10] = [
    "我想查一下话费",
    "等一下",
    "转人工",
    "我要人工服务",
    "帮我查一下话费",
    "你先等一下",
    "人工",
    "停一下",
    "等等",
    "别说了",
];

/// Words that do not.
const NODS: [&str; 4] = ["嗯", "哦", "嗯嗯", "啊"];

/// The silence after which callers take the bot to have finished.
const GAP_MS: u64 = 900;

/// A bot that has not answered by then will not. Callers hang up before it asks whether they are still there (6 s).
const PATIENCE: Duration = Duration::from_secs(4);

/// Calls at once where nothing depends on how long things take.
const AT_ONCE: usize = 4;

/// An answer that takes longer is worth a look.
const SLOW: Duration = Duration::from_millis(1_000);

pub async fn response(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let mut bot = BotProcess::start(&bench.setup(HOTLINE, "response")?).await?;
    let plans = sentences(bench, bench.size(15, 1), bench.size(SENTENCES.len(), 2)).await?;
    let planned = clips(&plans);
    let done = place(&bot.uri(), plans, 1, report).await;
    let times = responses(bench, report, "response", &done)?;
    let answered = times.len();
    report.times("response, finished sentence, one call", &[(0.5, 300), (0.95, 500)], times);
    report.also("all answered", &of(answered, planned), answered == planned);
    let turns = records::read(bot.turns())?;
    let is_ours = |id: &str| done.iter().any(|(_, call)| call.call == id);
    let overhead = turns.iter().filter(|(id, _)| is_ours(id)).filter_map(|(_, turn)| records::overhead(turn)).collect();
    report.times("overhead without endpoint and engines (records)", &[(0.5, 10), (0.99, 30)], overhead);
    bot.stop().await
}

pub async fn load(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let mut bot = BotProcess::start(&bench.setup(HOTLINE, "load")?).await?;
    let at_once = bench.size(bench.options.at_once, 4);
    let plans = sentences(bench, at_once, bench.size(SENTENCES.len(), 1)).await?;
    let planned = clips(&plans);
    let done = place(&bot.uri(), plans, at_once, report).await;
    report.detail(format!("load: {at_once} calls at once, phones and bot on the same cores"));
    let times = responses(bench, report, "load", &done)?;
    let answered = times.len();
    report.times(&format!("response, finished sentence, {at_once} calls at once"), &[(0.5, 350), (0.95, 700)], times);
    report.also("all answered", &of(answered, planned), answered == planned);
    bot.stop().await
}

pub async fn words(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let mut bot = BotProcess::start(&bench.setup(ASKS, "words")?).await?;
    let mut plans = Vec::new();
    for n in 0..bench.size(WORDS.len() * 6, 2) {
        let yes = bench.say(n, &WORDS[..3]).await?;
        let any = bench.say(n, &WORDS).await?;
        let cues = vec![after(GAP_MS, yes), after(GAP_MS, any)];
        plans.push(Plan { script: calls::script(cues, PATIENCE, None), about: () });
    }
    let planned = clips(&plans);
    let done = place(&bot.uri(), plans, AT_ONCE, report).await;
    let times = responses(bench, report, "words", &done)?;
    let answered = times.len();
    report.times("wait after a one-word answer", &[(0.95, 450)], times);
    report.also("all answered", &of(answered, planned), answered == planned);
    bot.stop().await
}

pub async fn pauses(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let mut tally = vec![(0, 0); PAUSES.len()];
    let mut bot = BotProcess::start(&bench.setup(HOTLINE, "pauses")?).await?;
    let mut plans = Vec::new();
    for n in 0..bench.size(HALVES.len() * PAUSES.len(), 2) {
        let halves = HALVES[n % HALVES.len()];
        let pause = (n / HALVES.len() + n) % PAUSES.len();
        let (clip, middles) = paused(bench, n, &halves, PAUSES[pause]).await?;
        plans.push(pausing(clip, pause, middles));
    }
    let done = place(&bot.uri(), plans, AT_ONCE, report).await;
    count_cut_ins(bench, report, "pauses", &done, &mut tally)?;
    bot.stop().await?;

    let mut bot = BotProcess::start(&bench.setup(DICTATES, "digits")?).await?;
    let mut plans = Vec::new();
    for n in 0..bench.size(GROUPS.len() * PAUSES.len(), 2) {
        let pause = n % PAUSES.len();
        let (clip, middles) = paused(bench, n, &GROUPS[(n / PAUSES.len()) % GROUPS.len()], PAUSES[pause]).await?;
        plans.push(pausing(clip, pause, middles));
    }
    let done = place(&bot.uri(), plans, AT_ONCE, report).await;
    count_cut_ins(bench, report, "digits", &done, &mut tally)?;
    bot.stop().await?;

    let (cut, all) = tally.iter().fold((0, 0), |(cut, all), (c, a)| (cut + c, all + a));
    report.share("cut-ins on the pause corpus", 5.0, cut, all);
    let each = PAUSES.iter().zip(&tally).map(|(pause, (cut, all))| format!("{pause} ms {cut} of {all}"));
    report.detail(format!("cut-ins by pause: {}", each.collect::<Vec<_>>().join(", ")));
    Ok(())
}

pub async fn barge_in(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let mut bot = BotProcess::start(&bench.setup(EXPLAINS, "barge-in")?).await?;
    let prompt = prompt(&bot, report).await?;
    let mut plans = Vec::new();
    for n in 0..bench.size(60, 2) {
        let cue = over(900 + (n as u64 * 370) % 3_500, bench.say(n, &INTERRUPTIONS).await?);
        plans.push(Plan {
            script: calls::script(vec![cue], measure::DEAD_AIR, None),
            about: INTERRUPTIONS[n % INTERRUPTIONS.len()],
        });
    }
    let all = plans.len();
    let done = place(&bot.uri(), plans, AT_ONCE, report).await;
    let mut times = Quantiles::default();
    for (text, call) in &done {
        match prompt.stopped_after(&call.line, 0) {
            Some(time) => times.extend([time]),
            None => bench.finding(report, "barge-in", call, &format!("the prompt went on over {text}"))?,
        }
    }
    let stopped = times.len();
    report.times("barge-in: prompt silent after the caller's speech begins", &[(0.95, 350)], times);
    report.also("at least 98 %", &of(stopped, all), percent(stopped, all) >= 98.0);
    bot.stop().await
}

pub async fn noise(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let mut bot = BotProcess::start(&bench.setup(EXPLAINS, "noise")?).await?;
    let prompt = prompt(&bot, report).await?;
    let mut plans = Vec::new();
    for n in 0..bench.size(20, 1) {
        let seed = n as u64;
        plans.push(nodding("nods", seed, bench.say(n, &NODS).await?));
        plans.push(nodding("coughs", seed, sounds::cough(seed)));
        let background = if n % 2 == 0 { sounds::office(seed) } else { sounds::knock(seed) };
        plans.push(nodding("office and knocks", seed, background));
    }
    if let Some(folder) = &bench.options.noise {
        let recorded = recorded(folder)?.into_iter().enumerate();
        plans.extend(recorded.map(|(n, pcm)| nodding("recorded noise", n as u64, pcm)));
    }
    let planned = plans.len();
    let done = place(&bot.uri(), plans, 2 * AT_ONCE, report).await;
    let (mut stopped, mut resumed, mut all) = (0, 0, 0);
    let mut kinds: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (kind, call) in &done {
        let Some(disturbed) = prompt.disturbed(&call.line, 0) else { continue };
        let tally = kinds.entry(kind).or_default();
        (all, tally.1) = (all + 1, tally.1 + 1);
        if disturbed.stopped {
            (stopped, tally.0) = (stopped + 1, tally.0 + 1);
            resumed += usize::from(disturbed.went_on);
            let how = if disturbed.went_on { "went on by itself" } else { "did not go on" };
            bench.finding(report, "noise", call, &format!("{kind}: the prompt stopped and {how}"))?;
        }
    }
    report.share("wrong stops on backchannels, coughs and noise", 5.0, stopped, all);
    report.also("all judged", &of(all, planned), all == planned);
    let resumed_all = format!("{resumed} of {stopped} went on");
    report.also("then it goes on by itself", &resumed_all, stopped == resumed);
    let each = kinds.iter().map(|(kind, (stopped, all))| format!("{kind} {stopped} of {all}"));
    report.detail(format!("wrong stops by sound: {}", each.collect::<Vec<_>>().join(", ")));
    bot.stop().await
}

/// Calls of `each` finished sentences.
async fn sentences(bench: &Bench, count: usize, each: usize) -> anyhow::Result<Vec<Plan<()>>> {
    let mut plans = Vec::new();
    for n in 0..count {
        let mut cues = Vec::new();
        for k in 0..each {
            // One caller for a call, who begins with another sentence than the one before.
            let text = SENTENCES[(n + k) % SENTENCES.len()];
            cues.push(after(GAP_MS, bench.callers[n % bench.callers.len()].say(text).await?));
        }
        plans.push(Plan { script: calls::script(cues, PATIENCE, None), about: () });
    }
    Ok(plans)
}

/// How many clips the callers are to say.
fn clips<T>(plans: &[Plan<T>]) -> usize {
    plans.iter().map(|plan| plan.script.cues.len()).sum()
}

/// The response times of all clips. What was slow or not answered at all is noted.
fn responses<T>(
    bench: &Bench,
    report: &mut Report,
    part: &str,
    done: &[(T, PhoneOutcome)],
) -> anyhow::Result<Quantiles> {
    let mut times = Quantiles::default();
    for (_, call) in done {
        for (n, exchange) in call.line.exchanges.iter().enumerate() {
            times.extend(exchange.response);
            match exchange.response {
                None => bench.finding(report, part, call, &format!("clip {} was not answered", n + 1))?,
                Some(slow) if slow > SLOW => {
                    let what = format!("clip {} was answered after {} ms", n + 1, slow.as_millis());
                    bench.finding(report, part, call, &what)?;
                }
                Some(_) => {}
            }
        }
    }
    Ok(times)
}

/// A call in which the caller stops to think.
struct Paused {
    /// How long, as a place in [`PAUSES`].
    pause: usize,
    /// The middle of each pause, in samples from the beginning of the clip.
    middles: Vec<usize>,
}

fn pausing(clip: Pcm, pause: usize, middles: Vec<usize>) -> Plan<Paused> {
    Plan { script: calls::script(vec![after(GAP_MS, clip)], PATIENCE, None), about: Paused { pause, middles } }
}

/// A clip of several parts with pauses between them, and the middle of each pause in samples.
async fn paused(bench: &Bench, n: usize, parts: &[&str], pause_ms: u64) -> anyhow::Result<(Pcm, Vec<usize>)> {
    let caller = &bench.callers[n % bench.callers.len()];
    let pause = pause_ms as usize * 8;
    let (mut pcm, mut middles) = (Vec::new(), Vec::new());
    for part in parts {
        if !pcm.is_empty() {
            middles.push(pcm.len() + pause / 2);
            pcm.resize(pcm.len() + pause, 0);
        }
        pcm.extend_from_slice(&caller.say(part).await?);
    }
    Ok((pcm.into(), middles))
}

/// Counts cut-ins and pauses by the length of the pause.
fn count_cut_ins(
    bench: &Bench,
    report: &mut Report,
    part: &str,
    done: &[(Paused, PhoneOutcome)],
    tally: &mut [(usize, usize)],
) -> anyhow::Result<()> {
    for (Paused { pause, middles }, call) in done {
        for middle in middles {
            let Some(cut) = cut_in(&call.line, 0, *middle) else { continue };
            tally[*pause].0 += usize::from(cut);
            tally[*pause].1 += 1;
            if cut {
                bench.finding(report, part, call, &format!("the bot spoke in a pause of {} ms", PAUSES[*pause]))?;
                // Whatever the caller says from now on is said over the bot.
                break;
            }
        }
    }
    Ok(())
}

/// The explanation, from a call whose caller keeps silent.
async fn prompt(bot: &BotProcess, report: &mut Report) -> anyhow::Result<Prompt> {
    let silent = Plan { script: calls::script(Vec::new(), Duration::from_secs(2), None), about: () };
    let done = place(&bot.uri(), vec![silent], 1, report).await;
    let (_, call) = done.first().context("the call for the undisturbed prompt failed")?;
    let prompt = Prompt::of(&call.line, 0.5).context("the bot said nothing")?;
    ensure!(prompt.len() > Duration::from_secs(8), "the prompt is only {} ms long", prompt.len().as_millis());
    report.detail(format!("the prompt that is spoken over lasts {} ms", prompt.len().as_millis()));
    Ok(prompt)
}

/// A call in which the caller makes a sound over the prompt, and which lasts until the prompt's probe must have been heard.
fn nodding(kind: &'static str, seed: u64, sound: Pcm) -> Plan<&'static str> {
    let script = calls::script(vec![over(900 + seed * 170 % 1_500, sound)], measure::DEAD_AIR, None);
    Plan { script: Script { call_max: Duration::from_secs(15), ..script }, about: kind }
}

/// Pieces of two seconds of the recordings in a folder.
fn recorded(folder: &std::path::Path) -> anyhow::Result<Vec<Pcm>> {
    let mut pieces = Vec::new();
    let entries = std::fs::read_dir(folder).with_context(|| format!("--noise: cannot read {}", folder.display()))?;
    for path in entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()? {
        if path.extension().is_some_and(|extension| extension == "wav") {
            let pcm = hualu_asr::eval::telephone(&path).with_context(|| format!("--noise: {}", path.display()))?;
            pieces.extend(pcm.chunks_exact(16_000).step_by(4).take(4).map(Pcm::from));
        }
    }
    ensure!(!pieces.is_empty(), "--noise: {} holds no WAV file of two seconds", folder.display());
    Ok(pieces)
}
