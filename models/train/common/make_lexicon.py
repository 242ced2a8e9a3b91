"""Writes the pronunciation lexicon shared by the recognizer and the voice.

    python models/train/common/make_lexicon.py --out models/lexicon_zh/lexicon.tsv

Each line: word TAB tone-numbered syllables separated by spaces TAB frequency; v is u-umlaut, 5 the neutral tone,
tones are citation tones (no sandhi).  Words and counts come from jieba's dictionary, readings from pypinyin, the
hotline vocabulary from telecom_words.txt beside this file.  Lines are sorted by falling frequency; the readings of
one character share its count by how often each is heard inside words.
"""

from __future__ import annotations

import argparse
import os
from collections import Counter, defaultdict
from pathlib import Path

import jieba
from pypinyin import Style, pinyin
from pypinyin.constants import PHRASES_DICT, PINYIN_DICT

from pinyin_units import units_of

HERE = Path(__file__).resolve().parent
# Readings that the package lists late or not at all, with the share of the character's count that they take.
EXTRA_READINGS = {
    "嗯": {"en5": 0.9, "en4": 0.1}, "幺": {"yao1": 1.0}, "那": {"na4": 0.9, "nei4": 0.1},
    "这": {"zhe4": 0.9, "zhei4": 0.1}, "哪": {"na3": 0.9, "nei3": 0.1}, "地": {"de5": 0.5, "di4": 0.5},
    "得": {"de5": 0.7, "dei3": 0.15, "de2": 0.15}, "还": {"hai2": 0.85, "huan2": 0.15},
    "谁": {"shei2": 0.8, "shui2": 0.2}, "了": {"le5": 0.95, "liao3": 0.05}, "着": {"zhe5": 0.85, "zhao2": 0.15},
    "都": {"dou1": 0.93, "du1": 0.07}, "行": {"xing2": 0.75, "hang2": 0.25}, "重": {"zhong4": 0.6, "chong2": 0.4},
    "长": {"chang2": 0.7, "zhang3": 0.3}, "喂": {"wei4": 0.9, "wei2": 0.1}, "给": {"gei3": 0.97, "ji3": 0.03},
    "血": {"xue4": 0.8, "xie3": 0.2}, "薄": {"bao2": 0.5, "bo2": 0.5}, "削": {"xue1": 0.6, "xiao1": 0.4},
    "没": {"mei2": 0.95, "mo4": 0.05}, "啊": {"a5": 1.0}, "哦": {"o4": 1.0}, "吗": {"ma5": 1.0}, "呢": {"ne5": 0.95, "ni2": 0.05},
    "不": {"bu4": 1.0}, "一": {"yi1": 1.0}, "的": {"de5": 0.97, "di4": 0.02, "di2": 0.01},
}


def is_hanzi(word: str) -> bool:
    return bool(word) and all("一" <= c <= "鿿" for c in word)


def citation(word: str, syllables: list[str]) -> list[str]:
    """Undoes the sandhi that some phrase entries carry."""
    out = []
    for char, s in zip(word, syllables):
        if char == "一" and s[:-1] == "yi" and s != "yi5":
            s = "yi1"
        elif char == "不" and s == "bu2":
            s = "bu4"
        elif char == "嗯":
            s = "en5"
        out.append(s)
    return out


def reading(word: str) -> list[str] | None:
    """Tone-numbered reading in context, or None if any syllable is outside Mandarin."""
    got = [p[0] for p in pinyin(word, style=Style.TONE3, neutral_tone_with_five=True, errors="ignore")]
    got = [s.replace("ü", "v") for s in got]
    if len(got) != len(word):
        return None
    got = citation(word, got)
    return got if all(s[-1:].isdigit() and units_of(s) for s in got) else None


def char_readings(char: str) -> list[str]:
    from pypinyin.contrib.tone_convert import to_tone3

    out: list[str] = []
    for marked in PINYIN_DICT.get(ord(char), "").split(","):
        s = to_tone3(marked, neutral_tone_with_five=True).replace("ü", "v") if marked else ""
        if s and s[-1].isdigit() and units_of(s) and s not in out:
            out.append(s)
    return out


def load_overlay(path: Path) -> dict[str, tuple[list[str], int]]:
    overlay: dict[str, tuple[list[str], int]] = {}
    weight = 1000
    for line in path.read_text(encoding="utf8").splitlines():
        if line.startswith("#"):
            continue
        if line.startswith("@"):
            weight = int(line[1:])
            continue
        for item in line.split():
            word, _, said = item.partition(":")
            syllables = said.split(".") if said else reading(word)
            if syllables and len(syllables) == len(word) and word not in overlay:
                overlay[word] = (syllables, weight)
            elif not syllables or len(syllables) != len(word):
                raise SystemExit(f"{path.name}: no reading for {item!r}")
    return overlay


def gb2312_chars() -> list[str]:
    chars = []
    for hi in range(0xB0, 0xF8):
        for lo in range(0xA1, 0xFF):
            try:
                chars.append(bytes([hi, lo]).decode("gb2312"))
            except UnicodeDecodeError:
                pass
    return chars


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--out", required=True, type=Path)
    ap.add_argument("--words", type=int, default=62000, help="most frequent words of two or more characters")
    ap.add_argument("--telecom", type=Path, default=HERE / "telecom_words.txt")
    args = ap.parse_args()

    counts: Counter[str] = Counter()
    with open(os.path.join(os.path.dirname(jieba.__file__), "dict.txt"), encoding="utf8") as f:
        for line in f:
            word, count, *_ = line.split()
            if is_hanzi(word):
                counts[word] += int(count)
    overlay = load_overlay(args.telecom)

    words = [w for w, _ in counts.most_common() if 2 <= len(w) <= 7][: args.words]
    entries: dict[str, tuple[list[str], int]] = {}
    for w in words:
        r = reading(w)
        if r:
            entries[w] = (r, max(1, counts[w]))
    default = {c: (char_readings(c) or [""])[0] for c in gb2312_chars()}
    for w in PHRASES_DICT:
        if w in entries or not 2 <= len(w) <= 4 or not all(c in default for c in w):
            continue
        r = reading(w)
        if r and r != [default[c] for c in w]:
            entries[w] = (r, max(1, counts.get(w, 1)))
    for w, (r, weight) in overlay.items():
        if len(w) > 1:
            entries[w] = (r, max(weight, counts.get(w, 0)))

    heard: dict[str, Counter[str]] = defaultdict(Counter)
    for w, (r, n) in entries.items():
        for c, s in zip(w, r):
            heard[c][s] += n
    lines = [(w, " ".join(r), n) for w, (r, n) in entries.items()]
    chars = set(default) | {w for w in counts if len(w) == 1 and counts[w] >= 20} | {w for w in overlay if len(w) == 1}
    for c in sorted(chars):
        total = max(counts.get(c, 0), overlay.get(c, ([], 0))[1], 1)
        shares = EXTRA_READINGS.get(c)
        if shares is None:
            listed = char_readings(c)
            if c in overlay:
                listed = overlay[c][0] + [s for s in listed if s not in overlay[c][0]]
            if not listed:
                continue
            seen = sum(heard[c].values()) or 1
            # The first reading listed is the main one; others stay only when words bear them out.
            minor = {s: min(0.3, heard[c][s] / seen) for s in listed[1:] if heard[c][s] / seen >= 0.01}
            scale = min(1.0, 0.4 / (sum(minor.values()) or 1.0))
            minor = {s: v * scale for s, v in minor.items()}
            shares = {listed[0]: 1.0 - sum(minor.values()), **minor}
        lines += [(c, s, max(1, round(total * v))) for s, v in shares.items()]
    # Stable order: frequency, then the word, then the more frequent reading first.
    lines.sort(key=lambda x: (-x[2], x[0], x[1]))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    tmp = args.out.with_suffix(".tmp")
    tmp.write_text("".join(f"{w}\t{r}\t{n}\n" for w, r, n in lines), encoding="utf8")
    os.replace(tmp, args.out)
    print(f"{len(lines)} lines, {args.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
