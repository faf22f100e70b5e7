#!/usr/bin/env bash
# Qwen3-VL-8B: MRPO, or another method on the same data, rewards and loop.
#
#   DATA_DIR=~/data/vqa_rad examples/run_mrpo_qwen3_vl.sh
#   METHOD=gdpo N_GPUS=4 JUDGE_BASE_URL=http://127.0.0.1:8000/v1 JUDGE_MODEL=judge examples/run_mrpo_qwen3_vl.sh
#   DRY_RUN=1 METHOD=drgrpo examples/run_mrpo_qwen3_vl.sh trainer.total_training_steps=2
#
# Sampling by the checkpoint's own generation config (0.7, top-p 0.8, top-k 20); temperature 1 as for the others:
#   actor_rollout_ref.rollout.temperature=1.0 actor_rollout_ref.rollout.top_p=1.0 actor_rollout_ref.rollout.top_k=-1
# Its prompt asks for <thinking>, so convert the data with --backbone qwen3_vl.
# The variables are described in examples/common.sh.
set -euo pipefail
BACKBONE=qwen3_vl
# shellcheck source=examples/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
run "$@"
