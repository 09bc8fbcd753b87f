"""A private JACK server for each test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from rig import Jack, serving


@pytest.fixture
def jack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Jack]:
    """At 48 kHz, or at the rate it is parametrized with."""
    with serving(monkeypatch, Jack(tmp_path, rate=getattr(request, "param", 48000))) as server:
        yield server


@pytest.fixture(autouse=True)
def compiled_once(shared_cache: None) -> None:
    """See `shared_cache`."""
