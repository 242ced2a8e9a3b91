"""Mandarin pinyin: spelling to initials and finals, the modelling units of the recognizer.

Everything here is toneless unless it says otherwise; u-umlaut is written v.  A syllable with no initial is its
final alone, and finals have one canonical spelling whatever the orthography does with y and w:
`ya` is `ia`, `wo` is `uo`, `yu` is `v`, `liu` is `l iou`, `gui` is `g uei`, `lun` is `l uen`.  The apical vowels
of zi/ci/si (`iz`) and of zhi/chi/shi/ri (`ir`) are units of their own, because they share nothing but a letter
with the `i` of `li`.
"""

from __future__ import annotations

INITIALS = "b p m f d t n l g k h j q x zh ch sh r z c s".split()
FINALS = (
    "a o e ai ei ao ou an en ang eng er ong "
    "i ia ie iao iou ian in iang ing iong io "
    "u ua uo uai uei uan uen uang ueng "
    "v ve van vn iz ir"
).split()
BLANK = "<blk>"
UNITS = [BLANK] + INITIALS + FINALS
UNIT_ID = {unit: i for i, unit in enumerate(UNITS)}
# The larger set, in which a final carries its tone (5 = neutral): `shu4` is `sh u4`.
TONED_UNITS = [BLANK] + INITIALS + [f"{final}{tone}" for final in FINALS for tone in range(1, 6)]
TONELESS_OF = [UNIT_ID[unit.rstrip("12345")] for unit in TONED_UNITS]  # toned id -> toneless id
# A label is a toneless id with the tone above it, 0 on initials, so that one cache serves both sets.
TONE_SHIFT = 6
_TONED_ID = {unit: i for i, unit in enumerate(TONED_UNITS)}

_ZERO_INITIAL = {
    "yi": "i", "ya": "ia", "yo": "io", "ye": "ie", "yao": "iao", "you": "iou", "yan": "ian", "yin": "in",
    "yang": "iang", "ying": "ing", "yong": "iong", "wu": "u", "wa": "ua", "wo": "uo", "wai": "uai", "wei": "uei",
    "wan": "uan", "wen": "uen", "wang": "uang", "weng": "ueng", "yu": "v", "yue": "ve", "yuan": "van", "yun": "vn",
    # Interjections are said, and heard, as a nasal syllable.
    "n": "en", "ng": "en",
}
_CONTRACTED = {"iu": "iou", "ui": "uei", "un": "uen"}
_FRONT_ROUNDED = {"u": "v", "ue": "ve", "uan": "van", "un": "vn"}


def strip_tone(syllable: str) -> str:
    """`lv4` -> `lv`."""
    return syllable.rstrip("012345")


def units_of(syllable: str) -> list[str] | None:
    """The units of one syllable (tone digit allowed), or None if it is not Mandarin as we model it."""
    s = strip_tone(syllable.lower()).replace("ü", "v").replace("u:", "v")
    if s in _ZERO_INITIAL:
        return [_ZERO_INITIAL[s]]
    if s and s[0] in "aoe":
        return [s] if s in FINALS else None
    initial = s[:2] if s[:2] in ("zh", "ch", "sh") else s[:1]
    final = s[len(initial):]
    if initial not in INITIALS or not final:
        return None
    if initial in ("j", "q", "x"):
        final = _FRONT_ROUNDED.get(final, final)
    elif initial in ("z", "c", "s") and final == "i":
        final = "iz"
    elif initial in ("zh", "ch", "sh", "r") and final == "i":
        final = "ir"
    if initial in ("n", "l") and final == "ue":  # `nue`, `lue` are loose spellings of nve, lve
        final = "ve"
    final = _CONTRACTED.get(final, final)
    return [initial, final] if final in FINALS else None


def unit_ids(syllables: list[str]) -> list[int]:
    """Unit ids of a sequence of syllables; raises KeyError-like ValueError on an unknown one."""
    ids: list[int] = []
    for syllable in syllables:
        units = units_of(syllable)
        if units is None:
            raise ValueError(f"not a syllable: {syllable!r}")
        ids.extend(UNIT_ID[u] for u in units)
    return ids


def labels_of(said: list[str]) -> list[int]:
    """Labels (unit id + tone << TONE_SHIFT) of tone-numbered syllables; raises ValueError on an unknown one."""
    labels: list[int] = []
    for syllable in said:
        ids = unit_ids([syllable])
        tone = int(syllable[-1]) if syllable[-1] in "12345" else 5
        labels += ids[:-1] + [ids[-1] | tone << TONE_SHIFT]
    return labels


def toneless(label: int) -> int:
    """The toneless unit id of a label."""
    return label & (1 << TONE_SHIFT) - 1


def toned(label: int) -> int:
    """The toned unit id of a label."""
    unit, tone = UNITS[toneless(label)], label >> TONE_SHIFT
    return _TONED_ID[f"{unit}{tone}" if tone else unit]


def group_syllables(units: list[str]) -> list[tuple[str, ...]]:
    """Groups a unit sequence into syllables: an initial waits for its final; a lone one stands for itself."""
    out: list[tuple[str, ...]] = []
    pending: str | None = None
    for unit in units:
        if unit in INITIALS:
            if pending:
                out.append((pending,))
            pending = unit
        else:
            out.append((pending, unit) if pending else (unit,))
            pending = None
    if pending:
        out.append((pending,))
    return out
