"""Sentence prosody by rule: from citation durations and tone shapes to a telephone sentence. Mirrors prosody.rs."""

from dataclasses import dataclass

import numpy as np

from common import F0_MEAN, F0_POINTS, F0_SCALE, PHONE_ID, PHONES, SUB, UNVOICED, phones_of

NONE, WORD, PHRASE, CLAUSE, SENTENCE, QUESTION = range(6)
MARKS = {"、": PHRASE, "，": CLAUSE, ",": CLAUSE, "。": SENTENCE, "！": SENTENCE, "?": QUESTION, "？": QUESTION}

# Written into voice.json; the engine reads them from there.
CONSTANTS = {
    "initial_ms": 90.0,  # what an initial of `initial_ref_ms` becomes at rate 1
    "initial_ref_ms": 125.0,
    "final_ms": 158.0,
    "final_ref_ms": 270.0,
    "compression": 0.55,  # exponent: 1 keeps the ratios of citation speech, 0 makes all phones alike
    "initial_min_ms": 48.0,
    "voiced_initial_min_ms": 90.0,  # shorter murmurs of m, n, l are not told from each other
    "final_min_ms": 60.0,  # of the neutral tone
    "toned_final_min_ms": 125.0,  # a shorter vowel after a vowel is lost in its neighbour
    "word_stretch": 1.04,
    "phrase_stretch": 1.12,
    "clause_stretch": 1.2,
    "emphasis_stretch": 1.2,
    "lead_ms": 30.0,
    "fragment_pause_ms": 40.0,
    "phrase_pause_ms": 80.0,
    "clause_pause_ms": 180.0,
    "sentence_pause_ms": 300.0,
    "f0_range": 0.92,
    "f0_shift_st": -0.5,
    "declination_start_st": 0.8,
    "declination_st_per_s": -1.0,
    "declination_min_st": -2.0,
    "final_fall_st": -0.8,
    "question_rise_st": 1.6,
    "emphasis_range": 1.2,
    "emphasis_st": 0.8,
    "f0_floor_hz": 140.0,
    "f0_ceiling_hz": 420.0,
}
SEMITONE = float(np.log(2.0) / 12.0 / F0_SCALE)  # in units of normalised log F0


@dataclass
class Syllable:
    pinyin: str
    tone: int
    boundary: int = NONE
    emphasis: bool = False


def read_pinyin(text):
    """'nin2 hao3， qing3 wen4？' -> syllables; marks end phrases, '/' is a word border, '_' joins within a word."""
    out = []
    for mark in MARKS:
        text = text.replace(mark, " " + mark + " ")
    for token in text.replace("/", " / ").split():
        if token in MARKS or token == "/":
            if out:
                out[-1].boundary = max(out[-1].boundary, MARKS.get(token, WORD))
        else:
            out.append(Syllable(token[:-1], int(token[-1])))
    return out


def lay_out(syllables):
    """Phones of a clause: dictionary of ph, tone, pos, owner (syllable index, -1 for silence)."""
    plan = {"ph": [0], "tone": [0], "pos": [0], "owner": [-1]}
    first = True
    spoken = [(k, phones_of(s.pinyin)) for k, s in enumerate(syllables)]
    spoken = [(k, p) for k, p in spoken if p]
    for nth, (k, phones) in enumerate(spoken):
        pause = syllables[k].boundary >= PHRASE or nth + 1 == len(spoken)
        for phone in phones:
            plan["ph"].append(PHONE_ID[phone])
            plan["tone"].append(syllables[k].tone)
            plan["pos"].append(2 * first + pause)
            plan["owner"].append(k)
        first = pause
        if pause:
            for key, value in (("ph", 0), ("tone", 0), ("pos", 0), ("owner", -1)):
                plan[key].append(value)
    return {key: np.array(value, dtype=np.int64) for key, value in plan.items()}


def pause_ms(boundary, c):
    if boundary >= SENTENCE:
        return c["sentence_pause_ms"]
    return c[{CLAUSE: "clause_pause_ms", PHRASE: "phrase_pause_ms"}.get(boundary, "fragment_pause_ms")]


def durations(plan, syllables, logdur, rate, c):
    """Frames of 10 ms per phone; rounding carries over so that the tempo holds."""
    frames, carry = [], 0.0
    for n, (ph, owner) in enumerate(zip(plan["ph"], plan["owner"])):
        if owner < 0:
            before = plan["owner"][n - 1] if n else -1
            ms = c["lead_ms"] if n == 0 else pause_ms(syllables[before].boundary, c)
            ms, least = ms / rate, 2.0
        else:
            kind = "initial" if PHONES[ph].startswith("i_") else "final"
            citation = float(np.exp(np.clip(logdur[n], 0.7, 5.0))) * 10.0
            ms = c[kind + "_ms"] * (citation / c[kind + "_ref_ms"]) ** c["compression"]
            s = syllables[owner]
            stretch = 1.0
            if s.boundary >= CLAUSE:
                stretch = c["clause_stretch"]
            elif s.boundary == PHRASE:
                stretch = c["phrase_stretch"]
            elif s.boundary == WORD:
                stretch = c["word_stretch"]
            if kind == "initial":
                stretch = 1.0 + 0.5 * (stretch - 1.0)
            if s.emphasis:
                stretch *= c["emphasis_stretch"]
            voiced = kind == "initial" and PHONES[ph][2:] not in UNVOICED
            toned = kind == "final" and s.tone != 5
            least_ms = c["voiced_initial_min_ms" if voiced else "toned_final_min_ms" if toned else kind + "_min_ms"]
            ms = max(ms * stretch / rate, least_ms / max(rate, 1.0))
            least = 3.0
        wanted = ms / 10.0 + carry
        count = max(least, np.floor(wanted + 0.5))
        carry = float(np.clip(wanted - count, -0.5, 0.5))
        frames.append(int(count))
    return np.array(frames, dtype=np.int64)


def f0_contour(plan, syllables, frames, points, c):
    """Normalised log F0 per 5 ms sub-frame."""
    starts = np.cumsum(frames) - frames
    times, values = [], []
    phrase_start, question = 0.0, False
    for n, (ph, owner) in enumerate(zip(plan["ph"], plan["owner"])):
        if owner < 0:
            if n == 0 or syllables[plan["owner"][n - 1]].boundary >= CLAUSE:
                phrase_start = float(starts[n] + frames[n])
                later = [syllables[o].boundary for o in plan["owner"][n + 1 :] if o >= 0]
                ends = [b for b in later if b >= CLAUSE]
                question = bool(ends) and ends[0] == QUESTION
            continue
        name = PHONES[ph]
        if name.startswith("i_") and name[2:] in UNVOICED:
            continue
        s = syllables[owner]
        for k in range(F0_POINTS):
            share = (k + 0.5) / F0_POINTS
            at = starts[n] + share * frames[n]
            fall = c["declination_st_per_s"] * (at - phrase_start) / 100.0
            if question:
                fall *= 0.3
            shift = c["declination_start_st"] + max(fall, c["declination_min_st"]) + c["f0_shift_st"]
            size = c["f0_range"]
            if s.emphasis:
                size, shift = size * c["emphasis_range"], shift + c["emphasis_st"]
            if s.boundary == SENTENCE:
                shift += c["final_fall_st"] * share
            if s.boundary == QUESTION:
                shift += c["question_rise_st"] * (0.5 + share)
            times.append(at * SUB)
            values.append(float(points[n][k]) * size + shift * SEMITONE)
    total = int(frames.sum()) * SUB
    if not times:
        return np.zeros(total)
    contour = np.interp(np.arange(total) + 0.5, times, values)
    low = (np.log(c["f0_floor_hz"]) - F0_MEAN) / F0_SCALE
    high = (np.log(c["f0_ceiling_hz"]) - F0_MEAN) / F0_SCALE
    contour = np.clip(contour, low, high)
    kernel = np.array([1, 2, 3, 4, 3, 2, 1]) / 16.0
    return np.convolve(np.pad(contour, 3, mode="edge"), kernel, mode="valid")


def voiced_hold(plan, frames):
    """0..1 per sub-frame: how firmly it must be voiced. Her third tones creak, which a pitch tracker calls unvoiced."""
    rows = []
    for ph, count in zip(plan["ph"], frames):
        share = (np.arange(count * SUB) + 0.5) / (count * SUB)
        hold = np.clip((share - 0.10) / 0.08, 0, 1) * np.clip((0.85 - share) / 0.08, 0, 1)
        rows.append(hold if PHONES[ph].startswith("f_") else np.zeros(count * SUB))
    return np.concatenate(rows)


def to_hz(contour):
    return np.exp(np.asarray(contour) * F0_SCALE + F0_MEAN)
