"""Writes the recognizer as one ONNX file with its state as inputs and outputs, and reads weights back from it.

    python models/train/asr/export.py --checkpoint WORK/last.pt --out models/asr_zh_8k --version 1

The graph is written node by node under the names of the training code, so that the published file is also a starting
point for more training.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent / "common")]
import numpy as np  # noqa: E402
import onnx  # noqa: E402
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

import frontend as fe  # noqa: E402
from pinyin_units import TONED_UNITS, UNITS  # noqa: E402

EPS = 1e-5


class Graph:
    def __init__(self, weights: dict[str, np.ndarray]):
        self.weights = weights
        self.nodes: list = []
        self.inits: list = []
        self.known: set[str] = set()

    def op(self, kind: str, inputs: list[str], name: str, **attrs) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attrs))
        return name

    def const(self, name: str, value: np.ndarray) -> str:
        if name not in self.known:
            self.known.add(name)
            self.inits.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def ints(self, *values: int) -> str:
        return self.const("i_" + "_".join(map(str, values)).replace("-", "m"), np.array(values, np.int64))

    def weight(self, name: str) -> str:
        return self.const(name, self.weights[name].astype(np.float32))

    def linear(self, x: str, name: str) -> str:
        w = self.const(name + ".weight.T", self.weights[name + ".weight"].astype(np.float32).T)
        return self.op("Add", [self.op("MatMul", [x, w], name + ".mm"), self.weight(name + ".bias")], name + ".y")

    def norm(self, x: str, name: str) -> str:
        return self.op("LayerNormalization", [x, self.weight(name + ".weight"), self.weight(name + ".bias")],
                       name + ".y", axis=-1, epsilon=EPS)

    def silu(self, x: str) -> str:
        return self.op("Mul", [x, self.op("Sigmoid", [x], x + ".sig")], x + ".silu")

    def tail(self, x: str, keep: int, axis: int, out: str) -> None:
        self.nodes.append(helper.make_node(
            "Slice", [x, self.ints(-keep), self.ints(2**31 - 1), self.ints(axis)], [out], name=out))


def build(weights: dict[str, np.ndarray], shape, version: str, flush_frames: int) -> onnx.ModelProto:
    g = Graph(weights)
    n_states = 2 + shape.blocks
    x = g.op("Mul", [g.op("Sub", ["x", g.weight("mean")], "x.centred"), g.weight("inv_std")], "x.norm")
    x = g.op("Unsqueeze", [x, g.ints(1)], "x.4d")
    for i, conv in enumerate(("conv1", "conv2")):
        joined = g.op("Concat", [f"s{i}", x], f"{conv}.in", axis=2)
        g.tail(joined, 1, 2, f"s{i}_out")
        x = g.op("Conv", [joined, g.weight(conv + ".weight"), g.weight(conv + ".bias")], conv + ".y",
                 kernel_shape=[3, 3], strides=[2, 2], pads=[0, 1, 0, 1])
        x = g.silu(x)
    x = g.op("Transpose", [x], "front.t", perm=[0, 2, 1, 3])
    x = g.op("Reshape", [x, g.ints(0, 0, -1)], "front.flat")
    x = g.norm(g.linear(x, "inner"), "inner_norm")
    for b in range(shape.blocks):
        p = f"blocks.{b}"
        joined = g.op("Concat", [f"s{b + 2}", g.op("Transpose", [x], p + ".t", perm=[0, 2, 1])], p + ".in", axis=2)
        g.tail(joined, shape.kernel - 1, 2, f"s{b + 2}_out")
        y = g.op("Conv", [joined, g.weight(p + ".depth"), g.weight(p + ".depth_bias")], p + ".conv",
                 kernel_shape=[shape.kernel], group=shape.dim)
        y = g.norm(g.op("Transpose", [y], p + ".back", perm=[0, 2, 1]), p + ".norm")
        y = g.linear(g.silu(g.linear(y, p + ".up")), p + ".down")
        x = g.op("Add", [x, g.op("Mul", [y, g.weight(p + ".scale")], p + ".scaled")], p + ".sum")
    x = g.linear(g.norm(x, "out_norm"), "out")
    g.nodes.append(helper.make_node("LogSoftmax", [x], ["log_probs"], name="log_probs", axis=-1))

    def value(name: str, dims: list) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, dims)

    dims = [["N", 1, 1, shape.mels], ["N", shape.front, 1, shape.mels // 2]]
    dims += [["N", shape.dim, shape.kernel - 1] for _ in range(shape.blocks)]
    inputs = [value("x", ["N", "T", shape.mels])] + [value(f"s{i}", d) for i, d in enumerate(dims)]
    outputs = [value("log_probs", ["N", "T4", shape.units])] + [value(f"s{i}_out", d) for i, d in enumerate(dims)]
    graph = helper.make_graph(g.nodes, "hualu_ctc", inputs, outputs, g.inits)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="hualu")
    meta = {
        "model_type": "hualu_ctc", "version": version, "language": "zh", "sample_rate": fe.RATE, "feature": "logmel",
        "n_fft": fe.N_FFT, "win_len": fe.WIN, "hop_len": fe.HOP, "window": "hann", "n_mels": fe.N_MELS,
        "f_min": int(fe.F_MIN), "f_max": int(fe.F_MAX), "mel_scale": "htk", "log_floor": "1e-7", "snip_edges": "true",
        "subsampling": 4, "chunk_len": 16, "flush_frames": flush_frames, "blank_id": 0,
        "units": ",".join(TONED_UNITS if shape.units == len(TONED_UNITS) else UNITS), "num_states": n_states,
        "licence": "CC-BY-SA-4.0",
    }
    helper.set_model_props(model, {k: str(v) for k, v in meta.items()})
    onnx.checker.check_model(model)
    return model


def weights_from_onnx(path: Path):
    """(Shape, state dict) of a file that `build` wrote."""
    import torch

    from model import Shape

    inits = {i.name: numpy_helper.to_array(i) for i in onnx.load(path).graph.initializer}
    state = {}
    for name, value in inits.items():
        if name.startswith("i_"):
            continue
        name, value = (name[:-2], value.T) if name.endswith(".T") else (name, value)
        state[name] = torch.tensor(np.array(value))
    blocks = 1 + max(int(k.split(".")[1]) for k in state if k.startswith("blocks."))
    shape = Shape(units=len(state["out.bias"]), mels=len(state["mean"]), front=len(state["conv1.bias"]),
                  front2=len(state["conv2.bias"]), dim=len(state["inner.bias"]), hidden=len(state["blocks.0.up.bias"]),
                  blocks=blocks, kernel=state["blocks.0.depth"].shape[2])
    return shape, state


def write(model: onnx.ModelProto, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    tmp = path.with_suffix(".onnx.tmp")
    tmp.write_bytes(model.SerializeToString())
    os.replace(tmp, path)


# Interjections, and what only Latin letters and words are read with (Wi-Fi, OK, Q).
EXTRA_SYLLABLES = {"n", "ng", "fai", "kei", "kiu"}


def write_tables(out: Path, units: list[str], lexicon: Path) -> None:
    """units.txt, and syllables.tsv: every syllable that the lexicon's readings use, in toneless units."""
    from pinyin_units import strip_tone, units_of

    (out / "units.txt").write_text("\n".join(units) + "\n", encoding="utf8")
    seen = set(EXTRA_SYLLABLES)
    with open(lexicon, encoding="utf8") as f:
        for line in f:
            seen.update(strip_tone(s) for s in line.split("\t")[1].split())
    rows = [f"{s}\t{' '.join(units_of(s))}\n" for s in sorted(seen)]
    (out / "syllables.tsv").write_text("".join(rows), encoding="utf8")


def main() -> None:
    import torch

    from model import Shape

    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--checkpoint", type=Path, required=True)
    ap.add_argument("--out", type=Path, required=True)
    ap.add_argument("--version", required=True)
    ap.add_argument("--flush-frames", type=int, default=24)
    ap.add_argument("--lexicon", type=Path, default=Path(__file__).resolve().parents[2] / "lexicon_zh/lexicon.tsv")
    args = ap.parse_args()
    start = torch.load(args.checkpoint, weights_only=False)
    shape = Shape(**start["shape"])
    weights = {k: v.numpy() for k, v in start["ema"].items()}
    write(build(weights, shape, args.version, args.flush_frames), args.out / "model.onnx")
    write_tables(args.out, TONED_UNITS if shape.units == len(TONED_UNITS) else UNITS, args.lexicon)
    print(f"{args.out / 'model.onnx'}: {(args.out / 'model.onnx').stat().st_size / 1e6:.1f} MB, step {start['step']}")


if __name__ == "__main__":
    main()
