"""Trains the recognizer on cached spectra; resumes by itself from the last checkpoint.

    python models/train/asr/train.py --cache CACHE --work WORK --hours 2

The learning rate follows one cycle over the wall-clock hours given (or over --steps), so a shared or slow machine
still ends its schedule.  One thread computes, one low-priority process makes batches.  Matrix work is in bfloat16
where the processor has it; the loss and the weights are in single precision.
"""

from __future__ import annotations

import os

# The loader's small products gain nothing from a thread pool, which would only spin beside the training thread.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse  # noqa: E402
import contextlib  # noqa: E402
import math  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent / "common")]
import numpy as np  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402

from batches import MIX, Loader  # noqa: E402
from export import weights_from_onnx  # noqa: E402
from model import Recognizer, Shape, parameters  # noqa: E402
from pinyin_units import TONED_UNITS, TONELESS_OF, UNITS  # noqa: E402


def one_cycle(progress: float, peak: float) -> float:
    warm = 0.04
    if progress < warm:
        return peak * (0.05 + 0.95 * progress / warm)
    at = min(1.0, (progress - warm) / (1 - warm))
    return peak * (0.005 + 0.995 * 0.5 * (1 + math.cos(math.pi * at)))


def normalisation(loader: Loader, model: Recognizer, batches: int = 12) -> None:
    frames = np.concatenate([x.astype(np.float32)[np.arange(x.shape[1])[None] < n[:, None]]
                             for x, n, _, _ in (loader.next() for _ in range(batches))])
    model.mean.copy_(torch.tensor(frames.mean(axis=0)))
    model.inv_std.copy_(torch.tensor(1 / frames.std(axis=0)))


def with_tones(shape: Shape, weights: dict[str, torch.Tensor]) -> tuple[Shape, dict[str, torch.Tensor]]:
    """A toneless start for toned units: each tone begins as a fifth of its final."""
    share = torch.log(torch.bincount(torch.tensor(TONELESS_OF))[TONELESS_OF].float())
    grown = {"out.weight": weights["out.weight"][TONELESS_OF], "out.bias": weights["out.bias"][TONELESS_OF] - share}
    return Shape(**{**shape.as_dict(), "units": len(TONED_UNITS)}), {**weights, **grown}


def save(path: Path, **state) -> None:
    tmp = path.with_suffix(".tmp")
    torch.save(state, tmp)
    os.replace(tmp, path)


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--cache", type=Path, required=True, help="folder written by prepare.py")
    ap.add_argument("--work", type=Path, required=True, help="checkpoints and log")
    ap.add_argument("--hours", type=float, default=2.0)
    ap.add_argument("--steps", type=int, default=0, help="end after this many steps instead")
    ap.add_argument("--lr", type=float, default=2e-3)
    ap.add_argument("--batch-frames", type=int, default=11000)
    ap.add_argument("--save-minutes", type=float, default=4.0)
    ap.add_argument("--threads", type=int, default=1)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--init-from", type=Path, help="a checkpoint (.pt) or a published model.onnx to start from")
    ap.add_argument("--toned", action="store_true", help="finals carry their tone (217 units in place of 61)")
    ap.add_argument("--without", nargs="*", default=[], choices=list(MIX), help="voices that this model never hears")
    ap.add_argument("--no-bf16", action="store_true")
    for name, default in Shape().as_dict().items():
        if name not in ("units", "mels"):
            ap.add_argument(f"--{name}", type=type(default), default=default)
    args = ap.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)

    shape = Shape(units=len(TONED_UNITS if args.toned else UNITS), front=args.front, front2=args.front2, dim=args.dim,
                  hidden=args.hidden, blocks=args.blocks, kernel=args.kernel, dropout=args.dropout)
    last = args.work / "last.pt"
    resumed = torch.load(last, weights_only=False) if last.exists() else None
    warm = None
    if args.without and args.init_from:
        ap.error("--without needs a start from nothing: the weights of --init-from may have heard the voice")
    if resumed and resumed.get("without", []) != args.without:
        ap.error(f"{last} was trained with --without {resumed.get('without', [])}: give the same")
    if resumed:
        shape = Shape(**resumed["shape"])
    elif args.init_from and args.init_from.suffix == ".onnx":
        shape, warm = weights_from_onnx(args.init_from)
    elif args.init_from:
        start = torch.load(args.init_from, weights_only=False)
        shape, warm = Shape(**start["shape"]), start["ema"]
    if warm and args.toned and shape.units == len(UNITS):
        shape, warm = with_tones(shape, warm)
    shape.dropout = args.dropout
    model = Recognizer(shape)
    seed = args.seed + (resumed["step"] if resumed else 0)
    loader = Loader(args.cache, seed, args.batch_frames, shape.units == len(TONED_UNITS), tuple(args.without))
    decayed = [p for p in model.parameters() if p.ndim > 1]
    plain = [p for p in model.parameters() if p.ndim <= 1]
    optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.02}, {"params": plain, "weight_decay": 0.0}],
                                  lr=args.lr, betas=(0.9, 0.98), fused=True)
    step, elapsed, frames_seen = 0, 0.0, 0
    if resumed:
        model.load_state_dict(resumed["model"])
        optimizer.load_state_dict(resumed["optimizer"])
        step, elapsed, frames_seen = resumed["step"], resumed["elapsed"], resumed["frames"]
    elif warm:
        model.load_state_dict(warm)
    else:
        normalisation(loader, model)
    ema = {k: v.clone() for k, v in (resumed["ema"] if resumed else model.state_dict()).items()}
    log = open(args.work / "train.log", "a", buffering=1)
    print(f"{parameters(model) / 1e6:.2f} M parameters, from step {step}", file=log)

    cast = contextlib.nullcontext if args.no_bf16 else (lambda: torch.autocast("cpu", torch.bfloat16))
    named = dict(model.named_parameters())
    began = saved = reported = time.time()
    since, loss_sum, units_sum, start_frames = 0, 0.0, 0, frames_seen
    model.train()
    while True:
        now = time.time()
        done = step / args.steps if args.steps else (elapsed + now - began) / (args.hours * 3600)
        lr = one_cycle(done, args.lr)
        for group in optimizer.param_groups:
            group["lr"] = lr
        loader.strength.value = min(1.0, 0.4 + 2.0 * done)
        if now - saved > args.save_minutes * 60 or done >= 1:
            save(last, shape=shape.as_dict(), model=model.state_dict(), ema=ema, optimizer=optimizer.state_dict(),
                 step=step, elapsed=elapsed + now - began, frames=frames_seen, without=args.without)
            saved = now
        if done >= 1:
            break
        x, n, labels, lengths = loader.next()
        with cast():
            logits, _ = model(torch.from_numpy(x).float(), *model.zero_states(len(x)))
        logp = F.log_softmax(logits.float(), dim=-1)
        loss = F.ctc_loss(logp.transpose(0, 1), torch.from_numpy(labels), torch.from_numpy(n // 4),
                          torch.from_numpy(lengths), reduction="sum", zero_infinity=True)
        units = max(1, int(lengths.sum()))
        optimizer.zero_grad(set_to_none=True)
        (loss / units).backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 2.0)
        if torch.isfinite(norm):
            optimizer.step()
            decay = min(0.9992, (1 + step) / (20 + step))
            with torch.no_grad():
                torch._foreach_lerp_([ema[k] for k in named], [p.detach() for p in named.values()], 1 - decay)
        step += 1
        frames_seen += int(n.sum())
        since, loss_sum, units_sum = since + 1, loss_sum + float(loss), units_sum + units
        if since == 50:
            rate = (frames_seen - start_frames) / 100 / (time.time() - began)
            print(f"step {step} done {done:.3f} loss/unit {loss_sum / units_sum:.3f} norm {float(norm):.2f} lr {lr:.2e} "
                  f"{(time.time() - reported) / 50:.2f} s/step queue {loader.queue.qsize()} audio {frames_seen / 360000:.1f} h x{rate:.0f}", file=log)
            since, loss_sum, units_sum, reported = 0, 0.0, 0, time.time()
    loader.process.terminate()
    print(f"finished: {step} steps, {frames_seen / 360000:.1f} h of audio", file=log)


if __name__ == "__main__":
    main()
