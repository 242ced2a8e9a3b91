"""What every step shares: the phone set, the frame clock, the band axes and the reading of pinyin."""

import gzip

import numpy as np

RATE = 8000
HOP = 40  # samples of one feature sub-frame (5 ms)
SUB = 2  # sub-frames that one 10 ms model frame emits
H_BANDS = 32  # points of the harmonic envelope
N_BANDS = 20  # bands of the noise envelope
FEATS = H_BANDS + N_BANDS + 1  # + voicing
F0_POINTS = 5  # F0 targets of one phone
F0_MEAN = float(np.log(240.0))  # her mean, the zero of normalised log F0
F0_SCALE = 0.25
F0_MIN, F0_MAX = 75.0, 500.0
N_FFT = 128  # noise frame
FLOOR_LN = -9.2  # ln amplitude, about -80 dBFS: below it everything is silence


def mel(f):
    return 1127.0 * np.log1p(np.asarray(f, dtype=np.float64) / 700.0)


def unmel(m):
    return 700.0 * np.expm1(np.asarray(m, dtype=np.float64) / 1127.0)


def harmonic_axis():
    """Frequencies in Hz where the harmonic envelope is sampled."""
    return unmel(np.linspace(mel(100.0), mel(3900.0), H_BANDS))


def noise_edges():
    """N_BANDS + 1 edges in Hz; band b covers edge b to edge b + 1."""
    edges = unmel(np.linspace(mel(0.0), mel(4000.0), N_BANDS + 1))
    return edges


INITIALS = "b p m f d t n l g k h j q x zh ch sh r z c s y w".split()
FINALS = (
    "a ai an ang ao e ei en eng er i ih ir ia ian iang iao ie in ing iong iu o ong ou "
    "u ua uai uan uang ui un uo v van ve vn"
).split()
PHONES = ["sil"] + ["i_" + p for p in INITIALS] + ["f_" + p for p in FINALS]
PHONE_ID = {p: i for i, p in enumerate(PHONES)}
UNVOICED = {"b", "p", "f", "d", "t", "g", "k", "h", "j", "q", "x", "zh", "ch", "sh", "z", "c", "s"}


def split_syllable(pinyin):
    """'zhuang' -> ('zh', 'uang'); a syllable without initial gives ('', final). Pinyin spelling, v for u-umlaut."""
    for n in (2, 1):
        if pinyin[:n] in INITIALS and len(pinyin) > n:
            return pinyin[:n], pinyin[n:]
    return "", pinyin


def phone_final(initial, final):
    """The phone of a final: pinyin spells several vowels with one letter, told apart by the initial."""
    if final == "i":
        if initial in ("z", "c", "s"):
            return "ih"
        if initial in ("zh", "ch", "sh", "r"):
            return "ir"
        return "i"
    if initial in ("j", "q", "x", "y") and final in ("u", "ue", "uan", "un"):
        return {"u": "v", "ue": "ve", "uan": "van", "un": "vn"}[final]
    if initial == "y" and final in ("an", "e"):
        return {"an": "ian", "e": "ie"}[final]
    return {"ue": "ve", "n": "en", "ng": "eng", "m": "en", "iai": "ie", "io": "o"}.get(final, final)


def phones_of(pinyin):
    """Phone names of one toneless syllable, or None if it is none."""
    initial, final = split_syllable(pinyin)
    out = ["i_" + initial] if initial else []
    name = "f_" + phone_final(initial, final)
    if name not in PHONE_ID:
        return None
    return out + [name]


def spoken_tones(hanzi, tones):
    """One tone rule for training and synthesis: 3-3, yi and bu. `tones` are dictionary or sandhi tones, 1..5."""
    t = list(tones)
    if len(hanzi) == len(t):
        for i, c in enumerate(hanzi):
            last = i + 1 == len(t)
            if c == "一" and not last and t[i] != 5 and (i == 0 or hanzi[i - 1] not in "十第二三四五六七八九"):
                t[i] = 2 if tones[i + 1] in (4, 5) else 4
            if c == "不" and not last and t[i] != 5:
                t[i] = 2 if tones[i + 1] == 4 else 4
    for i in range(len(t) - 1):
        if t[i] == 3 and tones[i + 1] == 3 and t[i + 1] == 3:
            t[i] = 2
    return t


def read_alignment(path):
    """Yields (hanzi, [(pinyin, tone)], [(phone, syllable, start, end)]), frames of 10 ms at 16 kHz."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("#"):
                continue
            hanzi, pinyin, spans = line.rstrip("\n").split("\t")
            syllables = [(s[:-1], int(s[-1])) for s in pinyin.split()]
            tones = spoken_tones(hanzi, [t for _, t in syllables])
            syllables = [(s, t) for (s, _), t in zip(syllables, tones)]
            phones, at, initial = [], 0, ""
            for item in spans.split():
                name, span = item.split(":")
                start, end = (int(v) for v in span.split("-"))
                kind, body = name.split("_")
                if kind == "i":
                    initial = body
                    phones.append((name, at, start, end))
                else:
                    phones.append(("f_" + phone_final(initial, body), at, start, end))
                    at, initial = at + 1, ""
            if at == len(syllables) and all(p[0] in PHONE_ID for p in phones):
                yield hanzi, syllables, phones
