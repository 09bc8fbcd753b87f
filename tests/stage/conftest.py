"""Stages play models that are compiled once for all tests."""

from pathlib import Path

import pytest
from stage_rig import write


@pytest.fixture(autouse=True)
def compiled_once(shared_cache: None) -> None:
    """See `shared_cache`."""


@pytest.fixture
def tour(tmp_path: Path, tiny_models: Path) -> str:
    """The path of a set of three songs."""
    return str(write(tmp_path / "tour.toml"))
