"""A take's text file says what the licences of its models ask for, also after a recorder's death."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from recorder_rig import RATE, header
from tiny import tiny_model

from perform.core.arena import Arena
from perform.core.printable import printable
from perform.engine.compiled_model import CompiledModel
from perform.library.cards import change_card
from perform.recorder.markers import Marker
from perform.recorder.model_credits import ModelCredits
from perform.recorder.take_part import TakePart, repair
from perform.recorder.wav_format import PCM24
from perform.voice.frame_writer import FrameWriter
from perform.voice.voice import Voice, render


def records(arena: Arena, path: Path, deck: int) -> bytes:
    """Records of a voice that plays a model."""
    model, log = CompiledModel(path), arena.event_logs[2 * (deck - 1)]
    voice = Voice(model, deck, RATE, arena.table)
    writer = FrameWriter(arena, 2 * (deck - 1), model, voice, RATE)
    for _ in range(3):
        writer.write(render(model, [voice], [arena.table])[0], arena.table)
    return log.read(0)


def test_the_text_file_names_author_source_and_licence(arena: Arena, tmp_path: Path) -> None:
    free, bowls = (tiny_model(tmp_path / f"{name}.safetensors") for name in ("free", "bowls"))
    change_card(bowls, {"author": "Ada\x1b[2J", "attribution": "bowls by Ada\x1b[2J, CC BY-NC 4.0"})
    logged = records(arena, free, 1) + records(arena, bowls, 2)
    sound = np.zeros((RATE // 10, 2), np.float32)
    wanted = printable("Models:|bowls by Ada\x1b[2J, CC BY-NC 4.0|").replace("|", "\n")
    for name, marks, text in (
        ("plain", [], wanted),
        ("marked", [Marker(480, "one")], f"0:00:00.010  one\n\n{wanted}"),
    ):
        master = tmp_path / f"{name}.wav"
        part = TakePart(master, RATE, ["master"], PCM24, header(["master"]))
        part.write({"master": sound})
        part.log(logged)
        part.close(marks, "demo")
        assert master.with_suffix(".txt").read_text() == text
        assert master.with_suffix(".cue").exists() == bool(marks)
    master.with_suffix(".txt").unlink()
    repair(tmp_path / "marked.wav")
    assert master.with_suffix(".txt").read_text().endswith(wanted), "the log alone knows it"


def test_a_damaged_record_names_no_model(arena: Arena, tmp_path: Path) -> None:
    path = tiny_model(tmp_path / "bowls.safetensors")
    change_card(path, {"attribution": "bowls"})
    logged = records(arena, path, 1)
    for data in (logged.replace(b'"credit": "bowls"', b'"credit": [owls]  '), logged[:30], b"\xff" * 40):
        found = ModelCredits()
        found.collect(data)
        assert found.text() == ""
