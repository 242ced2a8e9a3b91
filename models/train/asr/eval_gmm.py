"""The rival: the closed-grammar choice of a GMM recognizer on the same clips.

    python models/train/asr/eval_gmm.py --speech ../shared/speech --tests TESTSETS

pocketsphinx with its 8 kHz Mandarin model picks one of the 12 words of the `strangers` folder.  It is given the clips
as they are, and again with noise 50 dB under the speech, because digital silence upsets its front end.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent / "common")]
import numpy as np  # noqa: E402
from pocketsphinx import Config, Decoder  # noqa: E402

from evaluate import interval, read_folder  # noqa: E402
from frontend import to_int16  # noqa: E402


def main() -> None:
    here = Path(__file__).resolve().parent
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--speech", type=Path, default=here.parents[3] / "shared/speech")
    ap.add_argument("--tests", type=Path, required=True)
    args = ap.parse_args()
    model = args.speech / "pocketsphinx_zh_8k"
    items = list(read_folder(args.tests / "strangers"))
    words = sorted({text for text, *_ in items})
    said = {text: syllables for text, syllables, *_ in items}
    with tempfile.TemporaryDirectory() as scratch:
        grammar = Path(scratch) / "words.gram"
        grammar.write_text("#JSGF V1.0;\ngrammar words;\npublic <word> = " + " | ".join(words) + ";\n", encoding="utf8")
        decoder = Decoder(Config(hmm=str(model / "ptm"), dict=str(model / "mandarin_notone.dic"), jsgf=str(grammar),
                                 samprate=8000, loglevel="FATAL"))
        rng = np.random.default_rng(3)
        for name, noise in (("as they are", 0.0), ("with noise at 50 dB", 0.1 * 10 ** (-50 / 20))):
            wrong, wrong_syllables, began = [], [], time.process_time()
            for text, syllables, _, audio in items:
                decoder.start_utt()
                decoder.process_raw(to_int16(audio + noise * rng.standard_normal(len(audio))).tobytes(), full_utt=True)
                decoder.end_utt()
                hypothesis = decoder.hyp()
                chosen = "" if hypothesis is None else hypothesis.hypstr.split("(")[0]
                wrong.append(chosen != text)
                wrong_syllables.append(said.get(chosen) != syllables)
            seconds = sum(len(audio) for *_, audio in items) / 8000
            for what, errors in ((f"among {len(words)}", wrong), ("homophones as one", wrong_syllables)):
                rate, low, high = interval(np.array(errors), np.ones(len(errors)))
                print(f"GMM, {name}: wrong choice, {what}: {100 * rate:.1f} % ({100 * low:.1f}-{100 * high:.1f} %) of {len(items)}")
            print(f"  CPU time / audio {(time.process_time() - began) / seconds:.2f}")


if __name__ == "__main__":
    main()
