# run_mrpo_*.sh and run_sft_then_mrpo.sh set BACKBONE and source this file. It turns the variables below into verl's overrides.
# recipe/mrpo/config/mrpo.yaml has the study's settings with their sources; the variables set only what varies between runs.
#
#   METHOD          mrpo (default) grpo gdpo drgrpo vppo pgrpo sft     `mrpo methods` prints a table of them
#   START           instruct (default); sft: your own checkpoint, named by MODEL_PATH; base: the pretrained model, if one
#                   is published (Qwen2-VL)
#   MODEL_PATH      checkpoint, a folder or a hub id; default: the study's for this backbone (START=base: its base model)
#   DATA_DIR        folder with train.parquet and test.parquet of `python -m data_preprocess`; default ~/data/vqa_rad
#   SFT_DATA_DIR    a folder like DATA_DIR, made with --sft, for METHOD=sft; default DATA_DIR/sft
#   OUTPUT_DIR      checkpoints and dumps of rollouts; default outputs/BACKBONE-METHOD
#   NNODES N_GPUS   number of nodes (default 1) and GPUs per node (default 8; 4 and 1 also work). docs/cluster.md
#   JUDGE_NAME      overlap (default): offline rules; openai (default if JUDGE_BASE_URL is set): an endpoint, set by
#                   JUDGE_BASE_URL, JUDGE_MODEL, JUDGE_API_KEY_ENV (name of a variable) and JUDGE_CACHE (file);
#                   continuations: the same endpoint goes on from each step (docs/judge.md);
#                   router: with the overrides of docs/judge.md. For any other judge give mrpo.judge.name=… as an argument
#   ENCODER         BERTScore encoder of the answer reward, a folder or a hub id; default none
#   LORA_RANK       0 (default): train all parameters
#   LR              learning rate; default: the configuration's
#   ROLLOUT_ENGINE  vllm (default) or sglang
#   TRAINER_MODE    sync (default), colocate_async, or separate_async, which generates on separate GPUs:
#                   ROLLOUT_NNODES nodes (default 1) with ROLLOUT_GPUS each (default N_GPUS), in addition to NNODES x N_GPUS
#   OFFLOAD         keep parameters and optimiser in host memory while unused: True or False; default: True below 8 GPUs
#   MIN_PIXELS MAX_PIXELS   smallest and largest image, if the backbone scales images; default: its row in
#                   recipe/mrpo/backbones.py. Not with SGLang, which keeps the size of images (docs/gpu.md)
#   LOGGER          destinations of metrics; default ["console","file"]: the file lies in OUTPUT_DIR/metrics, and
#                   `mrpo report OUTPUT_DIR` reads it
#   TRAIN_FILE VAL_FILE SFT_TRAIN_FILE   parquet files; default: train.parquet and test.parquet of DATA_DIR, and
#                   train.parquet of SFT_DATA_DIR
#   MASTER_ADDR NODE_RANK MASTER_PORT    METHOD=sft on several nodes: address of the first node, number of this one, port
#                   (default 29500). docs/cluster.md
#   DRY_RUN=1       print the command and the configuration that verl would run with, and stop
#
# Arguments are further Hydra overrides and have the last word. VERL_PLATFORM=cpu: tiny models without a GPU (config mrpo_cpu).

die() { printf 'error: %s\n' "$*" >&2; exit 2; }

one_of() {  # one_of NAME VALUE ALLOWED...
    local name=$1 value=$2 allowed
    shift 2
    for allowed in "$@"; do [[ $value == "$allowed" ]] && return; done
    die "$name=$value is unknown; choose one of $*."
}

# Check values before arithmetic: bash would run a command inside a subscript, and read 010 as eight.
whole_number() {  # whole_number NAME VALUE LEAST
    if ! [[ $2 =~ ^(0|[1-9][0-9]{0,8})$ ]] || (($2 < $3)); then die "$1 must be a whole number of at least $3, not $2."; fi
}

refuse_secrets() {  # refuse_secrets [Hydra overrides]: call it before anything is printed or written; it shows no secret
    local word key="put the key into an environment variable, and the name of this variable into JUDGE_API_KEY_ENV"
    [[ ${JUDGE_BASE_URL:-} != *@* ]] || die "JUDGE_BASE_URL holds a password or a user name; remove it, and $key."
    [[ ${JUDGE_API_KEY_ENV:-X} =~ ^[A-Za-z_][A-Za-z0-9_]*$ ]] ||
        die "JUDGE_API_KEY_ENV must be the name of an environment variable. Its value is not shown, because it may be the key."
    for word in "$@"; do
        [[ $word != *base_url*@* ]] || die "a base_url holds a password or a user name; remove it, and $key."
    done
}

absolute() {  # absolute PATH: workers of Ray have other working directories
    local path=${1/#\~\//$HOME/}
    [[ $path == /* || $path == *://* ]] || path=$PWD/$path
    printf '%s\n' "$path"
}

on_cpu() { [[ ${VERL_PLATFORM:-} == cpu ]]; }

settings() {
    METHOD=${METHOD:-mrpo}
    START=${START:-instruct}
    DATA_DIR=${DATA_DIR:-$HOME/data/vqa_rad}
    SFT_DATA_DIR=${SFT_DATA_DIR:-$DATA_DIR/sft}
    OUTPUT_DIR=$(absolute "${OUTPUT_DIR:-outputs/${BACKBONE##*:}-$METHOD}")
    NNODES=${NNODES:-1}
    N_GPUS=${N_GPUS:-$(on_cpu && echo 1 || echo 8)}
    LORA_RANK=${LORA_RANK:-0}
    ROLLOUT_ENGINE=${ROLLOUT_ENGINE:-vllm}
    TRAINER_MODE=${TRAINER_MODE:-sync}
    LOGGER=${LOGGER:-'["console","file"]'}
    whole_number NNODES "$NNODES" 1
    whole_number N_GPUS "$N_GPUS" 1
    whole_number LORA_RANK "$LORA_RANK" 0
    whole_number MIN_PIXELS "${MIN_PIXELS:-1}" 1
    whole_number MAX_PIXELS "${MAX_PIXELS:-1}" 1
    whole_number NODE_RANK "${NODE_RANK:-0}" 0
    whole_number MASTER_PORT "${MASTER_PORT:-29500}" 1
    [[ ${LR:-1} =~ ^[0-9]+(\.[0-9]*)?(e-?[0-9]+)?$ ]] || die "LR must be a number such as 1e-6, not $LR."
    one_of START "$START" instruct base sft
    one_of ROLLOUT_ENGINE "$ROLLOUT_ENGINE" vllm sglang
    one_of TRAINER_MODE "$TRAINER_MODE" sync colocate_async separate_async
    if [[ -z ${OFFLOAD:-} ]]; then
        OFFLOAD=$(! on_cpu && ((NNODES * N_GPUS < 8)) && echo True || echo False)
    fi
    one_of OFFLOAD "$OFFLOAD" True False
    PROGRAM=$(python -m recipe.mrpo.methods "$METHOD" program) || exit 2
    if [[ -z ${MODEL_PATH:-} ]]; then
        [[ $START != sft ]] || die "START=sft needs MODEL_PATH, the checkpoint of your SFT run (.../global_step_N/huggingface)."
        MODEL_PATH=$(python -m recipe.mrpo.backbones "$BACKBONE" "${START/instruct/model}") || exit 2
    fi
}

judge_overrides() {  # appends to ARGS; slurm.sbatch asks it too
    refuse_secrets
    JUDGE_NAME=${JUDGE_NAME:-$([[ -n ${JUDGE_BASE_URL:-} ]] && echo openai || echo overlap)}
    [[ $JUDGE_NAME != ensemble ]] || die "JUDGE_NAME=ensemble is not possible, because its members are options; give mrpo.judge.name=ensemble and mrpo.judge.members (docs/judge.md) as arguments."
    one_of JUDGE_NAME "$JUDGE_NAME" overlap openai router continuations
    ARGS+=("++mrpo.judge.name=$JUDGE_NAME")
    if [[ $JUDGE_NAME == openai || $JUDGE_NAME == continuations ]]; then
        [[ -n ${JUDGE_MODEL:-} ]] || die "JUDGE_NAME=$JUDGE_NAME needs JUDGE_MODEL, the name under which the endpoint serves the model."
        ARGS+=("++mrpo.judge.openai.model='$JUDGE_MODEL'")
        [[ -z ${JUDGE_BASE_URL:-} ]] || ARGS+=("++mrpo.judge.openai.base_url='$JUDGE_BASE_URL'")
        [[ -z ${JUDGE_API_KEY_ENV:-} ]] || ARGS+=("++mrpo.judge.openai.api_key_env=$JUDGE_API_KEY_ENV")
    fi
    [[ -z ${JUDGE_CACHE:-} ]] || ARGS+=("++mrpo.judge.cache.path='$JUDGE_CACHE'")
}

rl_overrides() {
    local backbone method actor=actor_rollout_ref.actor model=actor_rollout_ref.model rollout=actor_rollout_ref.rollout
    backbone=$(python -m recipe.mrpo.backbones "$BACKBONE" overrides) || exit 2
    method=$(python -m recipe.mrpo.methods "$METHOD" overrides) || exit 2
    if [[ $ROLLOUT_ENGINE == sglang && $backbone == *mm_processor_kwargs* ]]; then
        [[ -z ${MIN_PIXELS:-}${MAX_PIXELS:-} ]] ||
            die "MIN_PIXELS and MAX_PIXELS need ROLLOUT_ENGINE=vllm: verl 0.9.1 cannot hand them to SGLang."
        backbone=$(grep -v mm_processor_kwargs <<<"$backbone")
    fi
    mapfile -t ARGS <<<"$backbone"$'\n'"$method"
    if on_cpu; then
        ARGS+=("$rollout.max_model_len=null") # tiny models have short positions
    else
        ARGS+=("backbone=none") # the row's settings are spelled out above
    fi
    ARGS+=("++mrpo.backbone=$BACKBONE")
    ARGS+=(
        "data.train_files='${TRAIN_FILE:-$DATA_DIR/train.parquet}'"
        "data.val_files='${VAL_FILE:-$DATA_DIR/test.parquet}'"
        "$model.path='$MODEL_PATH'"
        "$rollout.name=$ROLLOUT_ENGINE"
        "trainer.v1.trainer_mode=$TRAINER_MODE"
        "trainer.nnodes=$NNODES"
        "trainer.n_gpus_per_node=$N_GPUS"
        "trainer.project_name=mrpo"
        "trainer.experiment_name=${BACKBONE##*:}-$METHOD-$START"
        "trainer.default_local_dir='$OUTPUT_DIR/checkpoints'"
        "trainer.rollout_data_dir='$OUTPUT_DIR/rollouts'"
        "trainer.validation_data_dir='$OUTPUT_DIR/validation'"
        "trainer.logger=$LOGGER"
    )
    if ! on_cpu; then  # mrpo_cpu sets these itself
        ARGS+=("$actor.fsdp_config.param_offload=$OFFLOAD" "$actor.fsdp_config.optimizer_offload=$OFFLOAD")
    fi
    if [[ $TRAINER_MODE == separate_async ]]; then
        whole_number ROLLOUT_NNODES "${ROLLOUT_NNODES:=1}" 1
        whole_number ROLLOUT_GPUS "${ROLLOUT_GPUS:=$N_GPUS}" 1
        ARGS+=("actor_rollout_ref.hybrid_engine=False" "$rollout.nnodes=$ROLLOUT_NNODES")
        ARGS+=("$rollout.n_gpus_per_node=$ROLLOUT_GPUS")
        # One optimiser step per batch and per transfer of weights, as in the other modes.
        ARGS+=("trainer.v1.separate_async.parameter_sync_step=1")
        ARGS+=("$rollout.checkpoint_engine.backend=$(on_cpu && echo zmq || echo nccl)")
    fi
    if ((LORA_RANK > 0)); then
        # Adapters of the language model alone (vLLM has none in vision towers), scaled by alpha / rank = 2.
        ARGS+=("$model.lora_rank=$LORA_RANK" "$model.lora_alpha=$((2 * LORA_RANK))" "$model.target_modules=all-linear")
        ARGS+=("$model.exclude_modules='$(python -m recipe.mrpo.backbones "$BACKBONE" vision_modules)'")
    fi
    # mrpo_cpu is for tiny models; their processor sets the size of images.
    if on_cpu; then MIN_PIXELS=${MIN_PIXELS:-4096} MAX_PIXELS=${MAX_PIXELS:-16384}; fi
    if [[ $backbone == *mm_processor_kwargs* ]]; then
        [[ -z ${MIN_PIXELS:-} ]] || ARGS+=("data.mm_processor_kwargs.min_pixels=$MIN_PIXELS")
        [[ -z ${MAX_PIXELS:-} ]] || ARGS+=("data.mm_processor_kwargs.max_pixels=$MAX_PIXELS")
    fi
    [[ -z ${LR:-} ]] || ARGS+=("$actor.optim.lr=$LR")
    [[ -z ${ENCODER:-} ]] || ARGS+=("++mrpo.rewards.answer.encoder='$ENCODER'")
    judge_overrides
    CONFIG=$(on_cpu && echo mrpo_cpu || echo mrpo)
    LAUNCH=(python -m "$PROGRAM")
}

sft_overrides() {
    ARGS=(
        "data.train_files='${SFT_TRAIN_FILE:-$SFT_DATA_DIR/train.parquet}'"
        "model.path='$MODEL_PATH'"
        "trainer.nnodes=$NNODES"
        "trainer.n_gpus_per_node=$N_GPUS"
        "trainer.experiment_name=${BACKBONE##*:}-sft-$START"
        "trainer.default_local_dir='$OUTPUT_DIR/checkpoints'"
        "trainer.logger=$LOGGER"
        "engine.param_offload=$OFFLOAD"
        "engine.optimizer_offload=$OFFLOAD"
    )
    local row
    row=$(python -m recipe.mrpo.backbones "$BACKBONE" sft) || exit 2
    [[ -z $row ]] || mapfile -t -O "${#ARGS[@]}" ARGS <<<"$row"
    ((LORA_RANK == 0)) || die "METHOD=sft trains all parameters, so its checkpoint is a whole model; set LORA_RANK=0."
    if on_cpu; then
        ARGS+=("trainer.device=cpu" "engine.use_torch_compile=False" "model.use_remove_padding=False")
        ARGS+=("+model.override_config.attn_implementation=eager")
        ARGS+=("data.train_batch_size=4" "data.num_workers=0")
    fi
    [[ -z ${LR:-} ]] || ARGS+=("optim.lr=$LR")
    CONFIG=mrpo_sft
    LAUNCH=(torchrun --nnodes "$NNODES" --nproc-per-node "$N_GPUS")
    if ((NNODES == 1)); then
        LAUNCH+=(--standalone)
    else
        [[ -n ${MASTER_ADDR:-} && -n ${NODE_RANK:-} ]] || die "SFT on several nodes must be started on each node; set MASTER_ADDR and NODE_RANK."
        LAUNCH+=(--node-rank "$NODE_RANK" --master-addr "$MASTER_ADDR" --master-port "${MASTER_PORT:-29500}")
    fi
    LAUNCH+=(-m "$PROGRAM")
}

wants_help() {  # prints the head of this file if --help is among the arguments
    [[ " $* " == *" --help "* || " $* " == *" -h "* ]] || return 1
    sed -n '/^#/!q; s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
}

run() {  # run [Hydra overrides]
    if wants_help "$@"; then return; fi
    refuse_secrets "$@"
    settings
    if [[ $METHOD == sft ]]; then sft_overrides; else rl_overrides; fi
    local command=("${LAUNCH[@]}" --config-name "$CONFIG" "${ARGS[@]}" "$@")
    if [[ ${DRY_RUN:-0} == 1 ]]; then
        printf '# %s\n' "$(printf '%q ' "${command[@]}")"
        python -m recipe.mrpo.startup.compose --config-name "$CONFIG" "${ARGS[@]}" "$@" || return
        if [[ $METHOD != sft && -f $MODEL_PATH/config.json ]]; then  # the memory and time it needs, beside the YAML
            python -m recipe.mrpo.cli doctor --plan --config-name "$CONFIG" "${ARGS[@]}" "$@" >&2
        fi
        return
    fi
    mkdir -p "$OUTPUT_DIR/metrics"
    # Each start has its own file, because verl empties the file that it is given.
    export VERL_FILE_LOGGER_PATH=${VERL_FILE_LOGGER_PATH:-$OUTPUT_DIR/metrics/$(date -u +%Y%m%dT%H%M%SZ).jsonl}
    printf '%q ' "${command[@]}" | tee "$OUTPUT_DIR/command.txt" && echo
    "${command[@]}"
}
