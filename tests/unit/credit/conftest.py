"""Tensors of a few hundred numbers: a thread pool costs more than it gives, the more so on a busy machine."""

import pytest


@pytest.fixture(scope="session", autouse=True)
def one_torch_thread():
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
