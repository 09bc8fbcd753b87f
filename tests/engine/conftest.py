"""Compiled hosts flush denormals in the thread that runs them, for good: here that is pytest's own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(autouse=True)
def denormals_again() -> Iterator[None]:
    yield
    torch.set_flush_denormal(False)
