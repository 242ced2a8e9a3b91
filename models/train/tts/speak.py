"""Renders pinyin sentences to WAV, for listening and as training speech for the recognizer.

python speak.py --voice ../../voice_yuetan_8k --list sentences.txt --out wav/ [--pitch 0.55 --formant 0.82 --rate 1.1]
Lines: `name TAB nin2 hao3， qing3 wen4 ...`; a line without tab is named by its number. With --spread every line draws
its own pitch, formant and rate around the given ones.
"""

import argparse
import os

import numpy as np
import soundfile

from common import RATE
from prosody import read_pinyin
from voice import Voice


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--voice", default="../../voice_yuetan_8k")
    parser.add_argument("--list", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--pitch", type=float, default=1.0)
    parser.add_argument("--formant", type=float, default=1.0)
    parser.add_argument("--rate", type=float, default=1.0)
    parser.add_argument("--spread", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    voice = Voice(args.voice)
    rng = np.random.default_rng(args.seed)
    os.makedirs(args.out, exist_ok=True)
    with open(args.list, encoding="utf-8") as lines:
        for n, line in enumerate(lines):
            name, _, text = line.rstrip("\n").rpartition("\t")
            pitch, formant, rate = args.pitch, args.formant, args.rate
            if args.spread:
                pitch *= float(np.exp(rng.normal(0, 0.15)))
                formant *= float(np.exp(rng.normal(0, 0.06)))
                rate *= float(np.exp(rng.normal(0, 0.15)))
            sound = voice.speak(read_pinyin(text), rate, pitch, formant, seed=args.seed + n)
            soundfile.write(os.path.join(args.out, (name or f"{n:05d}") + ".wav"), sound, RATE, subtype="PCM_16")


if __name__ == "__main__":
    main()
