"""First stage: encoder and decoder, on one CPU thread for a given number of CPU-minutes; resumes from its checkpoint.

Durations and F0 targets come from train_prosody.py after it.

python train.py --data data.npz --run run/ --minutes 45 [--init-from other.pt]
"""

import argparse
import math
import os
import time

import numpy as np
import torch

from data import Words, batches, collate, item
from model import Voice, losses


def validate(model, words, mean, std):
    rng = np.random.default_rng(5)
    model.eval()
    sums, n = {}, 0
    with torch.no_grad():
        for k in range(0, len(words.held_out), 24):
            rows = [item(words, [i], rng, warp=False) for i in words.held_out[k : k + 24]]
            batch = collate(rows)
            for key, value in losses(model(batch), batch, mean, std).items():
                sums[key] = sums.get(key, 0.0) + float(value) * len(rows)
            n += len(rows)
    model.train()
    return {key: value / n for key, value in sums.items()}


def line(step, used, terms):
    return f"step {step} {used / 60:.1f} min " + " ".join(f"{k} {float(v):.3f}" for k, v in terms.items())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--run", required=True)
    parser.add_argument("--minutes", type=float, default=25.0)
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--init-from")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    os.makedirs(args.run, exist_ok=True)
    checkpoint = os.path.join(args.run, "last.pt")
    words = Words(args.data)
    model = Voice()
    average = Voice()
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.rate, betas=(0.9, 0.98), weight_decay=0.01)
    step, used = 0, 0.0
    if os.path.exists(checkpoint):
        saved = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(saved["model"])
        average.load_state_dict(saved["average"])
        optimizer.load_state_dict(saved["optimizer"])
        step, used = saved["step"], saved["used"]
    else:
        if args.init_from:
            known = torch.load(args.init_from, weights_only=True)["average"]
            print("not in --init-from:", model.load_state_dict(known, strict=False).missing_keys or "nothing")
        mean, std = words.statistics()
        model.decoder.mean.copy_(torch.from_numpy(mean))
        model.decoder.std.copy_(torch.from_numpy(std))
        average.load_state_dict(model.state_dict())
    mean, std = model.decoder.mean.clone(), model.decoder.std.clone()
    mean[-1], std[-1] = 0.0, 1.0
    print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters, {len(words.train)} words", flush=True)

    def save():
        state = {"model": model.state_dict(), "average": average.state_dict(), "optimizer": optimizer.state_dict()}
        torch.save(state | {"step": step, "used": used}, checkpoint + ".tmp")
        os.replace(checkpoint + ".tmp", checkpoint)

    source = batches(words, np.random.default_rng(args.seed + step), args.batch)
    budget = args.minutes * 60
    last_save = last_line = last_check = used
    seen = {}
    while used < budget:
        began = time.process_time()
        part = used / budget
        rate = args.rate * min(1.0, (step + 1) / 100) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * part)))
        for group in optimizer.param_groups:
            group["lr"] = rate
        batch = next(source)
        terms = losses(model(batch), batch, mean, std)
        optimizer.zero_grad()
        terms["total"].backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        decay = min(0.998, (step + 1) / (step + 10))
        with torch.no_grad():
            for a, b in zip(average.parameters(), model.parameters()):
                a.lerp_(b, 1 - decay)
        step += 1
        for key, value in terms.items():
            seen[key] = 0.97 * seen.get(key, float(value)) + 0.03 * float(value)
        used += time.process_time() - began
        if used - last_line > 20:
            print(line(step, used, seen), flush=True)
            last_line = used
        if used - last_check > 240:
            print("held out: " + line(step, used, validate(average, words, mean, std)), flush=True)
            last_check = used
        if used - last_save > 60:
            save()
            last_save = used
    save()
    print("held out: " + line(step, used, validate(average, words, mean, std)), flush=True)


if __name__ == "__main__":
    main()
