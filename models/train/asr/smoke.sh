#!/bin/sh
# From data to a checked ONNX file in about two minutes on two cores: a few clips, a few sentences, a tiny network.
# usage: models/train/asr/smoke.sh [SCRATCH] [SPEECH]; PYTHON names the interpreter. The published model is not touched.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
scratch=${1:-$(mktemp -d)}
speech=${2:-$here/../../../../shared/speech}
python=${PYTHON:-python3}
export PYTHONWARNINGS=ignore
mkdir -p "$scratch"
rm -rf "$scratch/cache" "$scratch/work" "$scratch/work2" "$scratch/tests" "$scratch/model"
$python "$here/prepare.py" --speech "$speech" --cache "$scratch/cache" real --limit 60
$python "$here/prepare.py" --speech "$speech" --cache "$scratch/cache" synth --hours 0.2 --random-voices 10
$python "$here/train.py" --cache "$scratch/cache" --work "$scratch/work" --steps 60 --batch-frames 5000 \
    --dim 96 --hidden 192 --blocks 3 --front 8 --front2 16
$python "$here/export.py" --checkpoint "$scratch/work/last.pt" --out "$scratch/model" --version smoke
$python "$here/train.py" --cache "$scratch/cache" --work "$scratch/work2" --steps 3 --batch-frames 5000 \
    --init-from "$scratch/model/model.onnx"
$python "$here/fixtures.py" --model "$scratch/model/model.onnx"
$python "$here/make_testsets.py" --speech "$speech" --out "$scratch/tests" --sentences 4 --voices-each 1
$python "$here/evaluate.py" --model "$scratch/model/model.onnx" --tests "$scratch/tests" --limit 12 --chunk 16
$python "$here/evaluate.py" --model "$scratch/model/model.onnx" --rtf
$python "$here/evaluate.py" --model "$scratch/model/model.onnx" --noise "$speech"
echo "smoke: data, training, warm start, export, chunked run and evaluation went through ($scratch)"
