"""Training items from the feature file: one to three words joined, every phone sped up at random.

The recordings are citation forms, three times slower than speech on the telephone. Warping the features in time, finals
more than initials, teaches the decoder short durations.
"""

import numpy as np
import torch

from common import F0_MEAN, F0_POINTS, F0_SCALE, FEATS, H_BANDS, SUB

SIL = 0


class Words:
    def __init__(self, path):
        packed = np.load(path)
        self.names = packed["name"]
        self.rows = {}
        for key in ("features", "f0", "phones", "tones", "syllables", "bounds"):
            cuts = np.cumsum(packed[key + "_len"])[:-1]
            self.rows[key] = np.split(packed[key], cuts)
        order = np.arange(len(self.names))
        self.held_out = order[order % 29 == 7]
        self.train = order[order % 29 != 7]

    def statistics(self):
        """Mean and deviation of every feature; harmonic bands over voiced sub-frames only."""
        sample = np.concatenate([self.rows["features"][i] for i in self.train[::8]]).astype(np.float64)
        voiced = sample[:, -1] > 0.5
        mean, std = np.zeros(FEATS), np.ones(FEATS)
        mean[:H_BANDS], std[:H_BANDS] = sample[voiced, :H_BANDS].mean(0), sample[voiced, :H_BANDS].std(0)
        mean[H_BANDS:-1], std[H_BANDS:-1] = sample[:, H_BANDS:-1].mean(0), sample[:, H_BANDS:-1].std(0)
        return mean.astype(np.float32), std.astype(np.float32)

    def word(self, i):
        """Phones with the silence around them: (ids, tones, pos, bounds, features, normalised log F0)."""
        row = {key: self.rows[key][i] for key in self.rows}
        n = len(row["phones"])
        last = row["syllables"][-1]
        pos = 2 * (row["syllables"] == 0) + (row["syllables"] == last)
        bounds = np.concatenate([[0], row["bounds"], [len(row["f0"])]])
        return (
            np.concatenate([[SIL], row["phones"], [SIL]]).astype(np.int64),
            np.concatenate([[0], row["tones"], [0]]).astype(np.int64),
            np.concatenate([[0], pos, [0]]).astype(np.int64),
            bounds.astype(np.int64),
            row["features"].astype(np.float32),
            (np.log(row["f0"]) - F0_MEAN) / F0_SCALE,
            n,
        )


def time_warp(features, logf0, bounds, frames):
    """Resamples each phone of source bounds (sub-frames) to its new length in frames."""
    positions = []
    for start, end, length in zip(bounds[:-1], bounds[1:], frames):
        count = length * SUB
        positions.append(start + (np.arange(count) + 0.5) / count * (end - start) - 0.5)
    position = np.clip(np.concatenate(positions), 0, len(features) - 1)
    low = position.astype(np.int64)
    high = np.minimum(low + 1, len(features) - 1)
    share = (position - low).astype(np.float32)
    share = np.where(features[low, -1] == features[high, -1], share, np.round(share))[:, None]
    warped = (1 - share) * features[low] + share * features[high]
    pitch = (1 - share[:, 0]) * logf0[low] + share[:, 0] * logf0[high]
    return warped, pitch


def item(words, indices, rng, warp=True):
    """One training item of several words; see `collate` for the fields."""
    ph, tone, pos, dur, dur_target, f0_target, f0_weight, feats, pitch = ([] for _ in range(9))
    base = rng.uniform(0.38, 1.05) if warp else 1.0
    for nth, i in enumerate(indices):
        p, t, ps, bounds, features, logf0, n = words.word(i)
        lengths = np.diff(bounds)
        keep = np.ones(n + 2, dtype=bool)
        factor = np.where(np.array(p) >= 24, base, min(1.05, 0.35 + 0.72 * base))
        if warp:
            factor = factor * rng.uniform(0.85, 1.15, n + 2)
        frames = np.maximum(2, np.round(lengths / SUB * factor)).astype(np.int64)
        frames[0] = min(lengths[0] // SUB, rng.integers(2, 9)) if warp else lengths[0] // SUB
        frames[-1] = min(lengths[-1] // SUB, rng.integers(4, 13)) if warp else lengths[-1] // SUB
        bounds = bounds.copy()
        if frames[0] > 0:
            bounds[0] = bounds[1] - frames[0] * SUB
        end = bounds[-2] + frames[-1] * SUB
        bounds[-1] = end
        joined = warp and rng.random() < 0.6
        if frames[0] <= 0 or (joined and nth > 0):
            keep[0] = False
        if frames[-1] <= 0 or (joined and nth + 1 < len(indices)):
            keep[-1] = False
        f, z = time_warp(features, logf0, bounds, np.maximum(frames, 0))
        cut = slice(0 if keep[0] else max(frames[0], 0) * SUB, len(f) - (0 if keep[-1] else max(frames[-1], 0) * SUB))
        points = np.zeros((n + 2, F0_POINTS), dtype=np.float32)
        weight = np.zeros((n + 2, F0_POINTS), dtype=np.float32)
        for k in range(1, n + 1):
            at = bounds[k] + (np.arange(F0_POINTS) + 0.5) / F0_POINTS * (bounds[k + 1] - bounds[k])
            near = np.clip(np.round(at - 0.5).astype(int), 0, len(logf0) - 1)
            points[k], weight[k] = logf0[near], 0.05 + 0.95 * features[near, -1]
        target = np.log(np.maximum(lengths, 1) / SUB).astype(np.float32)
        target[[0, -1]] = 0.0
        for rows, values in zip(
            (ph, tone, pos, dur, dur_target, f0_target, f0_weight), (p, t, ps, frames, target, points, weight)
        ):
            rows.append(values[keep])
        feats.append(f[cut])
        pitch.append(z[cut])
    out = [np.concatenate(rows) for rows in (ph, tone, pos, dur, dur_target, f0_target, f0_weight, feats, pitch)]
    return out


def frame_inputs(dur, pitch):
    """Per-frame index into the phones and the conditioning [T, 5] that the decoder wants besides `g`."""
    index = np.repeat(np.arange(len(dur)), dur)
    start = np.repeat(np.cumsum(dur) - dur, dur)
    inside = np.arange(len(index)) - start + 0.5
    length = np.repeat(dur, dur).astype(np.float64)
    cond = np.stack(
        [
            pitch,
            inside / length,
            np.exp(-inside / 4.0),
            np.exp(-(length - inside) / 4.0),
            np.log(length / 10.0),
        ],
        axis=1,
    )
    return index, cond.astype(np.float32)


def collate(items, rng=None):
    """Pads a list of items into tensors; lengths go along as masks."""
    n = len(items)
    phones = max(len(i[0]) for i in items)
    frames = max(int(i[3].sum()) for i in items)
    batch = {
        "ph": torch.zeros(n, phones, dtype=torch.long),
        "tone": torch.zeros(n, phones, dtype=torch.long),
        "pos": torch.zeros(n, phones, dtype=torch.long),
        "logdur": torch.zeros(n, phones),
        "f0": torch.zeros(n, phones, F0_POINTS),
        "f0_weight": torch.zeros(n, phones, F0_POINTS),
        "index": torch.zeros(n, frames, dtype=torch.long),
        "cond": torch.zeros(n, frames, 5),
        "target": torch.zeros(n, frames * SUB, FEATS),
        "mask": torch.zeros(n, frames * SUB, 1),
        "phone_mask": torch.zeros(n, phones),
    }
    for row, (ph, tone, pos, dur, dur_target, f0, weight, feats, pitch) in enumerate(items):
        p, t = len(ph), int(dur.sum())
        per_frame = pitch.reshape(t, SUB).mean(1)
        if rng is not None:
            per_frame = per_frame + rng.normal(0, 0.12) + rng.normal(0, 0.04, t)
        index, cond = frame_inputs(dur, per_frame)
        for key, values in (("ph", ph), ("tone", tone), ("pos", pos), ("logdur", dur_target), ("f0", f0)):
            batch[key][row, :p] = torch.from_numpy(values)
        batch["f0_weight"][row, :p] = torch.from_numpy(weight)
        batch["phone_mask"][row, :p] = torch.from_numpy((ph != SIL).astype(np.float32))
        batch["index"][row, :t] = torch.from_numpy(index)
        batch["cond"][row, :t] = torch.from_numpy(cond)
        batch["target"][row, : t * SUB] = torch.from_numpy(feats)
        batch["mask"][row, : t * SUB] = 1.0
    return batch


def batches(words, rng, size):
    """Endless batches; items of like length share one."""
    while True:
        pool = []
        for _ in range(size * 8):
            count = rng.choice([1, 2, 3], p=[0.45, 0.35, 0.2])
            pool.append(item(words, rng.choice(words.train, count), rng))
        pool.sort(key=lambda i: i[3].sum())
        order = rng.permutation(8)
        for k in order:
            yield collate(pool[k * size : (k + 1) * size], rng)
