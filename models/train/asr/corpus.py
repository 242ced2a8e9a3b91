"""The recordings and how they are split: which words and speakers no training ever sees."""

from __future__ import annotations

import csv
import gzip
import io
import re
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

import numpy as np
import soundfile as sf
from scipy.signal import resample_poly

from frontend import RATE
from pinyin_units import strip_tone, units_of

# Strangers: three women (by pitch) and five men of dspspeech20.
STRANGERS = ["spk03", "spk08", "spk12", "spk16", "spk19", "spk25", "spk29", "spk34"]
YUETAN_TAR = "audio-cmn-yuetan-hsk-64k.tar"
YUETAN_ALIGNMENT = "audio-cmn-yuetan-alignment.tsv.gz"
CHENWANG_TAR = "audio-cmn-chenwang-syllabs-64k.tar"


@dataclass
class Clip:
    group: str
    speaker: str
    text: str
    said: list[str]  # tone-numbered syllables
    audio: np.ndarray  # float, 8 kHz, cut of silence
    held_out: bool

    @property
    def syllables(self) -> list[str]:
        """Toneless."""
        return [strip_tone(s) for s in self.said]


def held_out_word(word: str) -> bool:
    """About 250 of Yue Tan's words of two and more characters."""
    return len(word) >= 2 and zlib.crc32(("word " + word).encode()) % 29 == 0


def to_8k(audio: np.ndarray, rate: int) -> np.ndarray:
    if audio.ndim > 1:
        audio = audio.mean(axis=1)
    if rate == RATE:
        return audio.astype(np.float32)
    gcd = int(np.gcd(rate, RATE))
    return resample_poly(audio, RATE // gcd, rate // gcd).astype(np.float32)


def trim(audio: np.ndarray, below_db: float = 32.0, margin: float = 0.03) -> np.ndarray:
    """Cuts leading and trailing parts that stay `below_db` under the loudest 20 ms."""
    n = len(audio) // 80
    if n < 4:
        return audio
    energy = (audio[: n * 80].reshape(n, 80) ** 2).mean(axis=1)
    energy = np.convolve(energy, np.ones(2) / 2, mode="same")
    loud = np.flatnonzero(energy > energy.max() * 10 ** (-below_db / 10))
    start = max(0, int(loud[0] * 80 - margin * RATE))
    end = min(len(audio), int((loud[-1] + 1) * 80 + margin * RATE))
    return audio[start:end]


def _tar_audio(path: Path) -> Iterator[tuple[str, np.ndarray, int]]:
    with tarfile.open(path) as tar:
        for member in tar:
            name = Path(member.name).stem
            if not member.isfile() or not member.name.endswith(".mp3") or not name.startswith("cmn-"):
                continue
            try:
                audio, rate = sf.read(io.BytesIO(tar.extractfile(member).read()), dtype="float32")
            except sf.LibsndfileError:
                continue
            yield name[4:], audio, rate


def yuetan(speech: Path) -> Iterator[Clip]:
    spans: dict[str, tuple[list[str], float, float]] = {}
    with gzip.open(speech / YUETAN_ALIGNMENT, "rt", encoding="utf8") as f:
        for line in f:
            if line.startswith("#"):
                continue
            word, said, phones = line.rstrip("\n").split("\t")
            times = [p.rsplit(":", 1)[1].split("-") for p in phones.split()]
            spans[word] = (said.split(), int(times[0][0]) / 100, int(times[-1][1]) / 100)
    for word, audio, rate in _tar_audio(speech / YUETAN_TAR):
        if word not in spans:
            continue
        said, start, end = spans[word]
        if not all(units_of(s) for s in said):
            continue
        audio = to_8k(audio, rate)
        # 40 ms of margin: the alignment was made on another encoding of the same files.
        cut = audio[max(0, int((start - 0.04) * RATE)) : int((end + 0.05) * RATE)]
        if len(cut) > 0.08 * RATE * len(said):
            yield Clip("yuetan", "yuetan", word, said, trim(cut, 40), held_out_word(word))


def chenwang(speech: Path) -> Iterator[Clip]:
    for name, audio, rate in _tar_audio(speech / CHENWANG_TAR):
        syllable = name.replace("u:", "v").replace("ü", "v")
        if re.fullmatch(r"[a-zv]+[1-5]", syllable) and units_of(syllable):
            cut = trim(to_8k(audio, rate))
            if 0.1 * RATE < len(cut) < 1.5 * RATE:
                yield Clip("chenwang", "chenwang", name, [syllable], cut, False)


def seedlingo(speech: Path) -> Iterator[Clip]:
    from sentences import syllables_of

    with open(speech / "seedlingo" / "transcripts.tsv", encoding="utf8") as f:
        for row in csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE):
            said = syllables_of(row["text"])
            if said:
                audio, rate = sf.read(speech / "seedlingo" / row["file"], dtype="float32")
                yield Clip("seedlingo", "seedlingo", row["text"], said, trim(to_8k(audio, rate)), False)


def dspspeech(speech: Path, want: str = "all") -> Iterator[Clip]:
    """`want`: all, train or strangers.  The clips of spk01 that are clipped hard are left out."""
    with open(speech / "dspspeech20" / "transcripts.tsv", encoding="utf8") as f:
        for row in csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE):
            stranger = row["speaker"] in STRANGERS
            if (want == "train" and stranger) or (want == "strangers" and not stranger):
                continue
            if float(row["clipped_fraction"]) > 0.01:
                continue
            audio, rate = sf.read(speech / "dspspeech20" / row["file"], dtype="float32")
            audio = to_8k(audio, rate)
            yield Clip("dsp", row["speaker"], row["text"], row["pinyin"].split(),
                       audio if stranger else trim(audio, 36), stranger)


def noises(speech: Path) -> Iterator[tuple[str, np.ndarray]]:
    for path in sorted((speech / "noise").glob("*.flac")):
        audio, rate = sf.read(path, dtype="float32")
        yield path.stem, to_8k(audio, rate)
