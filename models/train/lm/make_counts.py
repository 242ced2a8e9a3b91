"""Counts words and pairs of words for the recognizer's general language model.

    python models/train/lm/make_counts.py --crosswoz ../shared/nlu/crosswoz --out models/lm_zh/general.tsv

Sentences: what users say in CrossWOZ, and hotline sentences drawn from the templates of the recognizer's own training
(models/train/asr/sentences.py), without those that are reserved for tests. They are cut into the words of
models/lexicon_zh the way the decoder cuts a bot's sentences: the cut whose words are most frequent together, with
spoken numbers character by character. Lines: `word TAB count` and `word TAB word TAB count`; `<s>` and `</s>` are the
edges of a sentence.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import re
import sys
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
TRAIN = HERE.parent
sys.path[:0] = [str(TRAIN / "asr"), str(TRAIN / "common")]
from sentences import crosswoz, hotline, reserved_for_tests  # noqa: E402

# As in the decoder (asr/src/text.rs): strings of these are never words.
NUMBER = "零〇一二三四五六七八九十百千万亿两幺点"
COUNTED = "元块毛角分兆号月日点年"
WORD_MAX = 8
EDGES = ("<s>", "</s>")


def is_number_phrase(word: str) -> bool:
    if len(word) < 2:
        return False
    head = word[:-1] if word[-1] in COUNTED or len(word) > 2 else word
    return all(c in NUMBER for c in head)


def read_lexicon(path: Path) -> dict[str, float]:
    counts: Counter[str] = Counter()
    for line in path.read_text(encoding="utf8").splitlines():
        word, _, count = line.split("\t")
        if not is_number_phrase(word):
            counts[word] += int(count)
    total = sum(counts.values())
    return {word: math.log(count / total) for word, count in counts.items()}


def cut(text: str, words: dict[str, float]) -> list[str]:
    best: list[tuple[float, int, str | None]] = [(0.0, 0, None)]
    for end in range(1, len(text) + 1):
        chosen = (best[end - 1][0] - 30.0, end - 1, None)
        for start in range(max(0, end - WORD_MAX), end):
            word = text[start:end]
            if word in words:
                score = best[start][0] + words[word]
                if score > chosen[0]:
                    chosen = (score, start, word)
        best.append(chosen)
    out: list[str] = []
    end = len(text)
    while end:
        _, start, word = best[end]
        if word:
            out.append(word)
        end = start
    return out[::-1]


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--lexicon", type=Path, default=TRAIN.parent / "lexicon_zh" / "lexicon.tsv")
    ap.add_argument("--crosswoz", type=Path, required=True)
    ap.add_argument("--out", type=Path, required=True)
    ap.add_argument("--hotline", type=int, default=60000, help="sentences drawn from the hotline templates")
    ap.add_argument("--pairs-min", type=int, default=2, help="pairs seen less often are left out")
    args = ap.parse_args()

    words = read_lexicon(args.lexicon)
    rng = random.Random(11)
    sentences = [s for s in crosswoz(args.crosswoz) if not reserved_for_tests(s)] * 2
    sentences += [s for s in (hotline(rng) for _ in range(args.hotline)) if not reserved_for_tests(s)]
    singles: Counter[str] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    for sentence in sentences:
        sentence = re.sub(r"[^一-鿿A-Z]", "", sentence)
        said = [EDGES[0], *cut(sentence, words), EDGES[1]]
        singles.update(said)
        pairs.update(zip(said, said[1:]))
    lines = [f"{w}\t{n}" for w, n in sorted(singles.items(), key=lambda x: (-x[1], x[0]))]
    kept = [(p, n) for p, n in pairs.items() if n >= args.pairs_min]
    lines += [f"{a}\t{b}\t{n}" for (a, b), n in sorted(kept, key=lambda x: (-x[1], x[0]))]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    tmp = args.out.with_suffix(".tmp")
    tmp.write_text("# see models/train/lm/make_counts.py\n" + "\n".join(lines) + "\n", encoding="utf8")
    os.replace(tmp, args.out)
    print(f"{len(sentences)} sentences, {len(singles)} words, {len(kept)} pairs, {args.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
