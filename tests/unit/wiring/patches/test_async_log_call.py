"""verl's log call that cannot work, and the adapter that steps aside once it can."""

from __future__ import annotations

import importlib.util
import logging
import sys

import pytest

from recipe.mrpo.wiring.patches.async_log_call import WithoutFlush, mend_log_call


def module_with(source: str, tmp_path, monkeypatch):
    path = tmp_path / "trainer_copy.py"
    path.write_text(f"import logging\nlogger = logging.getLogger('trainer_copy')\ndef setup():\n    {source}\n")
    spec = importlib.util.spec_from_file_location("trainer_copy", path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "trainer_copy", module)
    spec.loader.exec_module(module)
    return module


def test_the_log_call_that_raises_is_heard_instead(tmp_path, monkeypatch, caplog):
    module = module_with("logger.info('no hybrid replicas', flush=True)", tmp_path, monkeypatch)
    with caplog.at_level(logging.INFO, logger="trainer_copy"):
        with pytest.raises(TypeError, match="flush"):
            module.setup()
        mend_log_call(module)
        module.setup()
    assert caplog.messages == ["no hybrid replicas"]


def test_nothing_is_changed_once_verl_has_mended_it(tmp_path, monkeypatch):
    module = module_with("logger.info('no hybrid replicas')", tmp_path, monkeypatch)
    mend_log_call(module)
    assert not isinstance(module.logger, WithoutFlush)


def test_verls_trainer_has_the_adapter_in_this_version(verl):
    from verl.trainer.ppo.v1 import trainer_separate_async

    assert isinstance(trainer_separate_async.logger, WithoutFlush)
