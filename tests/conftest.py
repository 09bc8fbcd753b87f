"""Every test has a home, a runtime folder and a takes folder of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from perform.shared import Arena


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("HOME", "RUNTIME", "TAKES"):
        monkeypatch.setenv(f"PERFORM_{name}", str(tmp_path / name.lower()))
    return tmp_path


@pytest.fixture
def arena(tmp_path: Path) -> Arena:
    made = Arena.create(tmp_path / "test.arena")
    made.show("rate", 48000)
    made.show("block", 256)
    return made
