//! temporary
use hualu_asr::vad::{Mode, WebrtcVad};
use hualu_core::{Activity, Hysteresis, HysteresisConfig, PcmFrame, SampleRate, VoiceActivity};
fn main() {
    let mut args = std::env::args().skip(1);
    let hiss: f64 = args.next().unwrap().parse().unwrap();
    let gain: f64 = args.next().unwrap().parse().unwrap();
    let (mut starts, mut none, mut lead, mut n, mut falses, mut ends) = (0, 0, 0, 0, 0, 0);
    let mut seed = 1u32;
    for path in args {
        let pcm = hualu_asr::eval::telephone(std::path::Path::new(&path)).unwrap();
        let mut vad = WebrtcVad::new(Mode::default());
        let mut gate = Hysteresis::new(HysteresisConfig::default());
        let mut noise = || { seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223); hiss * (f64::from(seed >> 8) / f64::from(1 << 23) - 1.0) };
        let mut all: Vec<i16> = (0..16000).map(|_| noise() as i16).collect();
        all.extend(pcm.iter().map(|&s| (f64::from(s) * gain + noise()) as i16));
        let end = all.len();
        all.extend((0..16000).map(|_| noise() as i16));
        let mut first = None; let mut last = 0;
        for (k, f) in all.chunks_exact(160).enumerate() {
            let s = vad.score(&PcmFrame::new(f, SampleRate::HZ_8000).unwrap());
            match gate.push(s) { Activity::Started => { starts += 1; if k < 98 { falses += 1; gate.end(); } else { first.get_or_insert(k); } last = k; } Activity::Voiced => last = k, Activity::Pausing(d) if d.as_millis() > 600 => gate.end(), _ => {} }
        }
        n += 1;
        match first { None => none += 1, Some(k) => lead += (k as i64) - 100 }
        ends += (last as i64) - (end as i64 / 160);
    }
    println!("hiss {hiss} gain {gain}: n {n} missed {none} starts {starts} false {falses} mean onset {:.1} frames after file start, last voiced {:.1} frames from file end", lead as f64 / (n - none).max(1) as f64, ends as f64 / n as f64);
}
