#!/usr/bin/env bash
# Any backbone by its name: a row of `mrpo backbones`, or your own as package.module:ROW (docs/own_parts.md).
#
#   BACKBONE=my_rows:ROW DATA_DIR=~/data/vqa_rad examples/run_mrpo.sh
#   DRY_RUN=1 BACKBONE=qwen2_vl METHOD=drgrpo examples/run_mrpo.sh trainer.total_training_steps=2
#
# The variables are described in examples/common.sh.
set -euo pipefail
[[ -n ${BACKBONE:-} || " $* " == *" --help "* || " $* " == *" -h "* ]] || { echo "error: set BACKBONE to a row of \`mrpo backbones\` or to your own, package.module:ROW." >&2; exit 2; }
# shellcheck source=examples/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
run "$@"
