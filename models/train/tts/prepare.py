"""Recordings + alignment -> one feature file: decode, 8 kHz, refine the boundaries, analyse.

python prepare.py --speech ../../../../shared/speech --out data.npz [--limit N]
"""

import argparse
import io
import tarfile
import time

import numpy as np
import soundfile
from scipy.signal import butter, resample_poly, sosfilt, sosfiltfilt

from analysis import analyse
from common import HOP, PHONE_ID, RATE, UNVOICED, read_alignment

HIGH_PASS = butter(2, 70, "highpass", fs=RATE, output="sos")
LOW_BAND = butter(2, [150, 1000], "bandpass", fs=RATE, output="sos")
STOPS = {"b", "p", "d", "t", "g", "k", "j", "q", "zh", "ch", "z", "c"}


def decode(data):
    x, rate = soundfile.read(io.BytesIO(data), dtype="float64")
    assert rate == 22050, rate
    return sosfilt(HIGH_PASS, resample_poly(x, 160, 441))


def log_energy(x):
    """ln energy per 5 ms sub-frame in 10 ms windows."""
    m = 1 + len(x) // HOP
    padded = np.concatenate([np.zeros(HOP), x, np.zeros(2 * HOP)])
    return np.log(np.array([np.mean(padded[i * HOP : (i + 2) * HOP] ** 2) for i in range(m)]) + 1e-9)


def refine(x, phones):
    """Moves boundaries at unvoiced initials to the steepest change of the voiced band; returns sub-frame boundaries.

    The aligner's frame t is the 25 ms window from sample 160 t at 16 kHz, so its centre is at 10 t + 12.5 ms.
    """
    low = log_energy(sosfiltfilt(LOW_BAND, x))
    total = log_energy(x)
    slope = np.zeros(len(low))
    slope[2:-2] = low[4:] - low[:-4]
    at = [int(round((10 * p[2] + 12.5) / 5)) for p in phones] + [int(round((10 * phones[-1][3] + 12.5) / 5))]
    fixed = list(at)
    for i, (name, _, _, _) in enumerate(phones):
        if not name.startswith("i_") or i + 1 >= len(phones):
            continue
        if name[2:] not in UNVOICED:
            fixed[i + 1] = at[i + 1] - 2
            continue
        lo, hi = max(at[i] + 2, at[i + 1] - 16), at[i + 1] + 7
        if hi - lo > 2 and hi < len(slope):
            fixed[i + 1] = lo + int(np.argmax(slope[lo:hi]))
        if i > 0:
            lo, hi = max(at[i] - 10, fixed[i - 1] + 6), min(at[i] + 8, fixed[i + 1] - 4)
            if hi - lo > 2 and hi < len(slope):
                fixed[i] = lo + int(np.argmin(slope[lo:hi]))
    floor, peak = np.percentile(total, 5), np.max(total)
    loud = np.flatnonzero(total > max(floor + 2.0, peak - 9.0))
    if len(loud):
        fixed[0] = int(np.clip(loud[0] - 1, at[0] - 8, fixed[1] - 4))
        if phones[0][0][2:] in STOPS and phones[0][0].startswith("i_"):
            fixed[0] = max(0, min(fixed[0], fixed[1] - 10))
        fixed[-1] = int(np.clip(loud[-1] + 2, fixed[-2] + 8, at[-1] + 12))
    for i in range(1, len(fixed)):
        fixed[i] = max(fixed[i], fixed[i - 1] + 4)
    return fixed


def word_features(x, phones):
    bounds = refine(x, phones)
    start, end = max(0, bounds[0] - 16), bounds[-1] + 24
    x = x[start * HOP : min(len(x), end * HOP)]
    features, f0 = analyse(x)
    bounds = [min(b - start, len(f0)) for b in bounds]
    loud = np.percentile(np.abs(x), 99.5)
    gain = np.log(0.5 / max(loud, 1e-3))
    features[:, :-1] += gain
    np.maximum(features[:, :-1], -9.2, out=features[:, :-1])
    return features, f0, bounds


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--speech", default="../../../../shared/speech")
    parser.add_argument("--out", required=True)
    parser.add_argument("--limit", type=int, default=0)
    args = parser.parse_args()
    words = {h: (s, p) for h, s, p in read_alignment(args.speech + "/audio-cmn-yuetan-alignment.tsv.gz")}
    table = {"name": [], "features": [], "f0": [], "phones": [], "tones": [], "syllables": [], "bounds": []}
    began = time.process_time()
    with tarfile.open(args.speech + "/audio-cmn-yuetan-hsk-64k.tar") as tar:
        for member in tar:
            name = member.name.rsplit("/", 1)[-1].removeprefix("cmn-").removesuffix(".mp3")
            if name not in words:
                continue
            syllables, phones = words[name]
            features, f0, bounds = word_features(decode(tar.extractfile(member).read()), phones)
            table["name"].append(name)
            table["features"].append(features.astype(np.float16))
            table["f0"].append(f0)
            table["phones"].append(np.array([PHONE_ID[p[0]] for p in phones], dtype=np.int16))
            table["tones"].append(np.array([syllables[p[1]][1] for p in phones], dtype=np.int16))
            table["syllables"].append(np.array([p[1] for p in phones], dtype=np.int16))
            table["bounds"].append(np.array(bounds, dtype=np.int32))
            n = len(table["name"])
            if n % 500 == 0:
                print(f"{n} words, {time.process_time() - began:.0f} s", flush=True)
            if args.limit and n >= args.limit:
                break
    packed = {"name": np.array(table.pop("name"))}
    for key, rows in table.items():
        packed[key] = np.concatenate(rows)
        packed[key + "_len"] = np.array([len(r) for r in rows], dtype=np.int32)
    np.savez(args.out, **packed)
    print(f"{n} words, {sum(packed['features_len']) * HOP / RATE / 60:.1f} min")


if __name__ == "__main__":
    main()
