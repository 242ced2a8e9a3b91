"""Turns recordings, noises and synthetic sentences into shards of cached spectra.

    python models/train/asr/prepare.py --speech ../shared/speech --cache CACHE real
    python models/train/asr/prepare.py --speech ../shared/speech --cache CACHE synth --hours 12 --seed 1

A shard is NAME.f16 (frames x 129 fourth roots of the power spectrum, half precision) and NAME.npz (where each clip
lies, its labels, its group and speaker).  Fourth roots keep the range of half floats; training raises them back,
warps the frequency axis and goes on to mel.  Each clip is stored at an active level of -20 dBFS after a G.711 round
trip at a random level, so that quantisation noise is there in every proportion.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent / "common")]
import corpus  # noqa: E402
from espeak import Espeak, make_private_data, preset_voices  # noqa: E402
from frontend import N_BINS, RATE, power_spectrum, round_trip  # noqa: E402
from pinyin_units import labels_of  # noqa: E402
from sentences import Texts  # noqa: E402

ACTIVE_RMS = 0.1


class Shard:
    def __init__(self, path: Path):
        self.path = path
        self.file = open(path.with_suffix(".f16.tmp"), "wb")
        self.frames = 0
        self.starts: list[int] = []
        self.lengths: list[int] = []
        self.labels: list[list[int]] = []
        self.groups: list[str] = []
        self.speakers: list[str] = []

    def add(self, power: np.ndarray, labels: list[int], group: str, speaker: str) -> None:
        roots = np.sqrt(np.sqrt(power)).astype(np.float16)
        self.file.write(roots.tobytes())
        self.starts.append(self.frames)
        self.lengths.append(len(roots))
        self.frames += len(roots)
        self.labels.append(labels)
        self.groups.append(group)
        self.speakers.append(speaker)

    def close(self) -> None:
        self.file.close()
        tmp = self.path.with_suffix(".tmp.npz")
        np.savez(
            tmp, starts=np.array(self.starts), lengths=np.array(self.lengths),
            labels=np.array([x for row in self.labels for x in row], np.uint16),
            label_lengths=np.array([len(row) for row in self.labels]),
            groups=np.array(self.groups), speakers=np.array(self.speakers),
        )
        os.replace(self.path.with_suffix(".f16.tmp"), self.path.with_suffix(".f16"))
        os.replace(tmp, self.path.with_suffix(".npz"))
        print(f"{self.path.name}: {len(self.starts)} clips, {self.frames / 360000:.2f} h", flush=True)


def active_rms(audio: np.ndarray) -> float:
    n = len(audio) // 80
    energy = (audio[: n * 80].reshape(n, 80) ** 2).mean(axis=1)
    return float(np.sqrt(energy[energy >= energy.max() * 0.003].mean()) + 1e-9)


def through_line(audio: np.ndarray, rng: random.Random) -> np.ndarray:
    """A G.711 round trip at a random level, then the level that all clips are stored at."""
    audio = audio * (ACTIVE_RMS / active_rms(audio))
    law = rng.choice(["", "a", "a", "u"])
    if not law:
        return audio
    gain = 10 ** (rng.uniform(-22.0, 6.0) / 20)
    return round_trip(np.clip(audio * gain, -0.98, 0.98), law) / gain


def move_pitch(power: np.ndarray, beta: float) -> np.ndarray:
    """Moves the harmonics by `beta` and leaves the envelope (the low cepstrum) where it is."""
    log = np.log(power + 1e-9)
    cepstrum = np.fft.irfft(log, axis=1)
    lifter = np.zeros(cepstrum.shape[1])
    lifter[:24] = 1.0
    lifter[-23:] = 1.0
    envelope = np.fft.rfft(cepstrum * lifter, axis=1).real
    source = np.arange(N_BINS) / beta
    source = np.abs((source + N_BINS - 1) % (2 * (N_BINS - 1)) - (N_BINS - 1))  # reflected at 0 and Nyquist
    low = np.minimum(source.astype(int), N_BINS - 2)
    frac = (source - low).astype(np.float32)
    fine = log - envelope
    moved = fine[:, low] * (1 - frac) + fine[:, low + 1] * frac
    return np.exp(envelope + moved).astype(np.float32)


def real(args: argparse.Namespace) -> None:
    rng = random.Random(7)
    shard = Shard(args.cache / "noise")
    for name, audio in corpus.noises(args.speech):
        for _ in range(2 if args.limit == 0 else 1):
            shard.add(power_spectrum(through_line(audio, rng)), [], "noise", name)
    for law in ("", "a", "u"):  # the silence of a line, digital or coded
        silence = np.zeros(RATE * 5, np.float32)
        shard.add(power_spectrum(round_trip(silence, law) if law else silence), [], "silence", law or "digital")
    shard.close()
    # Pitch variants per clip: one voice must become many.
    sources = [
        (corpus.dspspeech(args.speech, "train"), 1, (0.75, 1.35)), (corpus.seedlingo(args.speech), 3, (0.5, 1.2)),
        (corpus.chenwang(args.speech), 2, (0.6, 1.6)), (corpus.yuetan(args.speech), 2, (0.48, 1.15)),
    ]
    for clips, variants, (low, high) in sources:
        shard, count = None, 0
        for clip in clips:
            if clip.held_out:
                continue
            shard = shard or Shard(args.cache / f"real_{clip.group}")
            labels = labels_of(clip.said)
            shard.add(power_spectrum(through_line(clip.audio, rng)), labels, clip.group, clip.speaker)
            for _ in range(variants):
                power = power_spectrum(through_line(clip.audio, rng))
                shard.add(move_pitch(power, rng.uniform(low, high)), labels, clip.group, clip.speaker)
            count += 1
            if args.limit and count >= args.limit:
                break
        if shard:
            shard.close()


def synth(args: argparse.Namespace) -> None:
    rng = random.Random(1000 + args.seed)
    private = args.cache / "espeak"
    names = make_private_data(private, args.random_voices)
    espeak = Espeak(private)
    voices = preset_voices() + names
    texts = Texts(args.lexicon, args.crosswoz, 2000 + args.seed)
    part, began, total = 0, time.time(), 0.0
    while total < args.hours:
        shard = Shard(args.cache / f"synth_{args.seed:02d}_{part:02d}")
        until = min(args.hours - total, args.shard_hours) * 360000
        while shard.frames < until:
            _, said = texts.draw()
            voice = rng.choice(voices)
            rate = rng.randint(130, 260)
            pitch = rng.randint(15, 85)
            # Half of the longer sentences take a breath somewhere.
            spoken = list(said)
            if len(spoken) > 6 and rng.random() < 0.3:
                spoken[rng.randint(2, len(spoken) - 3)] += ","
            audio = espeak.speak(" ".join(spoken), voice, rate, pitch)
            if len(audio) < RATE * 0.08 * len(said) or not np.any(audio):
                continue
            audio = through_line(corpus.trim(audio, 40), rng)
            power = power_spectrum(audio)
            if len(power) >= 8:
                shard.add(power, labels_of(said), "synth", voice)
        total += shard.frames / 360000
        shard.close()
        part += 1
    print(f"{total:.2f} h of synthetic speech in {time.time() - began:.0f} s")


def main() -> None:
    here = Path(__file__).resolve().parent
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--speech", type=Path, default=here.parents[3] / "shared/speech")
    ap.add_argument("--crosswoz", type=Path, default=here.parents[3] / "shared/nlu/crosswoz")
    ap.add_argument("--lexicon", type=Path, default=here.parents[1] / "lexicon_zh/lexicon.tsv")
    ap.add_argument("--cache", type=Path, required=True)
    sub = ap.add_subparsers(dest="what", required=True)
    p = sub.add_parser("real", help="noises and recordings")
    p.add_argument("--limit", type=int, default=0, help="clips per source (0 = all)")
    p = sub.add_parser("synth", help="espeak-ng sentences")
    p.add_argument("--hours", type=float, default=12.0)
    p.add_argument("--shard-hours", type=float, default=1.0)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--random-voices", type=int, default=230)
    args = ap.parse_args()
    args.cache.mkdir(parents=True, exist_ok=True)
    {"real": real, "synth": synth}[args.what](args)


if __name__ == "__main__":
    main()
