#!/usr/bin/env bash
# Qwen2.5-VL-7B: MRPO, or another method on the same data, rewards and loop.
#
#   DATA_DIR=~/data/vqa_rad examples/run_mrpo_qwen2_5_vl.sh
#   METHOD=gdpo N_GPUS=4 JUDGE_BASE_URL=http://127.0.0.1:8000/v1 JUDGE_MODEL=judge examples/run_mrpo_qwen2_5_vl.sh
#   DRY_RUN=1 METHOD=drgrpo examples/run_mrpo_qwen2_5_vl.sh trainer.total_training_steps=2
#
# Sampling at temperature 1, as in the study.
# The variables are described in examples/common.sh.
set -euo pipefail
BACKBONE=qwen2_5_vl
# shellcheck source=examples/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
run "$@"
