"""Laws of recipe.mrpo.cpu. No run of verl here; tests/integration has those."""

import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch

from recipe.mrpo import cpu
from recipe.mrpo.cpu import distributed, engines, vllm_plugin, weights
from recipe.mrpo.cpu.source_guard import expect_source

PACKAGE = Path(cpu.__file__).parents[1]


def verl_file(name: str) -> ModuleType:
    """A private copy of a module of verl, so that a patch under test does not reach other tests."""
    root = Path(importlib.util.find_spec("verl").origin).parent
    spec = importlib.util.spec_from_file_location(f"copy_of_{Path(name).stem}", root / name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# switched on by VERL_PLATFORM=cpu and nothing else


@pytest.mark.parametrize(
    ("value", "active"),
    [
        ("cpu", True),
        (" CPU ", True),  # verl strips and lowers the variable as well
        ("nvidia", False),
        ("", False),
        (None, False),
    ],
)
def test_vllm_plugin_does_nothing_unless_the_platform_is_cpu(monkeypatch, value, active):
    hooked = []
    monkeypatch.setattr("recipe.mrpo.common.post_import.after_import", lambda name, callback: hooked.append(name))
    monkeypatch.delenv("VERL_PLATFORM", raising=False)
    if value is not None:
        monkeypatch.setenv("VERL_PLATFORM", value)
    vllm_plugin.register()
    assert hooked == (["vllm.model_executor.layers.utils"] if active else [])


@pytest.mark.long
def test_import_verl_activates_everything_and_children_inherit_the_shim():
    report = """
import json, os, subprocess, sys
from recipe.mrpo import cpu
from recipe.mrpo.common import post_import as hooks
from verl.plugin.platform import get_platform
before = {name: list(known) for name, known in hooks._callbacks.items()}
cpu.activate()
after = {name: list(known) for name, known in hooks._callbacks.items()}
child = subprocess.check_output(
    [sys.executable, "-c", "import sys; print([type(f).__name__ for f in sys.meta_path])"], text=True)
platform = get_platform()
print(json.dumps(dict(
    device=platform.device_name, backend=platform.communication_backend_name(), ipc=platform.is_ipc_supported(),
    capability=platform.get_device_capability(), path=os.environ["PYTHONPATH"], threads=os.environ["TQ_NUM_THREADS"],
    hooks=sorted(name for name, known in after.items() if any("recipe.mrpo.cpu" in one for one in known)),
    unchanged=before == after, finders=[type(f).__name__ for f in sys.meta_path], child=child)))
"""
    environment = {**os.environ, "VERL_PLATFORM": "cpu", "PYTHONPATH": "/some/where", "TQ_NUM_THREADS": "3"}
    # The second: our module is first, and verl's plugin then meets it half imported.
    starts = ["import verl", "import recipe.mrpo.cpu.platform"]
    if not any(point.name == "mrpo" for point in importlib.metadata.entry_points(group="verl.plugins")):
        starts = [start + "; from recipe.mrpo import cpu; cpu.activate()" for start in starts]  # not installed
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    commands = [[sys.executable, "-c", f"{start}\n{report}"] for start in starts]
    children = [subprocess.Popen(command, env=environment, **pipes) for command in commands]
    for child in children:
        output, errors = child.communicate(timeout=900)
        assert child.returncode == 0 and "could not register" not in errors, errors
        check_activation(json.loads(output.splitlines()[-1]))


def check_activation(seen):
    assert (seen["device"], seen["backend"], seen["ipc"], seen["capability"]) == ("cpu", "gloo", False, [None, None])
    assert seen["path"].split(os.pathsep) == [str(cpu.SHIM_DIR), "/some/where"]  # once, first, the user's kept
    assert seen["threads"] == "3"  # the user's value stays
    assert seen["hooks"] == [
        "verl.utils.distributed",
        "verl.workers.engine.fsdp.transformer_impl",
        "verl.workers.rollout.vllm_rollout.bucketed_weight_transfer",
    ]
    assert seen["unchanged"], "activate() twice adds hooks twice"
    assert seen["finders"].count("TorchvisionOperators") == seen["finders"].count("VllmAlias") == 1
    assert "TorchvisionOperators" in seen["child"] and "VllmAlias" in seen["child"]


# a patch refuses what it was not written for


def something_else():
    return 1


def test_a_changed_upstream_function_is_named_with_the_version_the_patch_was_written_for():
    expect_source(something_else, "return 1", patch="do it", written_for="pytest 1.0")
    with pytest.raises(RuntimeError) as caught:
        expect_source(something_else, "return 2", patch="do it", written_for="pytest 1.0")
    installed = f"is pytest {pytest.__version__}"
    for part in ("cannot do it", "something_else", "'return 2'", "written for pytest 1.0", installed):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("patch", "changed"),
    [
        (
            distributed.use_plain_gloo,
            SimpleNamespace(
                initialize_global_process_group_ray=something_else, initialize_global_process_group=something_else
            ),
        ),
        (
            weights.copy_received_weights,
            SimpleNamespace(BucketedWeightReceiver=SimpleNamespace(receive_weights=something_else)),
        ),
        (vllm_plugin.keep_unpacked_weights, SimpleNamespace(dispatch_cpu_unquantized_gemm=something_else)),
        (
            engines.register_cpu_engines,
            SimpleNamespace(FSDPEngine=SimpleNamespace(_build_fsdp_module=something_else)),
        ),
    ],
)
def test_every_patch_refuses_a_changed_upstream(patch, changed):
    with pytest.raises(RuntimeError, match="This CPU patch was written for"):
        patch(changed)


# process groups


@pytest.fixture
def one_rank(monkeypatch, tmp_path):
    for name in ("RANK", "LOCAL_RANK"):
        monkeypatch.setenv(name, "0")
    monkeypatch.setenv("WORLD_SIZE", "1")
    monkeypatch.setenv("DIST_INIT_METHOD", f"file://{tmp_path}/store")
    yield
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


@pytest.mark.parametrize("entry", ["initialize_global_process_group_ray", "initialize_global_process_group"])
def test_a_process_group_starts_on_gloo(one_rank, monkeypatch, entry):
    module = verl_file("utils/distributed.py")
    monkeypatch.setattr(module, "get_device_name", lambda: "cpu")
    monkeypatch.setattr(module, "get_nccl_backend", lambda: "gloo")
    if entry == "initialize_global_process_group":  # env:// reads the rank itself
        monkeypatch.delenv("DIST_INIT_METHOD")
        monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
        monkeypatch.setenv("MASTER_PORT", "0")
    with pytest.raises(ValueError, match="Duplicate device type cpu"):  # the cause: without the patch
        getattr(module, entry)()
    distributed.use_plain_gloo(module)
    result = getattr(module, entry)()
    assert result == {"initialize_global_process_group": (0, 0, 1)}.get(entry)
    tensor = torch.ones(1)
    torch.distributed.all_reduce(tensor)
    assert tensor.item() == 1


def test_a_backend_the_caller_names_stays_his():
    asked = []
    module = verl_file("utils/distributed.py")
    distributed.use_plain_gloo(module)
    original = module.initialize_global_process_group_ray.__wrapped__
    module.torch = SimpleNamespace(distributed=SimpleNamespace())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.distributed, "is_initialized", lambda: False)
        patch.setattr(torch.distributed, "init_process_group", lambda **kwargs: asked.append(kwargs["backend"]))
        module.initialize_global_process_group_ray(backend="cpu:mpi")
        module.initialize_global_process_group_ray()
    assert asked == ["cpu:mpi", "cpu:gloo"]
    assert original.__name__ == "initialize_global_process_group_ray"


# engines


@dataclass(frozen=True)
class Config:
    forward_only: bool
    offload_policy: bool
    strategy: str = "fsdp2"


class Engine:
    def __init__(self, config):
        self.engine_config = config

    def _build_fsdp_module(self, module):
        if module == "broken":
            raise ValueError(module)
        return module, self.engine_config


@pytest.mark.parametrize("config", [Config(True, False), Config(False, True), Config(False, False)])
def test_an_engine_builds_its_module_without_offload_and_keeps_its_config(config):
    engine = engines._without_offload(Engine)(config)
    assert engine._build_fsdp_module("module") == ("module", Config(forward_only=False, offload_policy=False))
    assert engine.engine_config is config  # verl asks it later whether this engine only runs forward
    with pytest.raises(ValueError, match="broken"):
        engine._build_fsdp_module("broken")
    assert engine.engine_config is config


def test_each_engine_derives_from_its_own_base():
    class Other(Engine):
        def _build_fsdp_module(self, module):
            return "other"

    first, second = engines._without_offload(Engine), engines._without_offload(Other)
    assert first(Config(True, True))._build_fsdp_module("module") == ("module", Config(False, False))
    assert second(Config(True, True))._build_fsdp_module("module") == "other"
    assert (first.__name__, second.__name__) == ("EngineCPU", "OtherCPU")


# weights


@pytest.mark.parametrize("patched", [False, True])
def test_received_weights_survive_the_reuse_of_the_bucket(patched):
    module = verl_file("workers/rollout/vllm_rollout/bucketed_weight_transfer.py")
    module.get_torch_device = lambda: SimpleNamespace(synchronize=lambda: None)
    bucket = torch.tensor([1.0, 2.0])
    meta = {"w": {"shape": torch.Size([2]), "dtype": torch.float32, "offset": 0, "handle": None}}

    class Receiver(module.BucketedWeightReceiver):
        def _init_socket(self):
            self.socket = SimpleNamespace(recv_pyobj=lambda: {"bucket_meta": meta, "is_last": True})

        def _init_buffer(self):
            self.buffer = bucket.view(torch.uint8)

        def _cleanup(self):
            bucket.zero_()  # the sender goes on with its memory

    if patched:
        weights.copy_received_weights(module)
    kept = {}
    Receiver("ipc:///nowhere", torch.device("cpu"), use_shm=True).receive_weights(
        on_bucket_received=lambda named, is_last: kept.update(named, last=is_last)
    )
    assert kept["last"] is True
    assert kept["w"].tolist() == ([1.0, 2.0] if patched else [0.0, 0.0])  # the second is the cause


def packing_module() -> SimpleNamespace:
    def dispatch_cpu_unquantized_gemm(layer, remove_weight):
        layer.packed = True
        layer.weight = torch.nn.Parameter(torch.empty(0), requires_grad=False)

    return SimpleNamespace(dispatch_cpu_unquantized_gemm=dispatch_cpu_unquantized_gemm)


def test_a_linear_layer_multiplies_with_the_weight_that_was_loaded_last():
    module, layer = packing_module(), torch.nn.Linear(2, 3)
    vllm_plugin.keep_unpacked_weights(module)
    module.dispatch_cpu_unquantized_gemm(layer, True)
    layer.weight.data.fill_(2.0)
    layer.bias.data.fill_(1.0)
    assert layer.cpu_linear(torch.ones(1, 2), layer.weight, layer.bias).tolist() == [[5.0, 5.0, 5.0]]


def test_weights_that_are_not_2d_are_still_packed_by_vllm():
    module, layer = packing_module(), torch.nn.Conv1d(1, 1, 3)
    vllm_plugin.keep_unpacked_weights(module)
    module.dispatch_cpu_unquantized_gemm(layer, remove_weight=True)
    assert layer.packed


# platform


def test_rollout_environment_keeps_what_the_user_has_set(monkeypatch):
    from recipe.mrpo.cpu.platform import PlatformCPU

    monkeypatch.delenv("TORCHDYNAMO_DISABLE", raising=False)
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "7")
    environment = PlatformCPU().rollout_env_vars()
    assert (environment["TORCHDYNAMO_DISABLE"], environment["VLLM_CPU_KVCACHE_SPACE"]) == ("1", "7")


def test_the_cpu_is_never_chosen_without_being_asked_for():
    from recipe.mrpo.cpu.platform import PlatformCPU

    assert not PlatformCPU().is_platform_available(use_smi_check=True)


def test_the_device_id_is_a_place_to_move_tensors_to():
    from recipe.mrpo.cpu.platform import PlatformCPU

    assert torch.ones(1).to(PlatformCPU().current_device()).device.type == "cpu"


def test_device_memory_is_that_of_this_process_in_bytes():
    from recipe.mrpo.cpu.platform import CpuDevice

    device = CpuDevice()
    free, total = device.mem_get_info()
    assert 2**20 < device.memory_allocated() <= device.max_memory_allocated() * 1.05 < total
    assert 0 < free <= total


def test_an_unknown_question_to_the_device_is_an_error_and_no_silent_nothing():
    from recipe.mrpo.cpu.platform import CpuDevice

    with pytest.raises(AttributeError):
        CpuDevice().ipc_collect  # noqa: B018 - verl asks for it only where IPC is supported
