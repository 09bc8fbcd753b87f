"""A private JACK server for each test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from rig import Jack


@pytest.fixture
def jack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Jack]:
    """At 48 kHz, or at the rate it is parametrized with."""
    server = Jack(tmp_path, rate=getattr(request, "param", 48000))
    monkeypatch.setenv("JACK_DEFAULT_SERVER", server.name)
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    monkeypatch.setenv("PERFORM_MIDI", "jack")
    server.start()
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def compiled_once(shared_cache: None) -> None:
    """See `shared_cache`."""
