//! What callers hear when engines, the network or a back end fail.

use super::Bench;
use super::calls::{self, Plan, after, place};
use super::measure::dead_air;
use super::records;
use super::report::Report;
use crate::bot::{BotProcess, HOTLINE, Service, Setup};
use crate::proxy::{self, DialogueFault, Proxy, VoiceFault};
use hualu_core::LatencyBudget;
use hualu_gateway::phone::{Loss, PhoneOutcome};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// What callers say, whatever they hear.
const SENTENCES: [&str; 3] = ["我想查一下话费", "帮我查一下流量还剩多少", "查一下这个月的账单"];

/// A caller who is patient enough for every silence that is a defect to show, and hangs up before the hotline asks whether
/// anybody is there.
const GAP_MS: u64 = 3_000;
const PATIENCE: Duration = Duration::from_secs(5);

/// The hotline asks again when the caller has been silent for 6 s; with what it takes to be heard, a silence that ended
/// sooner was ended by a bot that still owed something.
const NO_INPUT: Duration = Duration::from_millis(5_500);

/// The greeting is over by then, and no caller has spoken.
const GREETED: Duration = Duration::from_millis(5_000);

/// Callers speak by then.
const SPOKEN_TO: Duration = Duration::from_millis(7_200);

/// How long the recognizer stands still, how long a slow back end takes.
const STOPPED: Duration = Duration::from_secs(5);
const SLOW: Duration = Duration::from_secs(8);

/// A clause stalls after a third of a second: two bytes a sample at 8 kHz.
const STALL_AFTER: usize = 2 * 8 * 330;

/// One thing that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    NluBlackHole,
    TtsStall,
    NluLate,
    AsrStopped,
    PacketLoss,
    SlowBackEnd,
    NluKilled,
}

impl Fault {
    /// All of them; what cannot be mended comes last.
    const ALL: [Self; 7] = [
        Self::NluBlackHole,
        Self::TtsStall,
        Self::NluLate,
        Self::AsrStopped,
        Self::PacketLoss,
        Self::SlowBackEnd,
        Self::NluKilled,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::NluBlackHole => "NLU takes everything and answers nothing",
            Self::TtsStall => "TTS stalls in mid-sentence",
            Self::NluLate => "NLU answers after 3 s",
            Self::AsrStopped => "ASR stopped for 5 s",
            Self::PacketLoss => "10 % of packets lost",
            Self::SlowBackEnd => "a back end takes 8 s",
            Self::NluKilled => "NLU killed",
        }
    }
}

/// The services, with proxies before two of them.
struct Stage {
    asr: Service,
    nlu: Service,
    _slow_nlu: Service,
    _tts: Service,
    dialogue: Proxy<DialogueFault>,
    voice: Proxy<VoiceFault>,
    bot: BotProcess,
}

impl Stage {
    async fn start(bench: &Bench) -> anyhow::Result<Self> {
        let bot = format!("--bot={HOTLINE}");
        let asr = Service::start("asr", &[&bot]).await?;
        let nlu = Service::start("nlu", &[&bot, "--mock-backend"]).await?;
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let slow = hualu_nlu::backend_mock::addresses(hualu_nlu::backend_mock::start_slow(any, SLOW).await?);
        let slow: Vec<String> = slow.iter().map(|(name, url)| format!("--backend={name}={url}")).collect();
        let mut arguments = vec![bot.as_str()];
        arguments.extend(slow.iter().map(String::as_str));
        let slow_nlu = Service::start("nlu", &arguments).await?;
        let tts = Service::start("tts", &[&bot]).await?;
        let dialogue = proxy::dialogue(nlu.address, slow_nlu.address).await?;
        let voice = proxy::voice(tts.address).await?;
        let setup = Setup::gateway(asr.address, dialogue.address, voice.address).recorded_in(bench.kept("faults")?);
        let bot = BotProcess::start(&setup).await?;
        Ok(Self { asr, nlu, _slow_nlu: slow_nlu, _tts: tts, dialogue, voice, bot })
    }

    /// Makes it happen while calls are in progress.
    async fn inflict(&mut self, fault: Fault) -> anyhow::Result<()> {
        if fault == Fault::SlowBackEnd {
            self.dialogue.set(DialogueFault::SlowBackEnds);
        }
        tokio::time::sleep(if fault == Fault::AsrStopped { SPOKEN_TO } else { GREETED }).await;
        match fault {
            Fault::NluBlackHole => self.dialogue.set(DialogueFault::BlackHole),
            Fault::NluLate => self.dialogue.set(DialogueFault::Late(Duration::from_secs(3))),
            Fault::TtsStall => self.voice.set(VoiceFault::StallAfter(STALL_AFTER)),
            Fault::NluKilled => {
                self.nlu.kill().await?;
                self.dialogue.set(DialogueFault::Dead);
            }
            Fault::AsrStopped => {
                self.asr.pause().await?;
                tokio::time::sleep(STOPPED).await;
                self.asr.resume().await?;
            }
            Fault::PacketLoss | Fault::SlowBackEnd => {}
        }
        Ok(())
    }

    fn mend(&self) {
        self.dialogue.set(DialogueFault::None);
        self.voice.set(VoiceFault::None);
    }
}

/// Measures every fault.
pub async fn faults(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let mut stage = Stage::start(bench).await?;
    let faults = bench.size(Fault::ALL.len(), 2);
    let (mut silences, mut exchanges, mut done) = (0, 0, Vec::new());
    for fault in &Fault::ALL[..faults] {
        let plans = plans(bench, *fault).await?;
        let uri = stage.bot.uri();
        let at_once = plans.len();
        let (calls, inflicted) = tokio::join!(place(&uri, plans, at_once, report), stage.inflict(*fault));
        inflicted?;
        stage.mend();
        let (silent, of) = count_silences(bench, report, *fault, &calls)?;
        (silences, exchanges) = (silences + silent, exchanges + of);
        report.detail(format!("{}: {silent} silences over 2.5 s after {of} sentences", fault.name()));
        done.extend(calls.into_iter().map(|(_, call)| (*fault, call)));
    }
    let (unmarked, turns) = count_unmarked(bench, report, &stage.bot, &done)?;
    report.never("deadline missed without a rung, under fault injection (records)", unmarked, turns);
    report.never("bot silence over 2.5 s, under fault injection", silences, exchanges);
    stage.bot.stop().await
}

async fn plans(bench: &Bench, fault: Fault) -> anyhow::Result<Vec<Plan<()>>> {
    let mut plans = Vec::new();
    for n in 0..bench.size(6, 1) {
        let mut cues = Vec::new();
        for text in &SENTENCES[..bench.size(SENTENCES.len(), 1)] {
            cues.push(after(GAP_MS, bench.callers[n % bench.callers.len()].say(text).await?));
        }
        let loss = (fault == Fault::PacketLoss).then_some(Loss { share: 0.1, seed: n as u64 });
        plans.push(Plan { script: calls::script(cues, PATIENCE, loss), about: () });
    }
    Ok(plans)
}

/// Silences that are defects, and the sentences after which they might have come.
fn count_silences(
    bench: &Bench,
    report: &mut Report,
    fault: Fault,
    calls: &[((), PhoneOutcome)],
) -> anyhow::Result<(usize, usize)> {
    let (mut silent, mut all) = (0, 0);
    for ((), call) in calls {
        for n in 0..call.line.exchanges.len() {
            all += 1;
            for silence in dead_air(&call.line, n, NO_INPUT) {
                silent += 1;
                let what = format!("{}: {} ms of silence after sentence {}", fault.name(), silence.as_millis(), n + 1);
                bench.finding(report, "faults", call, &what)?;
            }
        }
    }
    Ok((silent, all))
}

/// Turns with a missed deadline and no rung, and all turns.
fn count_unmarked(
    bench: &Bench,
    report: &mut Report,
    bot: &BotProcess,
    done: &[(Fault, PhoneOutcome)],
) -> anyhow::Result<(usize, usize)> {
    let (mut unmarked, mut turns) = (0, 0);
    for (id, turn) in records::read(bot.turns())? {
        let Some((fault, call)) = done.iter().find(|(_, call)| call.call == id) else { continue };
        turns += 1;
        if let Some(silent) = turn.dead_air_ms {
            let what = format!("{}: turn {}: the bot itself counts {silent} ms of silence", fault.name(), turn.turn);
            bench.finding(report, "faults", call, &what)?;
        }
        let missed = records::missed_without_a_rung(&turn, &LatencyBudget::default());
        if !missed.is_empty() {
            unmarked += 1;
            let what = format!("{}: turn {}: {} without a rung", fault.name(), turn.turn, missed.join(", "));
            bench.finding(report, "faults", call, &what)?;
        }
    }
    Ok((unmarked, turns))
}
