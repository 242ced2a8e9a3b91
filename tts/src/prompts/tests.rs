use super::*;
use std::fs;
use tempfile::TempDir;

/// 100 ms of a square wave between silences of 200 ms.
fn write_wav(path: &Path, rate_hz: u32, amplitude: i16) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: rate_hz,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).expect("a writable folder");
    let silence = rate_hz / 5;
    for n in 0..silence * 2 + rate_hz / 10 {
        let inside = (silence..silence + rate_hz / 10).contains(&n);
        let sign = if n % 20 < 10 { amplitude } else { -amplitude };
        writer.write_sample(if inside { sign } else { 0 }).expect("a writable file");
    }
    writer.finalize().expect("a writable file");
}

fn folder(table: &str) -> TempDir {
    let dir = tempfile::tempdir().expect("a temporary folder");
    fs::write(dir.path().join("prompts.toml"), table).expect("a writable folder");
    for (file, rate_hz, amplitude) in [("a.wav", 8_000, 4_000), ("b.wav", 8_000, 4_000), ("wide.wav", 16_000, 4_000)] {
        write_wav(&dir.path().join(file), rate_hz, amplitude);
    }
    dir
}

fn find(prompts: &Prompts, text: &str) -> Option<Vec<Part>> {
    prompts.find(&normalize(&[Span::plain(text)]), SampleRate::HZ_8000)
}

fn samples(parts: Option<Vec<Part>>) -> usize {
    match parts.as_deref() {
        Some([Part::Recorded(pcm)]) => pcm.len(),
        other => panic!("expected one recorded part, got {} parts", other.map_or(0, <[Part]>::len)),
    }
}

const TABLE: &str = r#"
[prompts]
"您好。" = "a.wav"
"宽声" = "wide.wav"
"余额是{amount}，再见。" = ["a.wav", "{amount}", "b.wav"]

[pieces]
"五" = "a.wav"
"十" = "a.wav"
"元" = { initial = "a.wav", middle = "a.wav", final = "b.wav" }
"#;

// 100 ms of sound with at most 20 ms and a zero crossing around it, at 8 kHz.
const CLIP: std::ops::RangeInclusive<usize> = 800..=1_200;

#[test]
fn a_recorded_text_is_found_in_any_spelling_and_trimmed() {
    let dir = folder(TABLE);
    let prompts = Prompts::load(dir.path()).expect("the folder is well formed");
    let pause = 8 * 350;
    assert!(CLIP.contains(&(samples(find(&prompts, "您好！")) - pause)));
    assert!(CLIP.contains(&(samples(find(&prompts, "“您好”")) - pause)));
    assert!(CLIP.contains(&samples(find(&prompts, "宽声"))), "resampled to 8 kHz");
    assert_eq!(find(&prompts, "您不好"), None);
}

#[test]
fn slots_are_composed_from_pieces_or_left_to_the_engine_as_a_whole() {
    let dir = folder(TABLE);
    let prompts = Prompts::load(dir.path()).expect("the folder is well formed");
    // Five clips (a, 五, 十, 元, b), a comma and a full stop.
    let spliced = samples(find(&prompts, "余额是50元，再见。")) - 8 * (180 + 350);
    assert!((5 * CLIP.start()..=5 * CLIP.end()).contains(&spliced), "{spliced}");
    assert_eq!(find(&prompts, "余额是60元，再见。"), None, "六 is not recorded");
    assert_eq!(find(&prompts, "余额是，再见。"), None, "an empty slot is no match");
}

#[test]
fn the_same_speaker_may_fill_a_slot() {
    let dir = folder(&format!("same_speaker = true\n{TABLE}"));
    let prompts = Prompts::load(dir.path()).expect("the folder is well formed");
    let parts = find(&prompts, "余额是60元，再见。").expect("the template fits");
    assert!(matches!(&parts[..], [Part::Recorded(_), Part::Speak(slot), Part::Recorded(_)] if slot == "六十元"));
}

#[test]
fn the_folder_as_a_whole_is_brought_to_the_speech_level() {
    let dir = folder(TABLE);
    let prompts = Prompts::load(dir.path()).expect("the folder is well formed");
    let Some([Part::Recorded(pcm)]) = find(&prompts, "宽声").as_deref().map(|parts| [parts[0].clone()]) else {
        panic!("the text is recorded")
    };
    let peak = pcm.iter().map(|s| s.unsigned_abs()).max().unwrap_or(0);
    // A square wave at −20 dBov has its peak there: 3,277.
    assert!((2_900..4_400).contains(&peak), "{peak}");
}

#[test]
fn faults_name_the_file_and_the_reason() {
    let refuse = |table: &str| Prompts::load(folder(table).path()).expect_err("must be refused").to_string();
    assert!(refuse("[prompts]\n\"甲\" = \"missing.wav\"").contains("missing.wav"));
    assert!(refuse("[prompts]\n\"甲\" = [\"a.wav\", \"b.wav\"]").contains("exactly one file"));
    assert!(refuse("[prompts]\n\"甲{x}\" = [\"{x}\", \"a.wav\"]").contains("has no file"));
    assert!(refuse("[prompts]\n\"甲{x}\" = [\"a.wav\", \"{y}\"]").contains("in the order"));
    assert!(refuse("[prompts]\n\"甲{x\" = \"a.wav\"").contains("never closed"));
    assert!(refuse("[promts]\n").contains("promts"));
    assert!(refuse("[prompts]\n\"。\" = \"a.wav\"").contains("nothing that is said"));
    assert!(refuse("[prompts]\n\"5元\" = \"a.wav\"\n\"五元\" = \"b.wav\"").contains("the same text"));
    assert!(refuse("[prompts]\n\"甲\" = 5").contains("a list of file names"));
    assert!(refuse("[pieces]\n\"甲\" = { initial = \"a.wav\" }").contains("initial = .., middle"));
    assert!(refuse("[prompts]\n\"甲\" = \"prompts.toml\"").contains("no WAV file"));
    assert!(refuse("[prompts]\n\"甲\" = \"missing.wav\"").contains("record it"));
    let dir = folder("[prompts]\n\"甲\" = \"quiet.wav\"");
    write_wav(&dir.path().join("quiet.wav"), 8_000, 10);
    assert!(Prompts::load(dir.path()).expect_err("must be refused").to_string().contains("silent"));
}
