"""The settings and versions of a run without a GPU."""

from __future__ import annotations

from pathlib import Path

from recipe.mrpo import cpu

PACKAGE = Path(cpu.__file__).parents[1]


def test_mrpo_cpu_yaml_sets_options_that_verl_has():
    import yaml
    from hydra import compose, initialize_config_module

    own = yaml.safe_load((PACKAGE / "config" / "mrpo_cpu.yaml").read_text())
    assert own.pop("defaults") == ["ppo_trainer", "_self_"]  # the last word is ours
    added = {  # free-form nodes of verl, or keys of its dataclasses that its YAML leaves out
        "actor_rollout_ref.actor.fsdp_config.mixed_precision.param_dtype",
        "actor_rollout_ref.model.override_config.attn_implementation",
        "actor_rollout_ref.ref.fsdp_config.mixed_precision",
        "actor_rollout_ref.rollout.enable_sleep_mode",
        "actor_rollout_ref.rollout.engine_kwargs.vllm.distributed_executor_backend",
        "actor_rollout_ref.rollout.engine_kwargs.vllm.kv_cache_memory_bytes",
        "ray_kwargs.ray_init.include_dashboard",
        "ray_kwargs.ray_init.num_gpus",
        "reward.reward_model.rollout.enable_sleep_mode",
        "reward.reward_model.rollout.engine_kwargs.vllm.distributed_executor_backend",
        "reward.reward_model.rollout.engine_kwargs.vllm.kv_cache_memory_bytes",
    }
    with initialize_config_module("verl.trainer.config", version_base=None):
        theirs = compose("ppo_trainer")

    def leaves(node, prefix=""):
        for key, value in node.items():
            if isinstance(value, dict):
                yield from leaves(value, f"{prefix}{key}.")
            else:
                yield f"{prefix}{key}"

    def known(key):
        node = theirs
        for part in key.split("."):
            if part not in list(node):  # `in node` denies keys whose value is mandatory
                return False
            node = node._get_node(part)
        return True

    assert {key for key in leaves(own) if not known(key)} == added


def test_every_pin_is_exact_and_stands_once():
    lines = (PACKAGE / "pins.txt").read_text().splitlines()
    pins = [line.split("#")[0].strip() for line in lines if line.split("#")[0].strip()]
    names = [pin.split("==")[0].lower().replace("_", "-") for pin in pins]
    assert all(pin.count("==") == 1 and "*" not in pin for pin in pins)
    assert len(names) == len(set(names))
