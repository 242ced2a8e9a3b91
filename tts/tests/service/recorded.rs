//! Recorded prompts and the engine behind one voice.

use super::common::{Probe, command, config, listen, voice};
use hualu_core::dialogue::Say;
use hualu_core::speech::AudioSource;
use std::path::Path;
use std::sync::Arc;

fn write_wav(path: &Path) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).expect("a writable folder");
    for n in 0..1_600_i32 {
        writer.write_sample(if n % 16 < 8 { 3_000_i16 } else { -3_000 }).expect("a writable file");
    }
    writer.finalize().expect("a writable file");
}

#[tokio::test]
async fn recorded_text_is_played_and_the_rest_is_spoken() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    write_wav(&dir.path().join("a.wav"));
    let table = "same_speaker = true\n[prompts]\n\"您好\" = \"a.wav\"\n\"您{x}好\" = [\"a.wav\", \"{x}\", \"a.wav\"]\n";
    std::fs::write(dir.path().join("prompts.toml"), table).expect("a writable folder");
    let probe = Arc::new(Probe::default());
    let mut config = config();
    config.prompts_dir = Some(dir.path().to_owned());
    let voice = voice(config, &probe);

    let (events, pcm) = listen(voice.synthesize(&command(Say::plain("您好")))).await.expect("no fault");
    assert!(events.iter().all(|event| event.source == AudioSource::Recorded));
    assert_eq!((pcm.len(), probe.prepared()), (1_600, 0));

    let (events, pcm) = listen(voice.synthesize(&command(Say::plain("您甲好")))).await.expect("no fault");
    assert!(events.iter().all(|event| event.source == AudioSource::Engine));
    assert_eq!((pcm.len(), probe.prepared()), (1_600 + 800 + 1_600, 1));

    let (_, pcm) = listen(voice.synthesize(&command(Say::plain("乙")))).await.expect("no fault");
    assert_eq!((pcm.len(), probe.prepared()), (800, 2));
}
