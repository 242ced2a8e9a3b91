"""Draws spectrograms of WAV files, one above the other.

python spectrogram.py out.png "caption" a.wav ["caption" b.wav ...]
"""

import sys

import matplotlib
import numpy as np
import soundfile

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402


def main():
    out, rest = sys.argv[1], sys.argv[2:]
    rows = list(zip(rest[::2], rest[1::2]))
    figure, axes = plt.subplots(len(rows), 1, figsize=(10, 2.2 * len(rows)), squeeze=False)
    for axis, (caption, path) in zip(axes[:, 0], rows):
        sound, rate = soundfile.read(path)
        sound = sound + 1e-5 * np.random.default_rng(0).normal(size=len(sound))
        axis.specgram(sound, NFFT=100, Fs=rate, noverlap=85, pad_to=256, vmin=-120)
        axis.set_title(caption, fontsize=9, loc="left")
        axis.tick_params(labelsize=7)
    figure.tight_layout()
    figure.savefig(out, dpi=48)


if __name__ == "__main__":
    main()
