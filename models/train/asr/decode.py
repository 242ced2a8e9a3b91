"""Decoding for the evaluation: greedy syllables, the choice among phrases, and strings of words from a closed set."""

from __future__ import annotations

import numpy as np

from pinyin_units import UNITS, group_syllables, unit_ids


def greedy_units(log_probs: np.ndarray) -> list[int]:
    best = log_probs.argmax(axis=1)
    keep = np.flatnonzero(np.diff(best, prepend=-1) != 0)
    return [int(best[i]) for i in keep if best[i] != 0]


def greedy_syllables(log_probs: np.ndarray) -> list[tuple[str, ...]]:
    return group_syllables([UNITS[i] for i in greedy_units(log_probs)])


def edit_distance(a: list, b: list) -> int:
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        previous, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (x != y))
    return row[-1]


def ctc_score(log_probs: np.ndarray, labels: list[int]) -> float:
    """Log probability of exactly these labels, summed over alignments."""
    extended = [0]
    for label in labels:
        extended += [label, 0]
    skip = np.array([i >= 2 and extended[i] != 0 and extended[i] != extended[i - 2] for i in range(len(extended))])
    emit = log_probs[:, extended]
    alpha = np.full(len(extended), -np.inf)
    alpha[:2] = emit[0, :2]
    for frame in emit[1:]:
        one = np.concatenate([[-np.inf], alpha[:-1]])
        two = np.where(skip, np.concatenate([[-np.inf, -np.inf], alpha[:-2]]), -np.inf)
        alpha = np.logaddexp(np.logaddexp(alpha, one), two) + frame
    return float(np.logaddexp(alpha[-1], alpha[-2]))


def choose(log_probs: np.ndarray, phrases: dict[str, list[str]]) -> str:
    """The phrase (name -> syllables) that the model finds likeliest."""
    return max(phrases, key=lambda name: ctc_score(log_probs, unit_ids(phrases[name])))


def best_string(log_probs: np.ndarray, words: dict[str, list[str]]) -> list[str]:
    """The likeliest string over a closed vocabulary, by token passing along the best path."""
    spelled = {name: unit_ids(syllables) for name, syllables in words.items()}
    # One state per unit of each word; `idle` is the blank between words, with the history of whoever came last.
    states = [(name, k) for name in spelled for k in range(len(spelled[name]))]
    score = {s: -np.inf for s in states}  # in the unit itself
    rest = {s: -np.inf for s in states}  # in the blank after it, inside a word
    past: dict = {s: () for s in states}
    past_rest: dict = {s: () for s in states}
    idle, idle_past = 0.0, ()
    for frame in log_probs:
        new_score, new_rest, new_past, new_past_rest = {}, {}, {}, {}
        ends = [(score[(n, len(u) - 1)], past[(n, len(u) - 1)] + (n,), u[-1]) for n, u in spelled.items()]
        for s in states:
            name, k = s
            label = spelled[name][k]
            options = [(score[s], past[s])]
            if k == 0:
                options.append((idle, idle_past))
                options += [(p, h) for p, h, last in ends if last != label]
            else:
                before = (name, k - 1)
                options.append((rest[before], past_rest[before]))
                if spelled[name][k - 1] != label:
                    options.append((score[before], past[before]))
            best, history = max(options, key=lambda o: o[0])
            new_score[s], new_past[s] = best + frame[label], history
            best, history = max([(rest[s], past_rest[s]), (score[s], past[s])], key=lambda o: o[0])
            new_rest[s], new_past_rest[s] = best + frame[0], history
        best, history = max([(idle, idle_past)] + [(p, h) for p, h, _ in ends], key=lambda o: o[0])
        idle, idle_past = best + frame[0], history
        score, rest, past, past_rest = new_score, new_rest, new_past, new_past_rest
    ends = [(score[(n, len(u) - 1)], past[(n, len(u) - 1)] + (n,)) for n, u in spelled.items()]
    return list(max([(idle, idle_past)] + ends, key=lambda o: o[0])[1])
