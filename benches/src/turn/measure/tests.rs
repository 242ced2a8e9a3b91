use super::*;
use hualu_gateway::phone::Exchange;

const RATE: usize = 8_000;

fn ms(ms: usize) -> Duration {
    Duration::from_millis(ms as u64)
}

/// A call in which each side is voiced in these stretches of milliseconds; clips begin where the caller's do.
fn call(caller: &[(usize, usize)], bot: &[(usize, usize)], clips: &[usize], over: usize) -> LineReport {
    let voice = |stretches: &[(usize, usize)]| -> Vec<Voiced> {
        let frames = stretches.iter().flat_map(|(from, to)| (*from..*to).step_by(20));
        frames.map(|at| Voiced { from: ms(at), to: ms(at + 19), place: at * RATE / 1_000 }).collect()
    };
    let mut track = vec![0; over * RATE / 1_000];
    for (from, to) in bot {
        // No two places sound alike.
        for (n, sample) in track.iter_mut().enumerate().take(to * 8).skip(from * 8) {
            *sample = ((n * n / 700) % 4_001) as i16 - 2_000;
        }
    }
    LineReport {
        bot: track,
        exchanges: clips.iter().map(|at| Exchange { clip_at: at * RATE / 1_000, ..Exchange::default() }).collect(),
        sent_voice: voice(caller),
        heard_voice: voice(bot),
        over: ms(over),
        ..LineReport::default()
    }
}

/// "A (400 ms) B" from 1,000 ms on, with the bot voiced from `bot` on.
fn paused(bot: usize) -> Option<bool> {
    cut_in(&call(&[(1_000, 1_500), (1_900, 2_400)], &[(bot, 4_000)], &[1_000], 4_000), 0, (500 + 200) * 8)
}

#[test]
fn a_bot_that_speaks_in_the_pause_or_right_after_it_cuts_in() {
    assert_eq!([1_700, 1_960, 2_300, 2_700].map(paused), [true, true, false, false].map(Some));
}

#[test]
fn a_clip_that_was_cut_off_has_no_pause_to_judge() {
    let line = call(&[(1_000, 1_500)], &[(1_600, 1_700)], &[1_000], 2_000);
    assert_eq!(cut_in(&line, 0, 700 * 8), None);
    assert_eq!(cut_in(&line, 1, 700 * 8), None);
}

/// Six seconds with a pause of 200 ms in them.
fn prompt() -> Prompt {
    Prompt::of(&call(&[], &[(100, 3_000), (3_200, 6_100)], &[], 8_000), 0.65).expect("it was heard")
}

#[test]
fn a_prompt_knows_its_length_and_its_own_pauses() {
    let prompt = prompt();
    assert_eq!(prompt.len().as_millis(), 5_999);
    assert!((300..=400).contains(&prompt.silent.as_millis()), "{:?}", prompt.silent);
}

#[test]
fn a_barge_in_is_timed_from_the_first_voice_to_the_last_of_the_prompt() {
    // What the bot says then sounds like no part of the prompt.
    let line = call(&[(2_000, 3_000)], &[(100, 2_240), (6_400, 7_500)], &[2_000], 8_000);
    assert_eq!(prompt().stopped_after(&line, 0), Some(ms(239)));
}

#[test]
fn a_reply_that_follows_a_stop_at_once_does_not_hide_it() {
    let line = call(&[(2_000, 2_500)], &[(100, 2_240), (2_540, 2_900), (6_400, 7_500)], &[2_000], 8_000);
    assert_eq!(prompt().stopped_after(&line, 0), Some(ms(239)));
    // A pause of the prompt's own is none.
    let line = call(&[(2_800, 3_300)], &[(100, 3_000), (3_200, 3_420), (6_400, 7_500)], &[2_800], 8_000);
    assert_eq!(prompt().stopped_after(&line, 0), Some(ms(619)));
}

#[test]
fn a_prompt_that_was_heard_to_its_end_was_not_stopped() {
    let line = call(&[(2_000, 3_000)], &[(100, 3_000), (3_200, 6_100)], &[2_000], 8_000);
    assert_eq!(prompt().stopped_after(&line, 0), None);
}

/// The prompt, stopped at 1.2 s and begun anew `later` ms behind where it was.
fn resumed(later: usize) -> LineReport {
    let at = |ms: usize| ms * 8;
    let mut line = call(&[(1_000, 1_300)], &[(100, 1_200), (1_200 + later, 6_100 + later)], &[1_000], 9_000);
    let whole = call(&[], &[(100, 3_000), (3_200, 6_100)], &[], 8_000);
    line.bot[at(1_200 + later)..at(6_100 + later)].copy_from_slice(&whole.bot[at(1_200)..at(6_100)]);
    line
}

#[test]
fn a_barge_in_after_which_the_prompt_goes_on_is_none() {
    assert_eq!(prompt().stopped_after(&resumed(600), 0), None);
}

#[test]
fn a_clause_that_is_said_again_is_a_stop_however_short_the_silence() {
    let stopped = |later| prompt().disturbed(&resumed(later), 0).map(|disturbed| disturbed.stopped);
    assert_eq!([0, 100, 280].map(stopped), [Some(false), Some(false), Some(true)]);
}

#[test]
fn a_cough_may_leave_a_prompt_alone_or_hold_it_up_or_end_it() {
    let disturbed = |bot: &[(usize, usize)]| prompt().disturbed(&call(&[(1_000, 1_300)], bot, &[1_000], 9_000), 0);
    let alone = disturbed(&[(100, 3_000), (3_200, 6_100)]);
    assert_eq!(alone, Some(Disturbed { stopped: false, went_on: true }));
    let ended = disturbed(&[(100, 1_200)]);
    assert_eq!(ended, Some(Disturbed { stopped: true, went_on: false }));
    // Held up, then the rest as it is: the same samples, a second later.
    let mut line = call(&[(1_000, 1_300)], &[(100, 1_200), (2_200, 7_100)], &[1_000], 9_000);
    let whole = call(&[], &[(100, 3_000), (3_200, 6_100)], &[], 8_000);
    line.bot[1_200 * 8 + 8_000..8_000 + 6_100 * 8].copy_from_slice(&whole.bot[1_200 * 8..6_100 * 8]);
    assert_eq!(prompt().disturbed(&line, 0), Some(Disturbed { stopped: true, went_on: true }));
}

#[test]
fn dead_air_is_the_first_silence_or_one_that_the_bot_ends_itself() {
    let silences = |bot: &[(usize, usize)]| {
        let line = call(&[(1_000, 2_000)], bot, &[1_000], 20_000);
        dead_air(&line, 0, ms(5_500)).iter().map(Duration::as_millis).collect::<Vec<_>>()
    };
    assert_eq!(silences(&[(2_300, 4_000)]), [0; 0]);
    assert_eq!(silences(&[(5_000, 6_000)]), [3_001]);
    assert_eq!(silences(&[(2_300, 3_000), (6_000, 7_000)]), [3_001]);
    assert_eq!(silences(&[(2_300, 3_000), (9_000, 10_000)]), [0; 0], "it had finished, and asks again");
    assert_eq!(silences(&[]), [18_001]);
}
