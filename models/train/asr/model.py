"""The recognizer: a causal convolutional network over log-mel frames, one output every 40 ms.

Two strided 3x3 convolutions see 4 frames as one and look at neighbouring mel bins, so that a shift of the formants is
a shift of their picture.  Then come residual blocks: a depthwise convolution over the last `kernel` outputs, layer
normalisation and a wide pointwise pair.  Nothing looks ahead; what each convolution must remember between two steps
is passed in and out as a state, zero at the start, so a call can be fed in pieces of any multiple of 4 frames.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass
class Shape:
    units: int = 61
    mels: int = 40
    front: int = 16
    front2: int = 32
    dim: int = 256
    hidden: int = 768
    blocks: int = 6
    kernel: int = 13
    dropout: float = 0.08

    def as_dict(self) -> dict:
        return asdict(self)


class Block(nn.Module):
    def __init__(self, s: Shape):
        super().__init__()
        self.kernel = s.kernel
        self.depth = nn.Parameter(torch.randn(s.dim, 1, s.kernel) * s.kernel**-0.5)
        self.depth_bias = nn.Parameter(torch.zeros(s.dim))
        self.norm = nn.LayerNorm(s.dim)
        self.up = nn.Linear(s.dim, s.hidden)
        self.down = nn.Linear(s.hidden, s.dim)
        self.scale = nn.Parameter(torch.full((s.dim,), 0.3))
        self.dropout = s.dropout

    def forward(self, x: torch.Tensor, state: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """x [N, T, dim], state [N, dim, kernel - 1]."""
        t = torch.cat([state, x.transpose(1, 2)], dim=2)
        y = F.conv1d(t, self.depth, self.depth_bias, groups=t.shape[1]).transpose(1, 2)
        y = F.silu(self.up(self.norm(y)))
        if self.training and self.dropout > 0:  # whole channels of an utterance: cheap, and harder to get around
            keep = torch.rand(y.shape[0], 1, y.shape[2], device=y.device) >= self.dropout
            y = y * (keep.to(y.dtype) / (1 - self.dropout))
        # The residual stream stays in single precision, whatever autocast makes of the rest.
        return x + self.down(y).float() * self.scale, t[:, :, -(self.kernel - 1) :]


class Recognizer(nn.Module):
    def __init__(self, s: Shape):
        super().__init__()
        self.shape = s
        self.register_buffer("mean", torch.full((s.mels,), -9.0))
        self.register_buffer("inv_std", torch.full((s.mels,), 1 / 5.0))
        self.conv1 = nn.Conv2d(1, s.front, 3, stride=2, padding=(0, 1))
        self.conv2 = nn.Conv2d(s.front, s.front2, 3, stride=2, padding=(0, 1))
        self.inner = nn.Linear(s.front2 * (s.mels // 4), s.dim)
        self.inner_norm = nn.LayerNorm(s.dim)
        self.blocks = nn.ModuleList(Block(s) for _ in range(s.blocks))
        self.out_norm = nn.LayerNorm(s.dim)
        self.out = nn.Linear(s.dim, s.units)

    def zero_states(self, n: int) -> list[torch.Tensor]:
        s = self.shape
        first = [torch.zeros(n, 1, 1, s.mels), torch.zeros(n, s.front, 1, s.mels // 2)]
        return first + [torch.zeros(n, s.dim, s.kernel - 1) for _ in self.blocks]

    def forward(self, x: torch.Tensor, *states: torch.Tensor):
        """x [N, T, 40] raw log-mel, T a multiple of 4 -> (logits [N, T / 4, units], new states)."""
        x = ((x - self.mean) * self.inv_std).unsqueeze(1)
        new = []
        x = torch.cat([states[0], x], dim=2)
        new.append(x[:, :, -1:])
        x = F.silu(self.conv1(x))
        x = torch.cat([states[1].to(x.dtype), x], dim=2)
        new.append(x[:, :, -1:])
        x = F.silu(self.conv2(x))
        x = self.inner_norm(self.inner(x.permute(0, 2, 1, 3).flatten(2)).float())
        for block, state in zip(self.blocks, states[2:]):
            x, kept = block(x, state)
            new.append(kept)
        return self.out(self.out_norm(x)), new


def parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())
