"""Shared by every test: Hypothesis profiles and a byte-level BPE tokenizer trained on the spot (offline, < 0.1 s)."""

from __future__ import annotations

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

# The default profile finds the same examples in every run, so that a red test is red for everyone.
# `pytest --hypothesis-profile thorough` searches further, with a new seed each time.
settings.register_profile(
    "default",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("thorough", database=None, deadline=None, max_examples=3000, print_blob=True)
settings.load_profile("default")


# The library reads it at its import; without a network it would otherwise try each unknown name for half a minute.
os.environ.setdefault("HF_HUB_OFFLINE", "1")


def pytest_configure() -> None:
    """Signals have their default meaning, however the suite was started.

    A background job of a non-interactive shell ignores SIGINT, nohup ignores SIGHUP, and child processes inherit what
    is ignored: tests that interrupt a child would wait for ever.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Runs of verl come first: they take longest, and only one may run at a time."""
    items.sort(key=lambda item: item.get_closest_marker("verl") is None)


def pytest_xdist_make_scheduler(config: pytest.Config, log):
    """`--dist loadscope`: one process takes all runs of verl, one after the other; the rest goes file by file.

    (`--dist loadgroup`, made for this, does nothing with pytest 9.2 and xdist 3.8: pytest no longer reads the name that
    xdist changes.)
    """
    from xdist.scheduler import LoadScopeScheduling

    if config.getvalue("dist") != "loadscope":
        return None

    class OneAtATime(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return "verl" if file.startswith("tests/integration/") else file

    return OneAtATime(config, log)


CORPUS = [
    "The chest X-ray shows a consolidation in the right lower lobe. The heart is not enlarged.",
    "The lesion measures 3.5 cm, e.g. on T2-weighted images (Fig. 2).",
    "First, the image is a CT scan.\n\nSecond, the liver is normal.\n\nThere is no mass.",
    "1. Look at the image.\n2. Find the lesion.\n- the lung\n- the liver",
    "<think>The answer is yes.</think><answer>yes</answer>",
    "肺部有阴影。心脏正常。",
    "température 38 °C, dose 5 µg, ≥ 3 mm",
]


@pytest.fixture(scope="session")
def bpe():
    """Byte-level BPE like Qwen's: every byte is a token, `<think>` is an added plain token, chat marks are special."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=700, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    core.train_from_iterator(CORPUS * 4, trainer)
    core.add_special_tokens(["<|endoftext|>", "<|im_end|>", "<|image_pad|>"])
    core.add_tokens([AddedToken("<think>", special=False), AddedToken("</think>", special=False)])
    return PreTrainedTokenizerFast(tokenizer_object=core, eos_token="<|im_end|>", pad_token="<|endoftext|>")
