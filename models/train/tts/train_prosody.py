"""Second stage: durations and F0 targets of the encoder, on phones alone; a minute or two of one thread.

These nets are done long before the decoder is and learn the words by heart after that, so they have a stage of their
own, keep the state that is best on the held-out words, and are written back into the checkpoint.

python train_prosody.py --data data.npz --run run/ [--minutes 3]
"""

import argparse
import copy
import os
import time

import numpy as np
import torch

from common import F0_POINTS, SUB
from data import SIL, Words
from model import Voice, prosody_losses


def table(words, indices):
    """Per word: phones, tones, pos, ln duration, F0 targets and their weights, silence at both ends."""
    rows = []
    for i in indices:
        ph, tone, pos, bounds, features, logf0, n = words.word(i)
        lengths = np.diff(bounds)
        inner = bounds[1 : n + 1, None] + (np.arange(F0_POINTS) + 0.5) / F0_POINTS * lengths[1 : n + 1, None]
        near = np.clip(np.round(inner - 0.5).astype(int), 0, len(logf0) - 1)
        f0, weight = np.zeros((n + 2, F0_POINTS), np.float32), np.zeros((n + 2, F0_POINTS), np.float32)
        f0[1:-1], weight[1:-1] = logf0[near], 0.05 + 0.95 * features[near, -1]
        logdur = np.zeros(n + 2, np.float32)
        logdur[1:-1] = np.log(np.maximum(lengths[1:-1], 1) / SUB)
        rows.append((ph, tone, pos, logdur, f0, weight))
    return rows


def collate(items):
    """Items are lists of rows; rows are joined, most often without the silence between them."""
    names = ("ph", "tone", "pos", "logdur", "f0", "f0_weight")
    longest = max(sum(len(r[0]) for r in rows) for rows in items)
    batch = {}
    for k, name in enumerate(names):
        first = items[0][0][k]
        batch[name] = np.zeros((len(items), longest, *first.shape[1:]), dtype=first.dtype)
        for at, rows in enumerate(items):
            last = len(rows) - 1
            parts = [r[k][(1 if n > 0 else 0) : (-1 if n < last else None)] for n, r in enumerate(rows)]
            joined = np.concatenate(parts)
            batch[name][at, : len(joined)] = joined
    batch = {name: torch.from_numpy(values) for name, values in batch.items()}
    batch["phone_mask"] = (batch["ph"] != SIL).float()
    return batch


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--run", required=True)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--rate", type=float, default=2e-3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    rng = np.random.default_rng(1)
    path = os.path.join(args.run, "last.pt")
    saved = torch.load(path, weights_only=True)
    voice = Voice()
    voice.load_state_dict(saved["average"])
    encoder = voice.encoder
    fresh = Voice().encoder
    for name in ("prosody_symbols", "prosody", "out"):
        getattr(encoder, name).load_state_dict(getattr(fresh, name).state_dict())
    words = Words(args.data)
    rows, held_out = table(words, words.train), collate([[r] for r in table(words, words.held_out)])
    names = ("prosody_symbols.", "prosody.", "out.")
    parameters = [p for name, p in encoder.named_parameters() if name.startswith(names)]
    optimizer = torch.optim.AdamW(parameters, lr=args.rate, weight_decay=0.02)
    used, step, best, kept, last = 0.0, 0, np.inf, None, -10.0
    while used < args.minutes * 60:
        began = time.process_time()
        for group in optimizer.param_groups:
            group["lr"] = args.rate * min(1.0, (step + 1) / 50) * (1.0 - 0.98 * used / (args.minutes * 60))
        counts = rng.choice([1, 2, 3], 48, p=[0.4, 0.35, 0.25])
        batch = collate([[rows[i] for i in rng.integers(0, len(rows), n)] for n in counts])
        encoder.train()
        duration, pitch = prosody_losses(*encoder.prosody_of(batch["ph"], batch["tone"], batch["pos"]), batch)
        optimizer.zero_grad()
        (duration + 0.5 * pitch).backward()
        optimizer.step()
        step += 1
        if used - last > 5:
            last = used
            encoder.eval()
            with torch.no_grad():
                out = encoder.prosody_of(held_out["ph"], held_out["tone"], held_out["pos"])
                d, f = (float(v) for v in prosody_losses(*out, held_out))
            print(f"step {step} {used:.0f} s: held out duration {d:.4f} pitch {f:.4f}", flush=True)
            if d + 0.5 * f < best:
                best, kept = d + 0.5 * f, copy.deepcopy(encoder.state_dict())
        used += time.process_time() - began
    for key, value in kept.items():
        if key.startswith(names):
            saved["average"]["encoder." + key] = saved["model"]["encoder." + key] = value
    torch.save(saved, path + ".tmp")
    os.replace(path + ".tmp", path)
    print(f"kept the state with duration + pitch / 2 of {best:.4f}")


if __name__ == "__main__":
    main()
