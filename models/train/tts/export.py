"""Checkpoint -> encoder.onnx, decoder.onnx, voice.json in the voice's folder.

python export.py --run run/ --out ../../voice_yuetan_8k
"""

import argparse
import json
import os

import onnx
import torch
from torch import nn

import prosody
from common import F0_MEAN, F0_POINTS, F0_SCALE, FEATS, H_BANDS, HOP, N_BANDS, N_FFT, PHONES, RATE, SUB
from model import COND, DECODER_BLOCKS, KERNEL, LOOKAHEAD, D, Voice

VERSION = "1"
# How the engine shapes the decoder's features before the vocoder.
SHAPING = {
    "harmonic_sharpen": 0.35,
    "noise_sharpen": 0.2,
    "sharpen_reach": 4,
    "tilt_db": 3.0,
    "tilt_from_hz": 1000.0,
    "tilt_to_hz": 2000.0,
    "voicing_low": 0.25,
    "voicing_high": 0.75,
    "hold": 0.9,
    "hold_noise_db": -12.0,
    "noise_gain_db": 0.0,
    "breath_gain_db": -2.0,
}


class EncoderGraph(nn.Module):
    def __init__(self, voice):
        super().__init__()
        self.encoder = voice.encoder

    def forward(self, ph, tone, pos):
        h, logdur, f0 = self.encoder(ph, tone, pos)
        return h.transpose(1, 2), logdur, f0


class DecoderGraph(nn.Module):
    def __init__(self, voice):
        super().__init__()
        self.decoder = voice.decoder

    def forward(self, g, cond, *states):
        y, new = self.decoder.stream(g, cond, states)
        return (y, *new)


def stamp(path, kind, extra):
    graph = onnx.load(path)
    meta = {"model_type": kind, "version": VERSION, "sample_rate": RATE, "dim": D} | extra
    for key, value in meta.items():
        entry = graph.metadata_props.add()
        entry.key, entry.value = key, str(value)
    graph.doc_string = "Hualu 8 kHz Mandarin voice; CC BY-SA 3.0, see LICENSE"
    onnx.checker.check_model(graph)
    onnx.save(graph, path)
    print(path, os.path.getsize(path), "bytes")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--gain-db", type=float, help="voice gain; kept from an existing voice.json if not given")
    args = parser.parse_args()
    voice = Voice()
    saved = torch.load(os.path.join(args.run, "last.pt"), weights_only=True)
    voice.load_state_dict(saved["average"])
    voice.eval()
    os.makedirs(args.out, exist_ok=True)
    states = [torch.zeros(1, D, KERNEL - 1) for _ in range(DECODER_BLOCKS)]
    names = [f"s{n}" for n in range(DECODER_BLOCKS)]
    encoder, decoder = (os.path.join(args.out, n + ".onnx") for n in ("encoder", "decoder"))
    ids = torch.ones(1, 7, dtype=torch.long)
    torch.onnx.export(
        EncoderGraph(voice),
        (ids, ids, ids % 4),
        encoder,
        input_names=["ph", "tone", "pos"],
        output_names=["h", "logdur", "f0"],
        dynamic_axes={k: {(2 if k == "h" else 1): "P"} for k in ("ph", "tone", "pos", "h", "logdur", "f0")},
        opset_version=17,
        dynamo=False,
    )
    torch.onnx.export(
        DecoderGraph(voice),
        (torch.zeros(1, D, 9), torch.zeros(1, COND, 9), *states),
        decoder,
        input_names=["g", "cond", *names],
        output_names=["y", *(n + "_out" for n in names)],
        dynamic_axes={"g": {2: "T"}, "cond": {2: "T"}, "y": {1: "M"}},
        opset_version=17,
        dynamo=False,
    )
    stamp(encoder, "hualu_tts_encoder", {"phones": len(PHONES), "f0_points": F0_POINTS})
    stamp(decoder, "hualu_tts_decoder", {"features": FEATS, "states": DECODER_BLOCKS, "lookahead": LOOKAHEAD})
    path, gain = os.path.join(args.out, "voice.json"), 0.0
    if os.path.exists(path):
        with open(path, encoding="utf-8") as f:
            gain = json.load(f)["gain_db"]
    spec = {
        "id": "yuetan_8k",
        "version": VERSION,
        "sample_rate_hz": RATE,
        "hop_samples": HOP,
        "sub_frames": SUB,
        "noise_fft": N_FFT,
        "harmonic_bands": H_BANDS,
        "noise_bands": N_BANDS,
        "dim": D,
        "states": DECODER_BLOCKS,
        "state_len": KERNEL - 1,
        "lookahead": LOOKAHEAD,
        "f0_points": F0_POINTS,
        "f0_mean_ln": F0_MEAN,
        "f0_scale": F0_SCALE,
        "gain_db": gain if args.gain_db is None else args.gain_db,
        "phones": PHONES,
        "prosody": prosody.CONSTANTS,
        "shaping": SHAPING,
    }
    with open(path, "w", encoding="utf-8") as f:
        json.dump(spec, f, ensure_ascii=False, indent=1)
    print(f"{sum(p.numel() for p in voice.parameters())} parameters, step {saved['step']}, {saved['used'] / 60:.0f} min")


if __name__ == "__main__":
    main()
