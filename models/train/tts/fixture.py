"""Writes fixture.json: what the Rust engine must give for one short clause, number by number.

python fixture.py --voice ../../voice_yuetan_8k
"""

import argparse
import json
import os

import numpy as np

import prosody
from prosody import read_pinyin
from vocoder import synthesise
from voice import Voice, limit, shape

TEXT = "qing3 nin2 / shao1 deng3。"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--voice", default="../../voice_yuetan_8k")
    args = parser.parse_args()
    voice = Voice(args.voice)
    syllables = read_pinyin(TEXT)
    h, frames, contour, hold = voice.plan(syllables)
    raw = voice.decode(h, frames, contour)
    shaped = shape(raw, voice.spec["shaping"], hold)
    part = slice(20, 60)
    f0 = prosody.to_hz(contour)
    sound = limit(synthesise(shaped, f0) * 10 ** (voice.spec["gain_db"] / 20))
    fixture = {
        "version": voice.spec["version"],
        "syllables": [[s.pinyin, s.tone, s.boundary] for s in syllables],
        "vocoder": {
            "features": [np.round(row, 4).tolist() for row in shaped[part]],
            "f0_hz": np.round(f0[part], 3).tolist(),
            "pitch": 0.9,
            "formant": 0.95,
            "samples": np.round(
                synthesise(np.round(shaped[part], 4), np.round(f0[part], 3), 1, 0.9, 0.95), 5
            ).tolist(),
        },
        "samples": np.clip(np.round(sound * 32768), -32768, 32767).astype(int).tolist(),
    }
    path = os.path.join(args.voice, "fixture.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump(fixture, f, separators=(",", ":"))
    print(path, os.path.getsize(path), "bytes")


if __name__ == "__main__":
    main()
