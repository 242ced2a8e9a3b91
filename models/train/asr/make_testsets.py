"""Writes the test folders that both this recipe and `hualu asr eval` read.

    python models/train/asr/make_testsets.py --speech ../shared/speech --out TESTSETS

Each folder holds 8 kHz WAV files that went through A-law, and transcripts.tsv without a header:
file TAB text TAB toneless pinyin TAB speaker.

    synthetic    150 reserved hotline sentences, each by 4 of the 7 espeak-ng voices that training never heard
    words        Yue Tan's words that training never heard
    strangers    12 words by 8 speakers of dspspeech20 that training never heard
    digits       digit strings by voices that training did hear
    caller       reserved hotline sentences put together from Yue Tan's recorded words, as she is and lowered
"""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent / "common")]
import numpy as np  # noqa: E402
import soundfile as sf  # noqa: E402
from scipy.signal import resample_poly  # noqa: E402

import corpus  # noqa: E402
import sentences  # noqa: E402
from espeak import HELD_OUT, Espeak, preset_voices  # noqa: E402
from frontend import RATE, round_trip, to_int16  # noqa: E402
from pinyin_units import strip_tone  # noqa: E402
from prepare import ACTIVE_RMS, active_rms  # noqa: E402

SPOKEN_DIGIT = {"零": "ling", "幺": "yao", "一": "yi", "二": "er", "三": "san", "四": "si", "五": "wu", "六": "liu", "七": "qi", "八": "ba", "九": "jiu"}


class Folder:
    def __init__(self, path: Path):
        path.mkdir(parents=True, exist_ok=True)
        self.path, self.rows, self.seconds = path, [], 0.0

    def add(self, audio: np.ndarray, text: str, syllables: list[str], speaker: str) -> None:
        """Levels to -20 dBFS, 0.25 s of silence before and 0.4 s after, A-law round trip."""
        audio = audio * (ACTIVE_RMS / active_rms(audio))
        audio = np.clip(audio, -0.98, 0.98)
        padded = np.concatenate([np.zeros(RATE // 4), audio, np.zeros(RATE * 2 // 5)])
        name = f"{len(self.rows):04d}.wav"
        sf.write(self.path / name, to_int16(round_trip(padded, "a")), RATE, subtype="PCM_16")
        self.rows.append("\t".join([name, text, " ".join(strip_tone(s) for s in syllables), speaker]))
        self.seconds += len(padded) / RATE

    def close(self) -> None:
        (self.path / "transcripts.tsv").write_text("\n".join(self.rows) + "\n", encoding="utf8")
        print(f"{self.path.name}: {len(self.rows)} files, {self.seconds / 60:.1f} min")


def reserved_sentences(count: int) -> list[tuple[str, list[str]]]:
    rng, out, seen = random.Random(99), [], set()
    while len(out) < count:
        text = sentences.hotline(rng)
        said = sentences.syllables_of(text)
        if said and text not in seen and sentences.reserved_for_tests(text):
            seen.add(text)
            out.append((text, said))
    return out


def cut_into(text: str, known: dict[str, corpus.Clip], longest: int = 4) -> list[corpus.Clip] | None:
    out, at = [], 0
    while at < len(text):
        for size in range(min(longest, len(text) - at), 0, -1):
            if text[at : at + size] in known:
                out.append(known[text[at : at + size]])
                at += size
                break
        else:
            return None
    return out


def joined(clips: list[np.ndarray], gap: float) -> np.ndarray:
    pieces = []
    for clip in clips:
        pieces += [clip * (ACTIVE_RMS / active_rms(clip)), np.zeros(int(gap * RATE), np.float32)]
    return np.concatenate(pieces[:-1])


def main() -> None:
    here = Path(__file__).resolve().parent
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--speech", type=Path, default=here.parents[3] / "shared/speech")
    ap.add_argument("--out", type=Path, required=True)
    ap.add_argument("--sentences", type=int, default=150)
    ap.add_argument("--voices-each", type=int, default=4)
    args = ap.parse_args()
    rng = random.Random(5)
    espeak = Espeak()
    reserved = reserved_sentences(args.sentences)

    folder = Folder(args.out / "synthetic")
    for i, (text, said) in enumerate(reserved):
        for k in range(args.voices_each):
            voice = HELD_OUT[(i + k) % len(HELD_OUT)]
            audio = espeak.speak(" ".join(said), voice, rng.randint(150, 220), rng.randint(30, 70))
            folder.add(corpus.trim(audio, 45), text, said, voice)
    folder.close()

    yuetan = list(corpus.yuetan(args.speech))
    folder = Folder(args.out / "words")
    for clip in yuetan:
        if clip.held_out:
            folder.add(clip.audio, clip.text, clip.syllables, clip.speaker)
    folder.close()

    folder = Folder(args.out / "strangers")
    for clip in corpus.dspspeech(args.speech, "strangers"):
        folder.add(clip.audio, clip.text, clip.syllables, clip.speaker)
    folder.close()
    choices = sorted({"\t".join(row.split("\t")[1:3]) for row in folder.rows})
    (args.out / "choices.tsv").write_text("\n".join(choices) + "\n", encoding="utf8")

    folder = Folder(args.out / "digits")
    seen = preset_voices()
    by_syllable: dict[str, dict[str, list]] = {"yuetan": {}, "chenwang": {}}
    for clip in [*yuetan, *corpus.chenwang(args.speech)]:
        if len(clip.syllables) == 1:
            by_syllable[clip.speaker].setdefault(clip.syllables[0], []).append(clip)
    for i in range(120):
        text = sentences.digits(rng, rng.randint(4, 11), rng.random() < 0.7)
        said = sentences.syllables_of(text)
        if i < 60:
            voice = rng.choice(seen)
            audio = corpus.trim(espeak.speak(" ".join(said), voice, rng.randint(150, 200), rng.randint(30, 70)), 45)
        else:
            voice = "yuetan" if i < 100 else "chenwang"
            clips = [rng.choice(by_syllable[voice][SPOKEN_DIGIT[c]]).audio for c in text]
            audio = joined(clips, rng.uniform(0.0, 0.12))
        folder.add(audio, text, said, voice)
    folder.close()

    folder = Folder(args.out / "caller")
    known = {clip.text: clip for clip in yuetan}
    for text, _ in reserved_sentences(600):
        clips = cut_into(text, known)
        if clips:
            said = [s for c in clips for s in c.syllables]
            audio = joined([c.audio for c in clips], 0.02)
            folder.add(audio, text, said, "yuetan")
            # Played at 0.84 of its speed: lower pitch, longer vocal tract, slower.
            folder.add(resample_poly(audio, 100, 84).astype(np.float32), text, said, "yuetan-lower")
        if len(folder.rows) >= 160:
            break
    folder.close()


if __name__ == "__main__":
    main()
