#!/bin/sh
# From recordings to a checked voice package in under three minutes on one core: few words, few steps.
# usage: models/train/tts/smoke.sh [SCRATCH] [SPEECH]; PYTHON names the interpreter. The published voice is not touched.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
scratch=${1:-$(mktemp -d)}
speech=${2:-$here/../../../../shared/speech}
python=${PYTHON:-python3}
export PYTHONWARNINGS=ignore OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
mkdir -p "$scratch"
rm -rf "$scratch/run" "$scratch/run2" "$scratch/voice" "$scratch/wav"
$python "$here/prepare.py" --speech "$speech" --out "$scratch/data.npz" --limit 120
$python "$here/train.py" --data "$scratch/data.npz" --run "$scratch/run" --minutes 0.25 --batch 12
$python "$here/train.py" --data "$scratch/data.npz" --run "$scratch/run" --minutes 0.3 --batch 12
$python "$here/train.py" --data "$scratch/data.npz" --run "$scratch/run2" --minutes 0.05 --batch 12 \
    --init-from "$scratch/run/last.pt"
$python "$here/train_prosody.py" --data "$scratch/data.npz" --run "$scratch/run" --minutes 0.1
$python "$here/export.py" --run "$scratch/run" --out "$scratch/voice"
$python "$here/fixture.py" --voice "$scratch/voice"
head -n 2 "$here/hotline_100.tsv" > "$scratch/two.tsv"
$python "$here/speak.py" --voice "$scratch/voice" --list "$scratch/two.tsv" --out "$scratch/wav" --spread
test "$(ls "$scratch/wav" | wc -l)" -eq 2
echo "smoke: data, training, resuming, warm start, export, fixture and speech went through ($scratch)"
