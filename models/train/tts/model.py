"""Acoustic model: phones -> encoder -> durations, F0 targets; frames -> causal decoder -> vocoder features."""

import torch
from torch import nn
from torch.nn import functional as F

from common import F0_POINTS, FEATS, H_BANDS, PHONES, SUB

D = 160
ENCODER_KERNELS = (5, 3, 3)
DECODER_BLOCKS = 5
KERNEL = 7
LOOKAHEAD = 8  # frames of `g` the decoder sees ahead of what it emits
COND = 5


class Block(nn.Module):
    """ConvNeXt block on [B, T, D]; `causal` pads on the left only, or takes the left context as a state."""

    def __init__(self, kernel, expand, causal, drop=0.0):
        super().__init__()
        self.kernel, self.causal = kernel, causal
        self.drop = nn.Dropout(drop)
        self.depth = nn.Conv1d(D, D, kernel, groups=D)
        self.norm = nn.LayerNorm(D)
        self.up = nn.Linear(D, D * expand)
        self.down = nn.Linear(D * expand, D)
        self.scale = nn.Parameter(torch.full((D,), 0.3))

    def rest(self, x, y):
        y = self.down(self.drop(F.gelu(self.up(self.norm(y.transpose(1, 2))), approximate="tanh")))
        return x + self.scale * y

    def forward(self, x):
        left = self.kernel - 1 if self.causal else self.kernel // 2
        right = 0 if self.causal else self.kernel // 2
        return self.rest(x, self.depth(F.pad(x.transpose(1, 2), (left, right))))

    def stream(self, x, state):
        joined = torch.cat([state, x.transpose(1, 2)], dim=2)
        return self.rest(x, self.depth(joined)), joined[:, :, -(self.kernel - 1) :]


class Symbols(nn.Module):
    """Phone, tone and place in the phrase (2 after a silence, plus 1 before one) as one vector."""

    def __init__(self):
        super().__init__()
        self.phone = nn.Embedding(len(PHONES), D)
        self.tone = nn.Embedding(6, D)
        self.first = nn.Parameter(torch.zeros(D))
        self.final = nn.Parameter(torch.zeros(D))

    def forward(self, ph, tone, pos):
        x = self.phone(ph) + self.tone(tone)
        return x + (pos >= 2).float()[..., None] * self.first + (pos % 2).float()[..., None] * self.final


class Encoder(nn.Module):
    """Two nets side by side: one for the sound; one for durations and F0, which learns by heart without dropout."""

    def __init__(self):
        super().__init__()
        self.symbols = Symbols()
        self.blocks = nn.ModuleList(Block(k, 4, False) for k in ENCODER_KERNELS)
        self.norm = nn.LayerNorm(D)
        self.prosody_symbols = Symbols()
        self.drop = nn.Dropout(0.2)
        self.prosody = nn.ModuleList(Block(5, 2, False, 0.3) for _ in range(2))
        self.out = nn.Linear(D, 1 + F0_POINTS)

    def forward(self, ph, tone, pos):
        x = self.symbols(ph, tone, pos)
        for block in self.blocks:
            x = block(x)
        return self.norm(x), *self.prosody_of(ph, tone, pos)

    def prosody_of(self, ph, tone, pos):
        """-> ln durations in frames [B, P], F0 targets [B, P, F0_POINTS]."""
        y = self.drop(self.prosody_symbols(ph, tone, pos))
        for block in self.prosody:
            y = block(y)
        out = self.out(self.drop(y))
        return out[..., 0] + 2.5, out[..., 1:]


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.inward = nn.Linear(D + COND, D)
        self.blocks = nn.ModuleList(Block(KERNEL, 3, True) for _ in range(DECODER_BLOCKS))
        self.norm = nn.LayerNorm(D)
        self.out = nn.Linear(D, SUB * FEATS)
        self.register_buffer("mean", torch.zeros(FEATS))
        self.register_buffer("std", torch.ones(FEATS))

    def head(self, x):
        y = self.out(self.norm(x))
        return y.reshape(y.shape[0], -1, FEATS)

    def forward(self, g, cond):
        """g [B, T, D], cond [B, T, COND] -> normalised features [B, SUB * T, FEATS], voicing as a logit."""
        x = torch.cat([g, cond], dim=2)
        x = torch.cat([x, x[:, -1:].expand(-1, LOOKAHEAD, -1)], dim=1)
        x = self.inward(x)
        for block in self.blocks:
            x = block(x)
        return self.head(x[:, LOOKAHEAD:])

    def stream(self, g, cond, states):
        """As the ONNX graph runs: inputs already shifted by LOOKAHEAD, raw features out, voicing 0..1."""
        x = self.inward(torch.cat([g.transpose(1, 2), cond.transpose(1, 2)], dim=2))
        new = []
        for block, state in zip(self.blocks, states):
            x, state = block.stream(x, state)
            new.append(state)
        y = self.head(x)
        envelopes = y[..., :-1] * self.std[:-1] + self.mean[:-1]
        return torch.cat([envelopes, torch.sigmoid(y[..., -1:])], dim=2), new


class Voice(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Encoder()
        self.decoder = Decoder()

    def forward(self, batch):
        h, _, _ = self.encoder(batch["ph"], batch["tone"], batch["pos"])
        g = torch.gather(h, 1, batch["index"][..., None].expand(-1, -1, D))
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.training):
            y = self.decoder(g, batch["cond"])
        return y.float()


def losses(out, batch, mean, std):
    """Dictionary of the terms; `total` is their weighted sum."""
    y = out
    target = (batch["target"] - mean) / std
    mask = batch["mask"]
    voiced = mask * batch["target"][..., -1:]
    harmonic = ((y - target)[..., :H_BANDS].abs() * voiced).sum() / (voiced.sum() * H_BANDS + 1)
    noise = ((y - target)[..., H_BANDS:-1].abs() * mask).sum() / (mask.sum() * (FEATS - 1 - H_BANDS))
    flag = F.binary_cross_entropy_with_logits(y[..., -1:], batch["target"][..., -1:], reduction="none")
    voicing = (flag * mask).sum() / mask.sum()
    move, wanted = y[:, 2:, :-1] - y[:, :-2, :-1], target[:, 2:, :-1] - target[:, :-2, :-1]
    both = (voiced[:, 2:] * voiced[:, :-2]).expand(-1, -1, H_BANDS)
    each = torch.cat([both, (mask[:, 2:] * mask[:, :-2]).expand(-1, -1, FEATS - 1 - H_BANDS)], dim=2)
    delta = ((move - wanted).abs() * each).sum() / (each.sum() + 1)
    terms = {"harmonic": harmonic, "noise": noise, "voicing": voicing, "delta": delta}
    terms["total"] = harmonic + noise + voicing + 0.5 * delta
    return terms


def prosody_losses(logdur, f0, batch):
    """Mean squares of ln duration and of the F0 targets, the latter where there is voice."""
    phones = batch["phone_mask"]
    duration = ((logdur - batch["logdur"]) ** 2 * phones).sum() / phones.sum()
    weight = batch["f0_weight"] * phones[..., None]
    return duration, ((f0 - batch["f0"]) ** 2 * weight).sum() / (weight.sum() + 1)
