"""Stages play models that are compiled once for all tests."""

import pytest


@pytest.fixture(autouse=True)
def compiled_once(shared_cache: None) -> None:
    """See `shared_cache`."""
