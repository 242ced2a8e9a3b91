"""Small files that pin the front end and the model for tests in other languages, and the measure of `flush_frames`.

    python models/train/asr/fixtures.py --model models/asr_zh_8k/model.onnx [--tests TESTSETS --measure-flush]
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent / "common")]
import numpy as np  # noqa: E402

import corpus  # noqa: E402
import sentences  # noqa: E402
from decode import greedy_units  # noqa: E402
from espeak import HELD_OUT, Espeak  # noqa: E402
from evaluate import Streamer, read_folder, with_flush  # noqa: E402
from frontend import RATE, log_mel, round_trip, to_int16  # noqa: E402
from pinyin_units import UNITS  # noqa: E402

SENTENCE = "我想查一下话费余额"


def frontend_fixture() -> dict:
    """A quarter of a second: two gliding tones, noise of a linear congruential generator, then digital silence."""
    n = np.arange(2000)
    seed, noise = 12345, np.zeros(len(n))
    for i in n:
        seed = (1103515245 * seed + 12345) % 2**31
        noise[i] = seed / 2**30 - 1.0
    t = n / RATE
    signal = 0.3 * np.sin(2 * np.pi * (300 + 800 * t) * t) + 0.1 * np.sin(2 * np.pi * 2500 * t) + 0.02 * noise
    signal[1400:] = 0.0
    samples = to_int16(signal)
    frames = log_mel(samples.astype(np.float32) / 32768.0)
    return {"sample_rate": RATE, "samples_int16": samples.tolist(), "tolerance": 1e-3,
            "frames": [[round(float(v), 5) for v in row] for row in frames]}


def stream_fixture(streamer: Streamer) -> dict:
    """A sentence of a voice that training never heard, its features with flush, and what greedy decoding makes of it."""
    syllables = sentences.syllables_of(SENTENCE)
    audio = corpus.trim(Espeak().speak(" ".join(syllables), HELD_OUT[0], 190, 45), 45)
    audio = np.concatenate([np.zeros(1200, np.float32), audio * 0.5])
    features = with_flush(log_mel(round_trip(audio, "a")), int(streamer.metadata["flush_frames"]))
    features = np.round(features, 3).astype(np.float32)
    units = greedy_units(streamer.run(features[None], 16)[0])
    assert units == greedy_units(streamer.run(features[None])[0]), "chunks change the result"
    return {"text": SENTENCE, "syllables": syllables, "chunk_len": 16, "features": [[round(float(v), 3) for v in r] for r in features],
            "unit_ids": units, "units": [UNITS[u] for u in units], "model_version": streamer.metadata["version"]}


def measure_flush(streamer: Streamer, tests: Path) -> tuple[int, np.ndarray]:
    """Frames of silence needed after the last frame of speech until nothing more comes out: the 99th percentile."""
    needs = []
    for name in ("synthetic", "words", "strangers"):
        for _, _, _, audio in list(read_folder(tests / name))[::8]:
            features = log_mel(corpus.trim(audio, 32, 0.0))
            lengths = list(range(0, 132, 4))
            longest = with_flush(features, 132)
            log_probs = streamer.run(longest[None])[0]
            full = greedy_units(log_probs)
            # The graph is causal, so a shorter flush is a prefix of the longest one.
            needs.append(next(k for k in lengths if greedy_units(log_probs[: -(-(len(features) + k) // 4)]) == full))
    return int(-(-np.percentile(needs, 99) // 4) * 4), np.array(needs)


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--model", type=Path, required=True)
    ap.add_argument("--tests", type=Path)
    ap.add_argument("--measure-flush", action="store_true")
    args = ap.parse_args()
    streamer = Streamer(args.model)
    if args.measure_flush:
        frames, needs = measure_flush(streamer, args.tests)
        print(f"flush: median {np.median(needs):.0f}, 95 % {np.percentile(needs, 95):.0f}, 99 % {frames} frames")
    (args.model.parent / "frontend_fixture.json").write_text(json.dumps(frontend_fixture(), separators=(",", ":")))
    (args.model.parent / "stream_fixture.json").write_text(
        json.dumps(stream_fixture(streamer), separators=(",", ":"), ensure_ascii=False))


if __name__ == "__main__":
    main()
