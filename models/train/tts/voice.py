"""The voice as the engine runs it, in Python: ONNX graphs, prosody by rule, shaping, vocoder, level."""

import json
import os

import numpy as np
import onnxruntime

import prosody
from common import FEATS, FLOOR_LN, H_BANDS, N_BANDS, SUB, harmonic_axis, noise_edges
from data import frame_inputs
from vocoder import synthesise


def sharpen(envelope, strength, reach):
    """Deepens the valleys between formants: adds back what a moving average takes away. envelope [m, bands]."""
    padded = np.pad(envelope, ((0, 0), (reach, reach)), mode="edge")
    width = 2 * reach + 1
    smooth = np.stack([padded[:, k : k + width].mean(1) for k in range(envelope.shape[1])], axis=1)
    return envelope + strength * (envelope - smooth)


def tilt(freqs, c):
    """Gain in ln at the given frequencies."""
    share = np.clip((freqs - c["tilt_from_hz"]) / (c["tilt_to_hz"] - c["tilt_from_hz"]), 0, 1)
    return share * c["tilt_db"] * np.log(10) / 20


def shape(features, c, hold):
    """Raw decoder output -> what the vocoder plays; see `SHAPING` in export.py. `hold` [m] as prosody.voiced_hold."""
    out = np.array(features, dtype=np.float64)
    noise_at = 0.5 * (noise_edges()[1:] + noise_edges()[:-1])
    out[:, :H_BANDS] = sharpen(out[:, :H_BANDS], c["harmonic_sharpen"], c["sharpen_reach"])
    out[:, :H_BANDS] += tilt(harmonic_axis(), c)
    out[:, H_BANDS:-1] = sharpen(out[:, H_BANDS:-1], c["noise_sharpen"], c["sharpen_reach"])
    raised = np.maximum(c["hold"] * hold - out[:, -1], 0.0)
    voicing = np.clip((out[:, -1] + raised - c["voicing_low"]) / (c["voicing_high"] - c["voicing_low"]), 0, 1)
    voicing = voicing * voicing * (3 - 2 * voicing)
    noise_gain = c["noise_gain_db"] * np.log(10) / 20 * (1 - voicing) + c["breath_gain_db"] * np.log(10) / 20 * voicing
    noise_gain += raised * c["hold_noise_db"] * np.log(10) / 20
    out[:, H_BANDS:-1] += tilt(noise_at, c) + noise_gain[:, None]
    out[:, H_BANDS:-1] = np.where(out[:, H_BANDS:-1] < FLOOR_LN + 1.0, -20.0, out[:, H_BANDS:-1])
    out[:, -1] = voicing
    return out


def limit(x):
    """Soft limit: straight to 0.5, never past 0.708 (-3 dBov)."""
    size = np.abs(x)
    over = 0.5 + 0.2079 * np.tanh((size - 0.5) / 0.2079)
    return np.sign(x) * np.where(size > 0.5, over, size)


class Voice:
    def __init__(self, folder):
        with open(os.path.join(folder, "voice.json"), encoding="utf-8") as f:
            self.spec = json.load(f)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.encoder, self.decoder = (
            onnxruntime.InferenceSession(os.path.join(folder, n + ".onnx"), options, ["CPUExecutionProvider"])
            for n in ("encoder", "decoder")
        )

    def plan(self, syllables, rate=1.0):
        """-> (h [D, P], frames [P], normalised log F0 per sub-frame, hold per sub-frame)."""
        c = self.spec["prosody"]
        plan = prosody.lay_out(syllables)
        feed = {key: plan[key][None] for key in ("ph", "tone", "pos")}
        h, logdur, f0 = self.encoder.run(["h", "logdur", "f0"], feed)
        frames = prosody.durations(plan, syllables, logdur[0], rate, c)
        contour = prosody.f0_contour(plan, syllables, frames, f0[0], c)
        return h[0], frames, contour, prosody.voiced_hold(plan, frames)

    def decode(self, h, frames, contour):
        """Whole clause through the streaming graph -> raw features [SUB * T, FEATS]."""
        index, cond = frame_inputs(frames, contour.reshape(-1, SUB).mean(1))
        ahead = self.spec["lookahead"]
        index = np.concatenate([index, np.repeat(index[-1:], ahead)])
        cond = np.concatenate([cond, np.repeat(cond[-1:], ahead, axis=0)])
        feed = {"g": h[:, index][None], "cond": np.ascontiguousarray(cond.T)[None]}
        for n in range(self.spec["states"]):
            feed[f"s{n}"] = np.zeros((1, h.shape[0], self.spec["state_len"]), dtype=np.float32)
        y = self.decoder.run(["y"], feed)[0][0]
        return y[ahead * SUB :]

    def speak(self, syllables, rate=1.0, pitch=1.0, formant=1.0, volume_db=0.0, seed=1):
        """-> f64 samples at 8 kHz, already levelled and limited."""
        h, frames, contour, hold = self.plan(syllables, rate)
        features = shape(self.decode(h, frames, contour), self.spec["shaping"], hold)
        assert features.shape == (len(contour), FEATS) and FEATS == H_BANDS + N_BANDS + 1
        sound = synthesise(features, prosody.to_hz(contour), seed, pitch, formant)
        return limit(sound * 10 ** ((self.spec["gain_db"] + volume_db) / 20))
