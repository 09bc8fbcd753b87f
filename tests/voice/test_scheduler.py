"""No frame applies its table twice; offline, a table that stays is applied once for all its frames."""

from __future__ import annotations

import queue
from pathlib import Path

import pytest
from tiny import tiny_model

from perform.core.arena import Arena
from perform.core.lifeline import Lifeline
from perform.core.messages.host_messages import StartVoice
from perform.core.messages.message_lines import AnyOrder
from perform.core.params import Table
from perform.engine.compiled_model import CompiledModel
from perform.engine.protocol import Vector
from perform.offline.render import render
from perform.voice.assignments import Assignments
from perform.voice.scheduler import Scheduler
from perform.voice.voice import Voice

FRAMES = 20


class EnoughFramesError(Exception):
    """The scheduler has rendered what the test needs."""


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Calls of `Voice.apply` and `Voice.next_latents`, in order."""
    made: list[str] = []
    apply, next_latents = Voice.apply, Voice.next_latents

    def counted_apply(voice: Voice, table: Table) -> None:
        made.append("apply")
        apply(voice, table)

    def counted_latents(voice: Voice, table: Table) -> tuple[Vector, Vector]:
        made.append("latents")
        return next_latents(voice, table)

    monkeypatch.setattr(Voice, "apply", counted_apply)
    monkeypatch.setattr(Voice, "next_latents", counted_latents)
    return made


def test_live(arena: Arena, tmp_path: Path, calls: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    model = CompiledModel(tiny_model(tmp_path / "tiny.safetensors"))
    scheduler = Scheduler(arena, model, 48000, True, Assignments(model, print))
    ring = arena.rings[0]
    written = type(ring).write

    def write_and_empty(buffer: object, audio: object) -> int:
        if calls.count("latents") == FRAMES:
            raise EnoughFramesError
        taken = written(ring, audio)  # type: ignore[arg-type]
        ring.clear()
        return taken

    monkeypatch.setattr(type(ring), "write", write_and_empty)
    orders: queue.SimpleQueue[AnyOrder] = queue.SimpleQueue()
    orders.put(StartVoice(0, 1, {}))
    with pytest.raises(EnoughFramesError):
        scheduler.run(Lifeline.__new__(Lifeline), orders)
    assert calls == ["apply", "latents"] * FRAMES


def test_offline(tiny_models: Path, tmp_path: Path, calls: list[str]) -> None:
    path = tmp_path / "one.toml"
    path.write_text('name = "one"\n[[songs]]\nname = "One"\ndecks = { 1 = "bells" }\n')
    render(str(path), tmp_path / "x.wav", 0.1, seed=None, rate=48000, on_progress=lambda seconds: None)
    assert calls[0] == "apply" and "apply apply" not in " ".join(calls), "never twice for a frame"
    assert calls.count("latents") > FRAMES
