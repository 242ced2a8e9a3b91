"""Batches for training: cached spectra -> many speakers, lines and rooms, all in the spectral domain.

One utterance is a synthetic sentence or 1 to 10 recorded words of one voice, at random or such that they make a
hotline sentence, one after the other, from their own careful speed to 2.2 times it.  A warp of the frequency axis
makes another speaker of it; then come rate, room, line, noise, babble, gain, lost packets and masks.  Three
utterances in ten are changed but little: a good line must work best.  Silence stands before and after, and sometimes
alone, so that silence gives blanks.
"""

from __future__ import annotations

import multiprocessing as mp
import os
import random
import time
from pathlib import Path
from queue import Empty, Full

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import lfilter

import sentences
from frontend import LOG_FLOOR, N_MELS, hz_to_mel, mel_matrix
from pinyin_units import toned, toneless, unit_ids

# Share of audio from each source; synthetic speech brings coverage, recordings bring voices.
MIX = {"synth": 0.36, "yuetan": 0.34, "dsp": 0.15, "chenwang": 0.08, "seedlingo": 0.05, "silence": 0.02}
WARPS = np.exp(np.linspace(np.log(0.8), np.log(1.25), 25))
BLURS = (0.0, 1.0, 2.0, 3.5)  # bins of 31 Hz
AT_20_DBFS = 2.0  # mean mel power of speech at -20 dBFS
WHITE = mel_matrix().sum(axis=0) / 129.0  # what white noise of total power 1 leaves in each bin
MEL_HZ = 700 * (10 ** (np.linspace(hz_to_mel(60), hz_to_mel(3800), N_MELS + 2)[1:-1] / 2595) - 1)


class Cache:
    """The cached clips, but for those of the groups in `without`."""

    def __init__(self, folder: Path, without: tuple[str, ...] = ()):
        self.folder = folder
        self.without = without
        self.loaded: set[str] = set()
        self.clips: dict[str, dict[str, list]] = {}

    def refresh(self) -> None:
        for index in sorted(self.folder.glob("*.npz")):
            if index.name.startswith(".") or ".tmp" in index.name or index.name in self.loaded:
                continue
            self.loaded.add(index.name)
            z = np.load(index)
            data = np.memmap(index.with_suffix(".f16"), np.float16, "r").reshape(-1, 129)
            ends = np.cumsum(z["label_lengths"])
            for start, length, end, n, group, speaker in zip(
                z["starts"], z["lengths"], ends, z["label_lengths"], z["groups"], z["speakers"]
            ):
                if group in self.without:
                    continue
                clips = self.clips.setdefault(str(group), {}).setdefault(str(speaker), [])
                clips.append((data, int(start), int(length), z["labels"][end - n : end].tolist()))
        self.synth = [c for v in self.clips.get("synth", {}).values() for c in v]
        self.noise = [c for v in self.clips.get("noise", {}).values() for c in v]
        self.quiet = [c for v in self.clips.get("silence", {}).values() for c in v]
        # Clips by their units, for the voices that can say whole sentences.
        self.said: dict[str, dict[tuple, list]] = {}
        for group in {"yuetan", "chenwang"} & self.clips.keys():
            for clip in (c for v in self.clips.get(group, {}).values() for c in v):
                self.said.setdefault(group, {}).setdefault(tuple(map(toneless, clip[3])), []).append(clip)


class Augmenter:
    def __init__(self, cache: Cache, seed: int, strength: float = 1.0, with_tones: bool = False):
        self.cache = cache
        self.unit = toned if with_tones else toneless
        self.rng = random.Random(seed)
        self.np = np.random.default_rng(seed)
        self.strength = strength
        self.mels = []
        for warp in WARPS:
            mel = mel_matrix(warp)
            self.mels.append([mel if b == 0 else gaussian_filter1d(mel, b, axis=0).astype(np.float32) for b in BLURS])

    def _mel(self, clip, matrix, start: int = 0, frames: int | None = None) -> np.ndarray:
        data, at, length, _ = clip
        length = min(length - start, frames or length)
        roots = data[at + start : at + start + length].astype(np.float32)
        roots *= roots
        roots *= roots
        return roots @ matrix

    def _matrix(self, mild: bool = False) -> np.ndarray:
        spread = 0.3 if mild else 0.42 + 0.58 * self.strength
        warp = min(len(WARPS) - 1, max(0, round(self.rng.gauss(12, 5.5 * spread))))
        blur = 0 if mild else self.rng.choice([0, 0, 0, 1, 1, 2, 3])
        return self.mels[warp][blur]

    @staticmethod
    def _stretch(mel: np.ndarray, rate: float) -> np.ndarray:
        """The same frames at `rate` times the speed."""
        n = max(3, int(len(mel) / rate))
        at = np.linspace(0, len(mel) - 1, n)
        low = np.minimum(at.astype(int), len(mel) - 2)
        frac = (at - low)[:, None].astype(np.float32)
        root = np.sqrt(mel)
        out = root[low] * (1 - frac) + root[low + 1] * frac
        return out * out

    def _warp_time(self, mel: np.ndarray) -> np.ndarray:
        """Local changes of rate within an utterance."""
        n = len(mel)
        if n < 30:
            return mel
        knots = self.np.uniform(0.8, 1.25, max(3, n // 25 + 2))
        speed = np.interp(np.linspace(0, len(knots) - 1, n), np.arange(len(knots)), knots)
        at = np.cumsum(speed)
        at = (at - at[0]) * ((n - 1) / (at[-1] - at[0]))
        low = np.minimum(at.astype(int), n - 2)
        frac = (at - low)[:, None].astype(np.float32)
        root = np.sqrt(mel)
        out = root[low] * (1 - frac) + root[low + 1] * frac
        return out * out

    def _speech(self, group: str, mild: bool) -> tuple[np.ndarray, list[int]]:
        rng, matrix = self.rng, self._matrix(mild)
        if group == "synth":
            clip = rng.choice(self.cache.synth)
            mel, labels = self._stretch(self._mel(clip, matrix), rng.uniform(0.85, 1.3)), clip[3]
            return self._warp_time(mel) if rng.random() < 0.5 else mel, labels
        row = self._sentence(group) if group in self.cache.said and rng.random() < 0.5 else None
        if row is None:
            clips = rng.choice(list(self.cache.clips[group].values()))
            count = rng.choice([1, 1, 1, 2, 2, 3, 4, 5, 6, 8, 10] if group != "chenwang" else [1, 2, 3, 4, 6, 8])
            row = [rng.choice(clips) for _ in range(count)]
        # From the slow care of a single word to conversation.
        base = rng.uniform(0.72, (2.2 if group != "chenwang" else 2.6) if rng.random() < 0.6 else 1.25)
        if len(row) == 1:
            base = min(base, rng.uniform(0.75, 1.6))
        parts, labels, frames = [], [], 0
        for clip in row:
            mel = self._stretch(self._mel(clip, matrix), base * rng.uniform(0.88, 1.14))
            mel = mel * 10 ** (rng.gauss(0, 2.0) / 10)
            if parts:
                gap = rng.choice([0, 0, 0, rng.randint(0, 6), rng.randint(0, 20)])
                if gap:
                    parts.append(np.full((gap, N_MELS), 1e-7, np.float32))
                elif len(mel) > 8 and len(parts[-1]) > 8:  # words run into each other
                    keep = rng.randint(2, 4)
                    parts[-1][-keep:] = np.sqrt(parts[-1][-keep:] * mel[:keep] + 1e-12)
                    mel = mel[keep:]
            parts.append(mel)
            labels = labels + clip[3]
            frames += len(mel)
            if frames > 1000:
                break
        mel = np.concatenate(parts)
        return self._warp_time(mel) if rng.random() < 0.3 else mel, labels

    def _sentence(self, group: str) -> list | None:
        """The clips of one voice that make up a hotline sentence or a digit string, as few as will do."""
        text = sentences.hotline(self.rng) if self.rng.random() < 0.75 else sentences.digits(self.rng, self.rng.randint(1, 9))
        syllables = None if sentences.reserved_for_tests(text) else sentences.syllables_of(text)
        if not syllables:
            return None
        units = [unit_ids([s]) for s in syllables]
        said, row, at = self.cache.said[group], [], 0
        while at < len(units):
            for size in range(min(4, len(units) - at), 0, -1):
                clips = said.get(tuple(u for s in units[at : at + size] for u in s))
                if clips:
                    row.append(self.rng.choice(clips))
                    at += size
                    break
            else:
                return None
        return row

    def _curve(self, depth: float) -> np.ndarray:
        """A random smooth gain over the mel bins, as power."""
        db = gaussian_filter1d(self.np.normal(0, 1, N_MELS + 16), self.rng.uniform(2.5, 7))[8:-8]
        db = db / (np.abs(db).max() + 1e-6) * self.rng.uniform(0, depth)
        tilt = self.rng.gauss(0, 4.0)
        db = db + tilt * np.linspace(-1, 1, N_MELS)
        return (10 ** (db / 10)).astype(np.float32)

    def _band(self) -> np.ndarray:
        """The 300-3400 Hz of an old line, with edges of random place and slope."""
        low, high = self.rng.uniform(80, 330), self.rng.uniform(3150, 3800)
        slope_low, slope_high = self.rng.uniform(6, 24), self.rng.uniform(40, 150)
        db = -np.maximum(0, np.log2(low / MEL_HZ)) * slope_low - np.maximum(0, np.log2(MEL_HZ / high)) * slope_high
        return (10 ** (np.maximum(db, -60) / 10)).astype(np.float32)

    def _noise(self, frames: int) -> np.ndarray:
        """Noise or babble of `frames` frames with mean power 1."""
        rng = self.rng
        if rng.random() < 0.25 and self.cache.synth:  # babble
            out = np.zeros((frames, N_MELS), np.float32)
            for _ in range(rng.randint(1, 5)):
                mel = self._mel(rng.choice(self.cache.synth), self._matrix())
                shift = rng.randint(0, len(mel))
                out += np.resize(np.roll(mel, shift, axis=0), (frames, N_MELS)) * 10 ** (rng.uniform(-8, 0) / 10)
        else:
            clip = rng.choice(self.cache.noise)
            start = rng.randint(0, max(0, clip[2] - frames - 1))
            out = self._mel(clip, self._matrix(), start, frames)
            out = np.resize(out, (frames, N_MELS)) if len(out) < frames else out
            out = out * self._curve(10.0)
        return out / (out.mean() + 1e-9)

    def utterance(self, group: str) -> tuple[np.ndarray, list[int]]:
        rng = self.rng
        mild = rng.random() < 0.3
        if group == "silence":
            mel, labels = np.full((rng.randint(40, 400), N_MELS), 1e-9, np.float32), []
            speech_power = 2e-2
        else:
            mel, labels = self._speech(group, mild)
            speech_power = None
        before, after = rng.randint(4, 50), rng.randint(12, 60)
        if rng.random() < 0.08:
            after += rng.randint(20, 150)
        if rng.random() < 0.05:
            before += rng.randint(20, 150)
        quiet = 1e-9
        mel = np.concatenate([np.full((before, N_MELS), quiet, np.float32), mel, np.full((after, N_MELS), quiet, np.float32)])
        n = len(mel)
        if rng.random() < (0.1 if mild else 0.4):  # room: an exponential tail, a little of it or much
            t60 = rng.uniform(0.1, 0.6)
            decay = 10 ** (-6 * 0.01 / t60)
            tail = lfilter([1 - decay], [1, -decay], mel, axis=0).astype(np.float32)
            wet = rng.uniform(0.05, 0.6)
            mel = (1 - wet) * mel + wet * np.concatenate([np.zeros((2, N_MELS), np.float32), tail[:-2]])
        if rng.random() < 0.8:
            mel = mel * self._curve(4.0 if mild else 9.0)
        power = speech_power or float(mel[before : n - after].mean() + 1e-9)
        if rng.random() < (0.4 if mild else 0.75):
            snr = rng.uniform(20, 45) if mild else rng.uniform(0, 40)
            noise = self._noise(n)
            if rng.random() < 0.2:  # gated: noise only while somebody speaks
                noise[: max(0, before - 5)] = 0
                noise[n - max(0, after - 8) :] = 0
            mel = mel + noise * (power * 10 ** (-snr / 10))
        if rng.random() < 0.7:
            mel = mel * self._band()
        # Speech arrives between about -42 and -12 dBFS; the line's own hiss stays where it is.
        mel = mel * (10 ** (rng.uniform(-22, 8) / 10) * AT_20_DBFS / power)
        if rng.random() < 0.7:  # G.711 adds noise in step with the signal, where the band filter left nothing too
            mel = mel + mel.sum(axis=1, keepdims=True) * (WHITE * 10 ** (-rng.uniform(34, 42) / 10))
        if self.cache.quiet and rng.random() < 0.8:
            hum = self._mel(rng.choice(self.cache.quiet), self.mels[12][0], 0, 300)
            mel = mel + hum[self.np.integers(0, len(hum), n)]
        if rng.random() < 0.08:  # lost packets: 20 ms pieces gone or frozen
            for _ in range(rng.randint(1, 4)):
                at, width = rng.randint(0, n - 1), rng.choice([2, 2, 4, 4, 6])
                mel[at : at + width] = 0 if rng.random() < 0.5 else mel[max(0, at - 1)]
        logs = np.log(np.maximum(mel, LOG_FLOOR))
        if rng.random() < (0.2 if mild else 0.6):
            floor = float(logs.min() if rng.random() < 0.5 else logs.mean())
            for _ in range(rng.randint(1, 2)):
                at, width = rng.randint(0, N_MELS - 1), rng.randint(1, 5)
                logs[:, at : at + width] = floor
            for _ in range(rng.randint(0, 1 + n // 150)):
                at = rng.randint(0, n - 1)
                logs[at : at + rng.randint(2, 7)] = floor
        if not mild and rng.random() < 0.5:
            logs = logs + self.np.normal(0, rng.uniform(0.05, 0.35), logs.shape)
        return logs.astype(np.float16), labels

    def pool(self, frames: int) -> list[tuple[np.ndarray, list[int]]]:
        groups = [g for g in MIX if g == "silence" or g in self.cache.clips]
        weights = [MIX[g] for g in groups]
        out, total = [], 0
        while total < frames:
            # Shares are of audio, so a group of short utterances is drawn more often.
            group = self.rng.choices(groups, [w / MEAN_SECONDS[g] for w, g in zip(weights, groups)])[0]
            logs, labels = self.utterance(group)
            # CTC needs a frame of 40 ms per unit, one more between equal neighbours.
            labels = [self.unit(label) for label in labels]
            need = len(labels) + sum(a == b for a, b in zip(labels, labels[1:]))
            if len(logs) // 4 < need + 2 or len(logs) > 1600:
                continue
            out.append((logs, labels))
            total += len(logs)
        return out


MEAN_SECONDS = {"synth": 3.5, "yuetan": 3.5, "dsp": 3.4, "chenwang": 3.3, "seedlingo": 2.2, "silence": 2.5}


def batches(folder: Path, seed: int, batch_frames: int, with_tones: bool = False, without: tuple[str, ...] = (),
            per_pool: int = 6, strength=None):
    """Endless (x [N, T, 40] f16, frames [N], labels flat, label lengths [N]); T is a multiple of 4."""
    cache = Cache(folder, without)
    cache.refresh()
    augmenter = Augmenter(cache, seed, with_tones=with_tones)
    rng = random.Random(seed)
    refreshed = time.time()
    while True:
        if strength is not None:
            augmenter.strength = strength.value
        if time.time() - refreshed > 60:
            cache.refresh()
            refreshed = time.time()
        pool = sorted(augmenter.pool(batch_frames * per_pool), key=lambda u: len(u[0]))
        ready, current = [], []
        for u in pool:
            if current and (len(current) + 1) * len(u[0]) > batch_frames:
                ready.append(current)
                current = []
            current.append(u)
        if len(current) * len(current[-1][0]) > batch_frames // 2:
            ready.append(current)
        rng.shuffle(ready)
        for batch in ready:
            longest = -(-max(len(u[0]) for u in batch) // 4) * 4
            x = np.full((len(batch), longest, N_MELS), np.log(LOG_FLOOR), np.float16)
            for i, (logs, _) in enumerate(batch):
                x[i, : len(logs)] = logs
            yield (x, np.array([len(u[0]) for u in batch]), np.array([v for u in batch for v in u[1]], np.int64),
                   np.array([len(u[1]) for u in batch]))


def _worker(queue, strength, *source):
    os.nice(5)
    parent = os.getppid()
    for batch in batches(*source, strength=strength):
        while True:
            try:
                queue.put(batch, timeout=10)
                break
            except Full:
                if os.getppid() != parent:  # the training was killed
                    return


class Loader:
    """One low-priority process that fills a queue."""

    def __init__(self, folder: Path, seed: int, batch_frames: int, with_tones: bool = False, without: tuple[str, ...] = (),
                 depth: int = 24):
        context = mp.get_context("fork")
        self.strength = context.Value("d", 0.5)
        self.queue = context.Queue(depth)
        self.process = context.Process(target=_worker, daemon=True,
                                       args=(self.queue, self.strength, folder, seed, batch_frames, with_tones, without))
        self.process.start()

    def next(self):
        while True:
            try:
                return self.queue.get(timeout=10)
            except Empty:
                if not self.process.is_alive():
                    raise RuntimeError("the loader died: its error stands above; is the cache whole?") from None
