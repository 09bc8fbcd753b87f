"""Fixtures of the screen: a stand-in stage on a real arena, a clock, a separate library."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from hands import Clock
from stand_in import FakeStage, deck, play, status

CARD = {
    "sample_rate": 48000,
    "ratio": 2048,
    "full_latents": 128,
    "delay": 528,
    "loudness_db": -20.0,
}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The player's data folder, with three models and one damaged file; nothing is bundled."""
    from perform.library import places
    from perform.tui import app

    monkeypatch.setattr(
        app, "FRAMES", 2
    )  # tests take their frames themselves; the pilot waits for idle times
    folder = tmp_path / "home"
    monkeypatch.setenv("PERFORM_HOME", str(folder))
    monkeypatch.setattr(places, "bundled", lambda kind: tmp_path / "bundled" / kind)
    for name, latents, words in (
        ("glass", 8, "a glass harmonica, very slow"),
        ("organ", 16, "[bold]pipes[/bold] and wind"),
        ("vintage", 8, "tape and brass"),
    ):
        figures = {
            f"latent_{n}": [v] * latents
            for n, v in (("mean", 0.0), ("std", 1.0), ("p05", -1.0), ("p95", 1.0))
        }
        card = json.dumps(CARD | figures | {"name": name, "latents": latents, "description": words})
        header = json.dumps({"__metadata__": {"format": "perform-rave-1", "card": card}}).encode()
        path = folder / "models" / f"{name}.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(struct.pack("<Q", len(header)) + header)
    (folder / "models" / "broken.safetensors").write_bytes(b"\x02")
    (folder / "controllers").mkdir()
    for name in ("generic", "nanokontrol2"):
        (folder / "controllers" / f"{name}.toml").write_text(f'name = "{name}"\n')
    return folder


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[FakeStage]:
    """Two decks that play, one of them with a name full of markup, and one that failed."""
    words = status(
        deck("vintage"),
        deck("[red]night[/] bus", 16),
        deck("choir", 0, error="3 tensors are missing; fetch it again"),
    )
    stage = FakeStage(tmp_path, words)
    play(stage)
    yield stage
    stage.free.set()
