"""Harmonic-plus-noise analysis: a waveform becomes 5 ms sub-frames of two smooth envelopes and a voicing flag.

Voiced sub-frames: least squares of a harmonic series that follows the F0 track inside a 25 ms window gives the harmonic
amplitudes; what it leaves is the noise. Unvoiced sub-frames: a 10 ms window, all noise.
"""

import numpy as np
import pyworld

from common import F0_MAX, F0_MIN, FEATS, FLOOR_LN, H_BANDS, HOP, N_BANDS, RATE, harmonic_axis, noise_edges

HALF = 100  # samples each side of a voiced window
SHORT = 40  # of an unvoiced one
AXIS = harmonic_axis()


def f0_track(x):
    """F0 in Hz per sub-frame, 0 where unvoiced; sub-frame m is centred on sample 40 m."""
    raw, at = pyworld.dio(x, RATE, F0_MIN, F0_MAX, frame_period=1000.0 * HOP / RATE)
    f0 = pyworld.stonemask(x, raw, at, RATE)
    f0[(f0 < F0_MIN) | (f0 > F0_MAX)] = 0.0
    return f0[: 1 + len(x) // HOP]


def fill(f0):
    """The track with unvoiced gaps bridged linearly in log F0, ends held."""
    voiced = np.flatnonzero(f0 > 0)
    if len(voiced) == 0:
        return np.full(len(f0), 240.0)
    return np.exp(np.interp(np.arange(len(f0)), voiced, np.log(f0[voiced])))


def band_matrix(n_fft):
    """[N_BANDS, bins] means over the bins of each band; every band owns at least one bin."""
    edges = noise_edges()
    freqs = np.arange(n_fft // 2 + 1) * RATE / n_fft
    rows = np.zeros((N_BANDS, len(freqs)))
    for b in range(N_BANDS):
        inside = (freqs >= edges[b]) & (freqs < edges[b + 1])
        if not inside.any():
            inside[np.argmin(np.abs(freqs - 0.5 * (edges[b] + edges[b + 1])))] = True
        rows[b, inside] = 1.0 / inside.sum()
    return rows


BANDS_256 = band_matrix(256)


def windows(x, centres, half):
    padded = np.concatenate([np.zeros(half), x, np.zeros(half + HOP)])
    return padded[centres[:, None] + np.arange(2 * half)[None, :]]


def noise_bands(pieces, scale):
    power = np.abs(np.fft.rfft(pieces, 256, axis=1)) ** 2 * scale
    return 0.5 * np.log(power @ BANDS_256.T + np.exp(2 * FLOOR_LN))


def analyse(x):
    """x [n] f64 -> (features [m, FEATS] f32, bridged F0 [m] in Hz)."""
    f0 = f0_track(x)
    track = fill(f0)
    m = len(f0)
    centres = np.arange(m) * HOP
    features = np.full((m, FEATS), FLOOR_LN, dtype=np.float64)
    window = np.hanning(2 * SHORT + 1)[:-1]
    features[:, H_BANDS : H_BANDS + N_BANDS] = noise_bands(
        windows(x, centres, SHORT) * window, 1.0 / np.sum(window**2)
    )
    features[:, -1] = f0 > 0
    voiced = np.flatnonzero(f0 > 0)
    if len(voiced):
        harmonic_fit(x, track, centres, voiced, features)
    return features.astype(np.float32), track.astype(np.float32)


def harmonic_fit(x, track, centres, voiced, features):
    per_sample = np.interp(np.arange(-HALF, len(x) + HALF + HOP), centres, track)
    phase = 2 * np.pi * np.cumsum(per_sample) / RATE
    index = centres[voiced][:, None] + np.arange(2 * HALF)[None, :]
    local = (phase[index] - phase[index[:, HALF]][:, None]).astype(np.float32)
    f0 = track[voiced]
    window = np.sqrt(np.hanning(2 * HALF + 1)[:-1]).astype(np.float32)
    top = int(min(40, np.max(3950.0 // f0)))
    k = np.arange(1, top + 1)
    used = k[None, :] * f0[:, None] <= 3950.0
    angle = local[:, :, None] * k.astype(np.float32)
    basis = np.concatenate([np.cos(angle) * used[:, None], np.sin(angle) * used[:, None]], axis=2)
    weighted = basis * window[None, :, None]
    target = windows(x, centres[voiced], HALF).astype(np.float32)
    gram = np.matmul(weighted.transpose(0, 2, 1), weighted)
    gram[:, np.arange(2 * top), np.arange(2 * top)] += 0.3 + 1e3 * ~np.concatenate([used, used], axis=1)
    right = np.matmul(weighted.transpose(0, 2, 1), (target * window)[:, :, None])
    fit = np.linalg.solve(gram, right)
    amplitude = np.hypot(fit[:, :top, 0], fit[:, top:, 0])
    log_amplitude = np.log(amplitude + np.exp(FLOOR_LN))
    last = used.sum(1)
    position = np.clip(AXIS[None, :] / f0[:, None], 1.0, last[:, None]) - 1.0
    low = np.minimum(position.astype(int), top - 1)
    high = np.minimum(low + 1, last[:, None] - 1)
    share = position - low
    row = np.arange(len(voiced))[:, None]
    features[voiced, :H_BANDS] = (1 - share) * log_amplitude[row, low] + share * log_amplitude[row, high]
    rest = target - np.matmul(basis, fit)[:, :, 0]
    full = np.hanning(2 * HALF + 1)[:-1]
    degrees = np.sum(full) ** 2 / np.sum(full**2)
    lost = degrees / np.maximum(degrees - 2 * last, 0.3 * degrees)
    features[voiced, H_BANDS : H_BANDS + N_BANDS] = noise_bands(
        rest * full, (lost / np.sum(full**2))[:, None]
    )
