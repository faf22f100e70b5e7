#!/usr/bin/env bash
# InternVL3-8B: MRPO, or another method on the same data, rewards and loop.
#
#   DATA_DIR=~/data/vqa_rad examples/run_mrpo_internvl3.sh
#   METHOD=gdpo N_GPUS=4 JUDGE_BASE_URL=http://127.0.0.1:8000/v1 JUDGE_MODEL=judge examples/run_mrpo_internvl3.sh
#   DRY_RUN=1 METHOD=drgrpo examples/run_mrpo_internvl3.sh trainer.total_training_steps=2
#
# MODEL_PATH must be the HF-native layout (…-hf); the remote-code layout is refused.
# The variables are described in examples/common.sh.
set -euo pipefail
BACKBONE=internvl3
# shellcheck source=examples/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
run "$@"
