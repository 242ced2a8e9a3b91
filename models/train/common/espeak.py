"""espeak-ng in this process: tone-numbered pinyin in, 8 kHz audio out.

The voice is always `cmn-latn-pinyin` (`cmn` reads Chinese as English letters).  Besides the variants that espeak-ng
brings, random ones are drawn: formant positions, heights and widths, pitch and its range, breath, roughness and
flutter; they live in a private copy of espeak-ng's data folder.
"""

from __future__ import annotations

import ctypes
import os
import random
import shutil
import subprocess
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

BASE = "cmn-latn-pinyin"
# Never used in training: the unseen voices of the test.  No relative of theirs stays in training either.
HELD_OUT = ["m4", "f2", "Andy", "AnxiousAndy", "linda", "benjamin", "Alicia"]
# Effects that no telephone caller has.
STRANGE = ["Mr serious", "Demonic", "whisper", "whisperf", "fast", "UniRobot", "croak", "anikaRobot"]

_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


def data_dir() -> Path:
    """The folder that holds `espeak-ng-data`, as espeak-ng itself reports it."""
    text = subprocess.run(["espeak-ng", "--version"], capture_output=True, text=True, check=True).stdout
    return Path(text.split("Data at:")[1].strip())


def make_private_data(folder: Path, random_voices: int, seed: int = 20) -> list[str]:
    """Copies espeak-ng's data to `folder` with `random_voices` new variants; returns their names."""
    target = folder / "espeak-ng-data"
    if not target.exists():
        shutil.copytree(data_dir(), target)
        # espeak-ng lists 350 voices at most: other languages make room for ours.
        for path in [*(target / "lang").rglob("*"), *(target / "voices" / "mb").rglob("*")]:
            if path.is_file() and "cmn" not in path.name.lower():
                path.unlink()
    rng = random.Random(seed)
    names = []
    for i in range(random_voices):
        name = f"rnd{i:03d}"
        names.append(name)
        female = rng.random() < 0.5
        base = rng.uniform(150, 240) if female else rng.uniform(70, 140)
        width = base * rng.uniform(0.15, 0.6)
        tract = rng.uniform(1.0, 1.24) if female else rng.uniform(0.84, 1.06)
        lines = ["language variant", f"name {name}", f"gender {'female' if female else 'male'}",
                 f"pitch {base:.0f} {base + width:.0f}"]
        # A third of the voices are odd ones: damped or missing upper formants, strong breath, another synthesis method.
        odd = rng.random() < 0.33
        spread, height = (0.13, (60, 160)) if odd else (0.07, (75, 125))
        for n in range(7):
            freq = 100 * tract * rng.uniform(1 - spread, 1 + spread)
            tall = 0 if odd and n >= 3 and rng.random() < 0.25 else rng.uniform(*height)
            lines.append(f"formant {n} {freq:.0f} {tall:.0f} {rng.uniform(70, 150 if odd else 140):.0f}")
        if odd and rng.random() < 0.25:
            lines.append(f"klatt {rng.randint(1, 6)}")
        if odd and rng.random() < 0.4:
            lines.append(f"voicing {rng.randint(30, 110)}")
            lines.append("breathw 150 150 200 200 400 400")
        if odd and rng.random() < 0.2:
            lines.append(f"echo {rng.randint(20, 120)} {rng.randint(10, 50)}")
        if rng.random() < 0.4:
            lines.append("breath " + " ".join(str(rng.randint(0, 12)) for _ in range(5)))
        if rng.random() < 0.3:
            lines.append(f"roughness {rng.randint(0, 5)}")
        lines.append(f"flutter {rng.randint(0, 4)}")
        lines.append(f"consonants {rng.randint(70, 130)} {rng.randint(70, 130)}")
        if rng.random() < 0.3:
            lines.append(f"tone 600 {rng.randint(120, 255)} 1200 {rng.randint(90, 200)} 3000 {rng.randint(60, 180)}")
        (target / "voices" / "!v" / name).write_text("\n".join(lines) + "\n")
    return names


def preset_voices() -> list[str]:
    folder = data_dir() / "voices" / "!v"
    return sorted(p.name for p in folder.iterdir() if p.name not in HELD_OUT and p.name not in STRANGE)


class Espeak:
    """One synthesiser per process (the library is global)."""

    def __init__(self, private: Path | None = None):
        self._lib = ctypes.CDLL("libespeak-ng.so.1")
        path = os.fsencode(private) if private else None
        # 2 = synchronous: espeak_Synth calls back with samples and returns when the text is spoken.
        self.rate = self._lib.espeak_Initialize(2, 0, path, 0)
        if self.rate <= 0:
            raise RuntimeError("espeak-ng could not start")
        self._pieces: list[np.ndarray] = []
        self._callback = _CALLBACK(self._on_samples)
        self._lib.espeak_SetSynthCallback(self._callback)

    def _on_samples(self, wav, count, _events):
        if wav and count > 0:
            self._pieces.append(np.ctypeslib.as_array(wav, (count,)).copy())
        return 0

    def speak(self, syllables: str, voice: str, rate: int = 175, pitch: int = 50) -> np.ndarray:
        """Float audio in [-1, 1] at 8 kHz; `syllables` may hold commas as pauses."""
        name = f"{BASE}+{voice}" if voice else BASE
        if self._lib.espeak_SetVoiceByName(name.encode()) != 0:
            raise ValueError(f"no such voice: {name}")
        self._lib.espeak_SetParameter(1, int(rate), 0)
        self._lib.espeak_SetParameter(3, int(pitch), 0)
        data = syllables.encode() + b"\0"
        self._pieces = []
        self._lib.espeak_Synth(data, ctypes.c_size_t(len(data)), 0, 1, 0, 1, None, None)
        self._lib.espeak_Synchronize()
        if not self._pieces:
            return np.zeros(0, np.float32)
        audio = np.concatenate(self._pieces).astype(np.float32) / 32768.0
        if self.rate == 22050:
            return resample_poly(audio, 160, 441).astype(np.float32)
        return resample_poly(audio, 8000, self.rate).astype(np.float32)
