//! Speaks pinyin lines with the neural voice and measures it: first audio, real-time factor, level, chunk joins.
//!
//! ```text
//! cargo run --release -p hualu-tts --example voice -- models/voice_yuetan_8k models/train/tts/hotline_100.tsv [OUT]
//! ```
//! Lines are `text TAB nin2 hao3， qing3 wen4 ...`; with OUT every line becomes a WAV file there.

use hualu_tts::engine::{Boundary, Engine, NeuralEngine, Prosody, Syllable};
use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [directory, list, rest @ ..] = arguments.as_slice() else {
        return Err("usage: voice VOICE_DIRECTORY LIST.tsv [OUT_DIRECTORY]".into());
    };
    let began_s = cpu_s()?;
    let mut engine = NeuralEngine::open(Path::new(directory))?;
    println!("voice {} loaded in {:.0} ms of CPU", engine.voice_id(), 1e3 * (cpu_s()? - began_s));
    let rate_hz = engine.sample_rate_hz();
    let (mut first_ms, mut syllables_said) = (Vec::new(), 0);
    let (mut cpu, mut samples, mut sound) = (0.0, 0, Vec::new());
    for (n, line) in std::fs::read_to_string(list)?.lines().enumerate() {
        let syllables = read_pinyin(line.rsplit('\t').next().unwrap_or(line));
        let began_s = cpu_s()?;
        let mut plan = engine.prepare(&syllables, &Prosody::default())?;
        let mut first = None;
        let mut said = Vec::new();
        while let Some(chunk) = engine.next_chunk(&mut plan)? {
            first.get_or_insert(1e3 * (cpu_s()? - began_s));
            said.extend(chunk);
        }
        cpu += cpu_s()? - began_s;
        samples += said.len();
        syllables_said += syllables.len();
        first_ms.extend(first);
        if let [out] = rest {
            write_wav(&Path::new(out).join(format!("{n:03}.wav")), &said, rate_hz)?;
        }
        sound.extend(said);
    }
    let mean_ms = first_ms.iter().sum::<f64>() / first_ms.len() as f64;
    let max_ms = first_ms.iter().copied().fold(0.0, f64::max);
    let seconds = samples as f64 / f64::from(rate_hz);
    println!("{syllables_said} syllables in {seconds:.1} s of sound");
    println!("first audio: mean {mean_ms:.2} ms of CPU, largest reading {max_ms:.1} ms");
    println!("real-time factor {:.4}", cpu / seconds);
    println!("active level {:.1} dBov, peak {:.1} dBov", active_level_db(&sound), peak_db(&sound));
    Ok(())
}

/// CPU time of this thread in seconds, from the scheduler's account of it. That advances by whole clock ticks (1 to
/// 4 ms), so single readings are coarse; the mean of a hundred is not.
fn cpu_s() -> Result<f64, Box<dyn Error>> {
    let account = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds: f64 = account.split(' ').next().ok_or("schedstat is empty")?.parse()?;
    Ok(nanoseconds / 1e9)
}

fn read_pinyin(text: &str) -> Vec<Syllable> {
    let mut out: Vec<Syllable> = Vec::new();
    let mut token = String::new();
    for c in text.chars().chain([' ']) {
        let boundary = match c {
            '、' => Boundary::Phrase,
            '，' => Boundary::Clause,
            '。' | '！' => Boundary::Sentence,
            '？' => Boundary::Question,
            '/' => Boundary::Word,
            _ => Boundary::None,
        };
        if c.is_ascii_alphanumeric() {
            token.push(c);
            continue;
        }
        if let Some(tone) = token.pop().and_then(|digit| digit.to_digit(10)) {
            let pinyin = std::mem::take(&mut token);
            out.push(Syllable { pinyin, tone: tone as u8, boundary: Boundary::None, emphasis: false });
        }
        if let Some(last) = out.last_mut() {
            last.boundary = last.boundary.max(boundary);
        }
    }
    out
}

/// Level over the frames of 20 ms within 16 dB of the loudest tenth.
fn active_level_db(sound: &[i16]) -> f64 {
    let power = |frame: &[i16]| frame.iter().map(|&x| (f64::from(x) / 32_768.0).powi(2)).sum::<f64>() / 160.0;
    let mut frames: Vec<f64> = sound.chunks_exact(160).map(power).collect();
    frames.sort_by(f64::total_cmp);
    let top = frames[frames.len() * 9 / 10];
    let active: Vec<f64> = frames.into_iter().filter(|&p| p > top * 10_f64.powf(-1.6)).collect();
    10.0 * (active.iter().sum::<f64>() / active.len() as f64).log10()
}

fn peak_db(sound: &[i16]) -> f64 {
    let peak = sound.iter().map(|x| x.unsigned_abs()).max().unwrap_or(1);
    20.0 * (f64::from(peak) / 32_768.0).log10()
}

fn write_wav(path: &Path, samples: &[i16], rate_hz: u32) -> Result<(), Box<dyn Error>> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: rate_hz,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec)?;
    samples.iter().try_for_each(|&sample| writer.write_sample(sample))?;
    Ok(writer.finalize()?)
}
