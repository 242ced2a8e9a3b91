"""Reference synthesizer: two envelopes, voicing and F0 per 5 ms become 8 kHz sound. The Rust engine does the same.

Harmonics: one oscillator bank whose complex amplitudes are drawn linearly from sub-frame to sub-frame, with the minimum
phase of the envelope. Noise: random-phase spectra of 128 bins, sine windows of 80 samples, overlap-add at hop 40.
"""

import numpy as np

from common import H_BANDS, HOP, N_BANDS, N_FFT, RATE, mel, noise_edges

BINS = N_FFT // 2 + 1
FADE_FROM, FADE_TO = 3500.0, 3850.0
MEL_LOW, MEL_HIGH = mel(100.0), mel(3900.0)
MASK64 = (1 << 64) - 1


def splitmix(state):
    """One step of splitmix64: (new state, output)."""
    state = (state + 0x9E3779B97F4A7C15) & MASK64
    z = state
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK64
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK64
    return state, z ^ (z >> 31)


def noise_phases(seed, frame):
    """BINS - 2 phases in turns for one noise frame; each 64-bit draw gives four 16-bit phases."""
    state = (seed ^ (frame * 0xD1B54A32D192ED03)) & MASK64
    out = []
    while len(out) < BINS - 2:
        state, z = splitmix(state)
        out.extend(((z >> (16 * i)) & 0xFFFF) / 65536.0 for i in range(4))
    return np.array(out[: BINS - 2])


def harmonic_position(freq, warp=1.0):
    """Index on the harmonic axis, real-valued; `warp` < 1 lowers the formants."""
    return np.clip((mel(freq / warp) - MEL_LOW) / (MEL_HIGH - MEL_LOW) * (H_BANDS - 1), 0, H_BANDS - 1)


def noise_position(freq, warp=1.0):
    edges = noise_edges()
    centre = mel(0.5 * (edges[0] + edges[1])), mel(0.5 * (edges[-2] + edges[-1]))
    return np.clip((mel(freq / warp) - centre[0]) / (centre[1] - centre[0]) * (N_BANDS - 1), 0, N_BANDS - 1)


def lerp(table, position):
    low = np.minimum(position.astype(int), len(table) - 2)
    share = position - low
    return (1 - share) * table[low] + share * table[low + 1]


def minimum_phase(log_magnitude):
    """Phase in radians of the minimum-phase system with ln magnitude [BINS]."""
    cepstrum = np.fft.irfft(log_magnitude, N_FFT)
    folded = np.zeros(N_FFT)
    folded[1 : N_FFT // 2] = 2 * cepstrum[1 : N_FFT // 2]
    return np.fft.rfft(folded).imag


def complex_amplitudes(envelope, voicing, f0, f0_own, warp, count):
    freqs = f0 * np.arange(1, count + 1)
    bins = np.arange(BINS) * RATE / N_FFT
    phase = minimum_phase(lerp(envelope, harmonic_position(bins, warp)))
    fade = np.clip((FADE_TO - freqs) / (FADE_TO - FADE_FROM), 0, 1)
    gain = np.sqrt(f0 / f0_own) * voicing
    amplitude = np.exp(lerp(envelope, harmonic_position(freqs, warp))) * fade * gain
    angle = lerp(phase, np.minimum(freqs * N_FFT / RATE, BINS - 1))
    return amplitude * np.exp(1j * angle)


def synthesise(features, f0, seed=1, pitch=1.0, warp=1.0, harmonic=True, noise=True):
    """features [m, FEATS], f0 [m] in Hz -> [(m - 1) * HOP] f64."""
    m = len(features)
    f0_out = f0 * pitch
    count = int(FADE_TO / np.min(f0_out))
    c = np.array(
        [
            complex_amplitudes(
                features[i, :H_BANDS].astype(np.float64), features[i, -1], f0_out[i], f0[i], warp, count
            )
            for i in range(m)
        ]
    )
    share = np.arange(HOP) / HOP
    out = np.zeros((m + 1) * HOP)
    phi = 0.0
    if harmonic:
        for i in range(m - 1):
            step = 2 * np.pi * ((1 - share) * f0_out[i] + share * f0_out[i + 1]) / RATE
            phase = phi + np.cumsum(step)
            phi = phase[-1] % (2 * np.pi)
            mixed = (1 - share)[:, None] * c[i] + share[:, None] * c[i + 1]
            rotor = np.exp(1j * phase[:, None] * np.arange(1, count + 1))
            out[i * HOP : (i + 1) * HOP] += np.real(mixed * rotor).sum(1)
    if noise:
        window = np.sin(np.pi * (np.arange(2 * HOP) + 0.5) / (2 * HOP))
        position = noise_position(np.arange(BINS) * RATE / N_FFT, warp)
        shifted = np.zeros((m + 1) * HOP + HOP)
        for i in range(m):
            envelope = features[i, H_BANDS : H_BANDS + N_BANDS].astype(np.float64)
            magnitude = np.exp(lerp(envelope, position)) * np.sqrt(N_FFT)
            magnitude[[0, -1]] = 0.0
            spectrum = magnitude.astype(complex)
            spectrum[1:-1] *= np.exp(2j * np.pi * noise_phases(seed, i))
            piece = np.fft.irfft(spectrum, N_FFT)[24 : 24 + 2 * HOP] * window
            shifted[i * HOP : i * HOP + 2 * HOP] += piece
        out += shifted[HOP : HOP + len(out)]
    return out[: (m - 1) * HOP]

