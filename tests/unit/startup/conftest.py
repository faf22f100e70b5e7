"""A run whose configuration verl's own main_ppo composes, on a good data set."""

from __future__ import annotations

import pytest

from tests.unit.startup.helpers import MRPO, write_rows


@pytest.fixture(scope="module")
def good_file(tmp_path_factory):
    return write_rows(tmp_path_factory.mktemp("data") / "train.parquet", [{}] * 3)


@pytest.fixture
def config_of(compose, good_file):
    """config_of(override, ...): an MRPO run on a good dataset with those overrides."""

    def make(*overrides, base=MRPO, name="ppo_trainer"):
        config = compose(name, *base, *overrides)
        if not any(o.startswith("data.train_files") for o in overrides):
            config.data.train_files = good_file
        return config

    return make
