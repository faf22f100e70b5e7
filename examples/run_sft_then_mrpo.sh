#!/usr/bin/env bash
# Two stages: SFT on gold reasoning, then MRPO (or METHOD) from its checkpoint.
#
#   BACKBONE=qwen3_vl DATA_DIR=~/data/vqa_rad SFT_DATA_DIR=~/data/vqa_rad_sft examples/run_sft_then_mrpo.sh
#   SFT_ARGS='trainer.total_training_steps=2' examples/run_sft_then_mrpo.sh trainer.total_training_steps=2
#
# Arguments are Hydra overrides of the second stage, SFT_ARGS (split at spaces) those of the first. A first stage that has
# a checkpoint in OUTPUT_DIR/sft already is continued or, if done, left as it is. Variables: examples/common.sh.
set -euo pipefail
BACKBONE=${BACKBONE:-qwen2_5_vl}
# shellcheck source=examples/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
if wants_help "$@"; then exit; fi
METHOD=${METHOD:-mrpo}
[[ $METHOD != sft ]] || die "METHOD is the second stage here; the first one is SFT anyway."
refuse_secrets "$@"
ROOT=$(absolute "${OUTPUT_DIR:-outputs/${BACKBONE##*:}-sft-$METHOD}")
read -ra FIRST <<<"${SFT_ARGS:-}"

(   # shellcheck disable=SC2030  # the first stage's own settings
    METHOD=sft OUTPUT_DIR=$ROOT/sft LORA_RANK=0 LR=${SFT_LR:-}
    run ${FIRST[@]+"${FIRST[@]}"}
)

if [[ ${DRY_RUN:-0} == 1 ]]; then
    STEP=N
else
    STEP=$(cat "$ROOT/sft/checkpoints/latest_checkpointed_iteration.txt")
fi
# shellcheck disable=SC2031
OUTPUT_DIR=$ROOT/$METHOD START=sft MODEL_PATH=$ROOT/sft/checkpoints/global_step_$STEP/huggingface
run "$@"
