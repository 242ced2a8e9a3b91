"""Reads the voice back with the project's recognizer, through A-law: syllable error beside nature's and espeak-ng's.

python models/train/tts/eval.py --testsets TESTSETS

prints every row of the table in the voice's card; TESTSETS is what ../asr/make_testsets.py writes. Run it again whenever
the recognizer's or the voice's weights change. Without --testsets the natural rows are left out.
"""

import argparse
import collections
import os
import subprocess
import sys
import tempfile

import numpy as np
import onnxruntime
import soundfile
from scipy.signal import resample_poly

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(HERE, "..", "common"))
from frontend import RATE, log_mel, round_trip  # noqa: E402
from pinyin_units import UNITS, group_syllables, unit_ids  # noqa: E402

from prosody import MARKS, read_pinyin  # noqa: E402
from voice import Voice  # noqa: E402


NATURAL = {
    "natural: words of the same speaker, unknown to the recognizer": "words",
    "natural: sentences joined from her recorded words, as she is and lowered": "caller",
}
# On the first half of the sentences: name, rate, pitch, formant.
VARIANTS = [
    ("this voice, first half, rate 1", 1.0, 1.0, 1.0),
    ("this voice, first half, rate 0.85", 0.85, 1.0, 1.0),
    ("this voice, first half, rate 1.25", 1.25, 1.0, 1.0),
    ("this voice, first half, pitch 0.55, formant 0.82", 1.0, 0.55, 0.82),
]


class Recognizer:
    def __init__(self, path):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])
        self.states = [i for i in self.session.get_inputs() if i.name != "x"]

    def syllables(self, sound):
        """Greedy reading of a float signal: list of unit tuples."""
        padded = np.concatenate([np.zeros(RATE // 4), sound, np.zeros(RATE * 2 // 5)])
        x = log_mel(round_trip(padded, "a"))
        x = x[: len(x) // 4 * 4]
        feed = {"x": x[None]}
        feed |= {s.name: np.zeros([d if isinstance(d, int) else 1 for d in s.shape], np.float32) for s in self.states}
        best = self.session.run(["log_probs"], feed)[0][0].argmax(1)
        keep = [int(b) for b, before in zip(best, np.concatenate([[-1], best[:-1]])) if b != before and b != 0]
        return group_syllables([UNITS[i] for i in keep])


def truth(pinyin):
    return group_syllables([UNITS[i] for i in unit_ids(pinyin)])


def align(want, got):
    """Edit distance and the pairs on its path."""
    cost = np.zeros((len(want) + 1, len(got) + 1), dtype=int)
    cost[:, 0], cost[0] = np.arange(len(want) + 1), np.arange(len(got) + 1)
    for i, w in enumerate(want, 1):
        for j, g in enumerate(got, 1):
            cost[i, j] = min(cost[i - 1, j] + 1, cost[i, j - 1] + 1, cost[i - 1, j - 1] + (w != g))
    i, j, pairs = len(want), len(got), []
    while i or j:
        if i and j and cost[i, j] == cost[i - 1, j - 1] + (want[i - 1] != got[j - 1]):
            i, j = i - 1, j - 1
            pairs.append((want[i], got[j]))
        elif i and cost[i, j] == cost[i - 1, j] + 1:
            i -= 1
            pairs.append((want[i], None))
        else:
            j -= 1
            pairs.append((None, got[j]))
    return cost[-1, -1], pairs


def active_level_db(sound):
    """Level over the 20 ms frames within 16 dB of the loudest tenth."""
    frames = sound[: len(sound) // 160 * 160].reshape(-1, 160)
    power = (frames**2).mean(1) + 1e-12
    top = np.quantile(power, 0.9)
    return 10 * np.log10(power[power > top * 10**-1.6].mean())


def espeak(pinyin):
    """The sentence by espeak-ng, 8 kHz, at a like rate and level."""
    for mark in MARKS:
        pinyin = pinyin.replace(mark, ",")
    with tempfile.NamedTemporaryFile(suffix=".wav") as f:
        command = ["espeak-ng", "-v", "cmn-latn-pinyin+f2", "-s", "160", "-w", f.name, pinyin.replace("/", "")]
        subprocess.run(command, check=True)
        sound, rate = soundfile.read(f.name)
    sound = resample_poly(sound, RATE, rate)
    return sound * 10 ** ((-20 - active_level_db(sound)) / 20)


def score(name, items, recognizer, confusions=None):
    """Prints one row of the table; returns the syllable error."""
    wrong = total = polite = polite_right = 0
    sentences = []
    for pinyin, sound in items:
        errors, pairs = align(truth(pinyin), recognizer.syllables(sound))
        wrong, total = wrong + errors, total + len(truth(pinyin))
        sentences.append((errors, len(truth(pinyin))))
        heard = [b for a, b in pairs if a == ("n", "in")]
        polite, polite_right = polite + len(heard), polite_right + heard.count(("n", "in"))
        if confusions is not None:
            confusions.update((a, b) for a, b in pairs if a != b)
    rng = np.random.default_rng(0)
    table = np.array(sentences)
    draws = table[rng.integers(0, len(table), (1000, len(table)))].sum(1)
    low, high = np.quantile(draws[:, 0] / draws[:, 1], [0.025, 0.975])
    share = f"{polite_right} of {polite}" if polite else "-"
    error = f"{100 * wrong / total:.1f} % | {100 * low:.1f} to {100 * high:.1f}"
    print(f"| {name} | {len(table)} | {total} | {error} | {share} |", flush=True)
    return wrong / total


def natural(folder):
    """The recordings of a test folder: (pinyin, sound)."""
    table = os.path.join(folder, "transcripts.tsv")
    if not os.path.exists(table):
        sys.exit(f"{table} is missing: write the folder with models/train/asr/make_testsets.py")
    with open(table, encoding="utf-8") as lines:
        rows = [line.rstrip("\n").split("\t") for line in lines]
    return [(r[2].split(), soundfile.read(os.path.join(folder, r[0]))[0]) for r in rows]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--voice", default=os.path.join(HERE, "../../voice_yuetan_8k"))
    parser.add_argument("--asr", default=os.path.join(HERE, "../../asr_zh_8k/model.onnx"))
    parser.add_argument("--sentences", default=os.path.join(HERE, "hotline_100.tsv"))
    parser.add_argument("--testsets", help="folder that make_testsets.py wrote")
    parser.add_argument("--no-espeak", action="store_true")
    parser.add_argument("--no-variants", action="store_true", help="leave out other rates and the man")
    parser.add_argument("--confusions", type=int, default=8, help="how many to print")
    parser.add_argument("--wav", help="folder to keep our renderings in")
    args = parser.parse_args()
    recognizer, voice = Recognizer(args.asr), Voice(args.voice)
    with open(args.sentences, encoding="utf-8") as lines:
        texts = [line.rstrip("\n").split("\t")[1] for line in lines]
    plain = [[s.pinyin for s in read_pinyin(t)] for t in texts]
    ours = [voice.speak(read_pinyin(t)) for t in texts]
    if args.wav:
        os.makedirs(args.wav, exist_ok=True)
        for n, sound in enumerate(ours):
            soundfile.write(f"{args.wav}/{n:03d}.wav", sound, RATE, subtype="PCM_16")
    seconds, count = sum(map(len, ours)) / RATE, sum(map(len, plain))
    print(f"{seconds:.0f} s for {count} syllables: {1000 * seconds / count:.0f} ms each with pauses")
    print(f"active level {active_level_db(np.concatenate(ours)):.1f} dBov, peak {np.abs(np.concatenate(ours)).max():.2f}")
    print("\n| speech | clips | syllables | syllable error | 95 % | 您 heard right |\n|---|---|---|---|---|---|")
    confusions, ratios = collections.Counter(), []
    error = score("this voice", zip(plain, ours), recognizer, confusions)
    if args.testsets:
        for name, folder in NATURAL.items():
            ratios.append(error / score(name, natural(os.path.join(args.testsets, folder)), recognizer))
    if not args.no_espeak:
        score("espeak-ng (`cmn-latn-pinyin`)", [(p, espeak(t)) for p, t in zip(plain, texts)], recognizer)
    if not args.no_variants:
        half = len(texts) // 2
        for name, rate, pitch, formant in VARIANTS:
            said = [voice.speak(read_pinyin(t), rate, pitch, formant) for t in texts[:half]]
            score(name, zip(plain[:half], said), recognizer)
    for name, ratio in zip(NATURAL, ratios):
        print(f"{ratio:.2f} times the error of {name}")
    most = confusions.most_common(args.confusions)
    print("most often:", ", ".join(f"{' '.join(a or '-')} as {' '.join(b or '-')} {n}" for (a, b), n in most))


if __name__ == "__main__":
    main()
