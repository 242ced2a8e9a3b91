"""Log-mel features and G.711, exactly as the recognizer's Rust front end computes them.

Frame t covers samples 80 t .. 80 t + 200 of the signal in [-1, 1]; periodic Hann window, zero-padded to 256 points;
power spectrum |X|^2, unscaled; 40 triangles equally spaced in HTK mel over 60..3800 Hz, height 1; natural logarithm
with a floor of 1e-7.  No padding, pre-emphasis, dither or DC removal.
"""

from __future__ import annotations

import numpy as np

RATE = 8000
N_FFT = 256
WIN = 200
HOP = 80
N_MELS = 40
F_MIN = 60.0
F_MAX = 3800.0
LOG_FLOOR = 1e-7
N_BINS = N_FFT // 2 + 1

WINDOW = (0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(WIN) / WIN)).astype(np.float32)


def hz_to_mel(hz):
    return 2595.0 * np.log10(1.0 + np.asarray(hz, dtype=np.float64) / 700.0)


def mel_to_hz(mel):
    return 700.0 * (10.0 ** (np.asarray(mel, dtype=np.float64) / 2595.0) - 1.0)


def mel_matrix(warp: float = 1.0) -> np.ndarray:
    """[129, 40] triangles; with `warp` w, energy found at f is counted as if it stood at w * f."""
    edges = mel_to_hz(np.linspace(hz_to_mel(F_MIN), hz_to_mel(F_MAX), N_MELS + 2)) / warp
    bins = np.arange(N_BINS) * (RATE / N_FFT)
    lo, mid, hi = edges[:-2], edges[1:-1], edges[2:]
    up = (bins[:, None] - lo) / (mid - lo)
    down = (hi - bins[:, None]) / (hi - mid)
    return np.maximum(0.0, np.minimum(up, down)).astype(np.float32)


MEL = mel_matrix()


def power_spectrum(audio: np.ndarray) -> np.ndarray:
    """[T, 129] power of a float signal in [-1, 1]; T = 0 when shorter than one window."""
    audio = np.ascontiguousarray(audio, dtype=np.float32)
    if len(audio) < WIN:
        return np.zeros((0, N_BINS), np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(audio, WIN)[::HOP] * WINDOW
    spec = np.fft.rfft(frames, N_FFT, axis=1)
    return (spec.real**2 + spec.imag**2).astype(np.float32)


def log_mel(audio: np.ndarray) -> np.ndarray:
    """[T, 40] features of a float signal in [-1, 1]."""
    return np.log(np.maximum(power_spectrum(audio) @ MEL, LOG_FLOOR)).astype(np.float32)


# --- G.711 -------------------------------------------------------------------------------------------------------


def _alaw_decode_table() -> np.ndarray:
    out = np.zeros(256, np.int32)
    for code in range(256):
        a = code ^ 0x55
        seg, value = (a & 0x70) >> 4, ((a & 0x0F) << 4) + 8
        if seg:
            value = (value + 0x100) << (seg - 1)
        out[code] = value if a & 0x80 else -value
    return out


def _ulaw_decode_table() -> np.ndarray:
    out = np.zeros(256, np.int32)
    for code in range(256):
        u = ~code & 0xFF
        value = ((((u & 0x0F) << 3) + 0x84) << ((u & 0x70) >> 4)) - 0x84
        out[code] = -value if u & 0x80 else value
    return out


def _nearest_level(table: np.ndarray) -> np.ndarray:
    """For every 16-bit sample, the decoded value of the nearest code (index = sample + 32768)."""
    levels = np.unique(table)
    edges = (levels[1:] + levels[:-1]) / 2.0
    return levels[np.searchsorted(edges, np.arange(-32768, 32768))].astype(np.int16)


ALAW_ROUND_TRIP = _nearest_level(_alaw_decode_table())
ULAW_ROUND_TRIP = _nearest_level(_ulaw_decode_table())


def to_int16(audio: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(np.asarray(audio) * 32768.0), -32768, 32767).astype(np.int16)


def round_trip(audio: np.ndarray, law: str) -> np.ndarray:
    """A float signal through A-law ("a") or mu-law ("u") and back."""
    table = ALAW_ROUND_TRIP if law == "a" else ULAW_ROUND_TRIP
    return table[to_int16(audio).astype(np.int32) + 32768].astype(np.float32) / 32768.0
