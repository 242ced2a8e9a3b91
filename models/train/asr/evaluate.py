"""Measures a model on the test folders of make_testsets.py, without language model or lexicon.

    python models/train/asr/evaluate.py --model models/asr_zh_8k/model.onnx --tests TESTSETS [--chunk 16]

Syllable error is greedy, toneless, with a 95 % bootstrap interval over utterances; the choice among the 12 words and
the digit strings are closed grammars scored by CTC.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent / "common")]
import numpy as np  # noqa: E402
import onnxruntime as ort  # noqa: E402
import soundfile as sf  # noqa: E402

import corpus  # noqa: E402
from decode import best_string, choose, ctc_score, edit_distance, greedy_syllables, greedy_units  # noqa: E402
from frontend import LOG_FLOOR, N_MELS, log_mel, round_trip  # noqa: E402
from pinyin_units import TONED_UNITS, TONELESS_OF, UNITS, labels_of, toned, units_of  # noqa: E402
from sentences import syllables_of  # noqa: E402

DIGIT_WORDS = {"0": ["ling"], "1": ["yi"], "1y": ["yao"], "2": ["er"], "3": ["san"], "4": ["si"], "5": ["wu"],
               "6": ["liu"], "7": ["qi"], "8": ["ba"], "9": ["jiu"]}
HANZI_DIGIT = dict(zip("零幺一二三四五六七八九", ["0", "1y", "1", "2", "3", "4", "5", "6", "7", "8", "9"]))


class Streamer:
    def __init__(self, path: Path):
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.names = [i.name for i in self.session.get_inputs()]
        self.shapes = [i.shape[1:] for i in self.session.get_inputs()[1:]]
        self.metadata = self.session.get_modelmeta().custom_metadata_map

    def run(self, features: np.ndarray, chunk: int = 0) -> np.ndarray:
        """[N, T, 40] -> [N, T / 4, units], in pieces of `chunk` frames (0 = all at once)."""
        states = [np.zeros([len(features), *s], np.float32) for s in self.shapes]
        out = []
        chunk = chunk or features.shape[1]
        for t in range(0, features.shape[1], chunk):
            result = self.session.run(None, dict(zip(self.names, [features[:, t : t + chunk], *states])))
            out.append(result[0])
            states = result[1:]
        return np.concatenate(out, axis=1)


def read_folder(folder: Path, limit: int = 0):
    for line in (folder / "transcripts.tsv").read_text(encoding="utf8").splitlines()[: limit or None]:
        name, text, syllables, speaker = line.split("\t")
        audio, rate = sf.read(folder / name, dtype="float32")
        assert rate == 8000
        yield text, syllables.split(), speaker, audio


def with_flush(features: np.ndarray, flush: int) -> np.ndarray:
    """`flush` frames of digital silence at the end, and up to the next multiple of 16 frames."""
    total = -(-(len(features) + flush) // 16) * 16
    silence = np.full((total - len(features), N_MELS), np.log(LOG_FLOOR), np.float32)
    return np.concatenate([features, silence])


def recognise(streamer: Streamer, folder: Path, limit: int, chunk: int):
    """[(text, syllables, speaker, log_probs)] of a folder, and (CPU seconds, audio seconds)."""
    flush = int(streamer.metadata.get("flush_frames", "40"))
    items = sorted(read_folder(folder, limit), key=lambda i: len(i[3]))
    out, cpu, audio_seconds = [], 0.0, 0.0
    for at in range(0, len(items), 8):
        group = items[at : at + 8]
        features = [with_flush(log_mel(audio), flush) for _, _, _, audio in group]
        longest = max(len(f) for f in features)
        batch = np.full((len(group), longest, N_MELS), np.log(LOG_FLOOR), np.float32)
        for i, f in enumerate(features):
            batch[i, : len(f)] = f
        began = time.process_time()
        log_probs = streamer.run(batch, chunk)
        cpu += time.process_time() - began
        for (text, syllables, speaker, audio), f, lp in zip(group, features, log_probs):
            out.append((text, syllables, speaker, lp[: len(f) // 4]))
            audio_seconds += len(audio) / 8000
    return out, cpu, audio_seconds


def without_tones(log_probs: np.ndarray) -> np.ndarray:
    """[T, 217] -> [T, 61]: a final is as likely as its five tones together.  What is toneless stays as it is."""
    if log_probs.shape[1] != len(TONED_UNITS):
        return log_probs
    out = np.full((len(log_probs), len(UNITS)), -np.inf, np.float32)
    for unit in range(len(UNITS)):
        out[:, unit] = np.logaddexp.reduce(log_probs[:, [i for i, u in enumerate(TONELESS_OF) if u == unit]], axis=1)
    return out


def choose_by_tone(log_probs: np.ndarray, texts: list[str]) -> str:
    """The text whose toned units a toned model finds likeliest."""
    return max(texts, key=lambda text: ctc_score(log_probs, [toned(x) for x in labels_of(syllables_of(text))]))


def rtf_rows(streamer: Streamer, seconds: int = 60):
    """CPU time over audio of the network alone, fed in steps of 160 ms as in calls."""
    for calls in (1, 4):
        features = np.random.default_rng(0).normal(-8, 4, (calls, seconds * 100, N_MELS)).astype(np.float32)
        streamer.run(features[:, :1600], 16)
        began = time.process_time()
        streamer.run(features, 16)
        yield f"| {calls} | {(time.process_time() - began) / (calls * seconds):.4f} |"


def noise_rows(streamer: Streamer, speech: Path):
    """Units heard in a minute of each training noise alone, through A-law at two levels."""
    for name, audio in [*corpus.noises(speech), ("digital silence", np.zeros(480000, np.float32))]:
        audio = audio[:480000]
        rms = max(float(np.sqrt((audio**2).mean())), 1e-9)
        heard = []
        for dbfs in (-50, -30):
            features = log_mel(round_trip(np.clip(audio * (10 ** (dbfs / 20) / rms), -0.98, 0.98), "a"))
            log_probs = streamer.run(with_flush(features, 0)[None])[0]
            heard.append(f"{len(greedy_units(without_tones(log_probs))) * 480000 / len(audio):.0f}")
        yield f"| {name} | {' | '.join(heard)} |"


def interval(errors: np.ndarray, totals: np.ndarray, rounds: int = 1000) -> tuple[float, float, float]:
    rng = np.random.default_rng(0)
    picks = rng.integers(0, len(errors), (rounds, len(errors)))
    rates = errors[picks].sum(axis=1) / totals[picks].sum(axis=1)
    return errors.sum() / totals.sum(), *np.percentile(rates, [2.5, 97.5])


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--model", type=Path, required=True)
    ap.add_argument("--tests", type=Path)
    ap.add_argument("--limit", type=int, default=0, help="files per folder (0 = all)")
    ap.add_argument("--chunk", type=int, default=0, help="frames per step (0 = whole utterances; the result is the same)")
    ap.add_argument("--speakers", action="store_true", help="also print every speaker")
    ap.add_argument("--show", type=int, default=0, help="print this many hypotheses per folder")
    ap.add_argument("--noise", type=Path, metavar="SPEECH", help="hear the noises of this speech folder instead")
    ap.add_argument("--rtf", action="store_true", help="measure the network's speed instead")
    args = ap.parse_args()
    if not (args.tests or args.noise or args.rtf):
        ap.error("give --tests, --noise or --rtf")
    streamer = Streamer(args.model)
    if args.rtf:
        print("| calls in a batch | CPU time / audio of one call |\n|---|---|")
        return print("\n".join(rtf_rows(streamer)))
    if args.noise:
        print("| noise alone | units a minute at -50 dBFS | at -30 dBFS |\n|---|---|---|")
        return print("\n".join(noise_rows(streamer, args.noise)))
    cpu_total = audio_total = 0.0
    print("| test | utterances | measure | result | 95 % interval |\n|---|---|---|---|---|")
    for folder in sorted(p for p in args.tests.iterdir() if (p / "transcripts.tsv").exists()):
        raw, cpu, seconds = recognise(streamer, folder, args.limit, args.chunk)
        items = [(*item, without_tones(log_probs)) for *item, log_probs in raw]
        cpu_total, audio_total = cpu_total + cpu, audio_total + seconds
        errors, totals, per_speaker, exact = [], [], defaultdict(lambda: [0, 0]), 0
        for text, syllables, speaker, log_probs in items:
            reference = [tuple(units_of(s)) for s in syllables]
            hypothesis = greedy_syllables(log_probs)
            e = edit_distance(reference, hypothesis)
            errors.append(e)
            totals.append(len(reference))
            exact += e == 0
            per_speaker[speaker][0] += e
            per_speaker[speaker][1] += len(reference)
        for text, syllables, speaker, log_probs in items[:: max(1, len(items) // args.show)] if args.show else []:
            print(f"  {speaker} {' '.join(syllables)} -> {' '.join(''.join(s) for s in greedy_syllables(log_probs))}")

        def row(measure: str, e: np.ndarray, t: np.ndarray) -> None:
            rate, low, high = interval(np.array(e), np.array(t))
            print(f"| {folder.name} | {len(items)} | {measure} | {100 * rate:.1f} % | {100 * low:.1f}-{100 * high:.1f} % |")

        row("syllable error", errors, totals)
        print(f"| {folder.name} | {len(items)} | utterances without error | {100 * exact / len(items):.1f} % | |")
        if folder.name == "strangers":
            phrases = dict(sorted((text, syllables) for text, syllables, _, _ in items))
            chosen = [choose(lp, phrases) for *_, lp in items]
            row("wrong choice among 12", [c != item[0] for c, item in zip(chosen, items)], [1] * len(items))
            # 北京 and 背景 differ by tone alone, so that one of them is always lost above.
            if raw[0][3].shape[1] == len(TONED_UNITS):
                row("wrong choice among 12, by tone", [choose_by_tone(lp, list(phrases)) != text for text, _, _, lp in raw],
                    [1] * len(raw))
            row("wrong choice, homophones as one", [phrases[c] != item[1] for c, item in zip(chosen, items)], [1] * len(items))
        if folder.name == "digits":
            found = [([HANZI_DIGIT[c] for c in text], best_string(lp, DIGIT_WORDS)) for text, _, _, lp in items]
            row("digit error, digits only", [edit_distance(a, b) for a, b in found], [len(a) for a, _ in found])
        for speaker, (e, t) in sorted(per_speaker.items()) if args.speakers else []:
            print(f"| {folder.name} | | {speaker} | {100 * e / t:.1f} % | |")
    print(f"\nCPU time / audio: {cpu_total / audio_total:.4f} (batches of 8, one thread)")


if __name__ == "__main__":
    main()
