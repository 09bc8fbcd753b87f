"""A voice logs the values that a replay reads, and no others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tiny import tiny_model

from perform.core import params
from perform.core.arena import Arena
from perform.core.arena_layout import NAMES
from perform.core.event_log import (
    CHANGED_VALUES,
    FIRST_VALUES,
    FRAME_RENDERED,
    RECORD_HEADER,
    FrameEvent,
    unpack_values,
)
from perform.engine.compiled_model import CompiledModel
from perform.voice.frame_writer import FrameWriter
from perform.voice.lane_replay import LaneReplay
from perform.voice.recorded_streams import recorded_streams
from perform.voice.voice import Voice, render

RATE = 48000


def events(log: bytes) -> Iterator[tuple[int, bytes]]:
    while log:
        length, kind, *_ = RECORD_HEADER.unpack_from(log)
        yield kind, log[RECORD_HEADER.size : RECORD_HEADER.size + length]
        log = log[RECORD_HEADER.size + length :]


def test_a_voice_logs_what_a_replay_reads(arena: Arena, tmp_path: Path) -> None:
    model, table = CompiledModel(tiny_model(tmp_path / "tiny.safetensors")), arena.table
    params.set_value(table, "deck/2/source", params.SOURCES.index("walk"))
    voice = Voice(model, 2, RATE, table)
    writer, sound = FrameWriter(arena, 2, 2, model, voice, RATE), []
    for i in range(20):
        params.set_value(table, "deck/2/z/0/bias", i / 10)
        params.set_value(table, "deck/2/temperature", i / 20)
        params.set_value(table, "deck/2/attribute/3", 1.0 + i // 10)
        (audio,) = render(model, [voice], [table])
        writer.write(audio, table)
        arena.history.write(audio)
        sound.append(audio)
    logged = list(events(arena.event_logs[2].read(0)))
    assert [kind for kind, _ in logged if kind != FRAME_RENDERED] == [FIRST_VALUES, CHANGED_VALUES], (
        "a moved bias is in the latents"
    )
    bank = np.arange(len(table))[params.attribute_slots(2)]
    slots, values, details = unpack_values(logged[0][1])
    assert np.array_equal(slots, bank)
    assert values[2] == 1.0
    assert json.loads(details)["sha256"] == model.sha256
    slots, values, _ = unpack_values(next(payload for kind, payload in logged if kind == CHANGED_VALUES))
    assert (slots.tolist(), values.tolist()) == ([params.slot("deck/2/attribute/3")], [2.0])
    frames = [FrameEvent.unpack(payload) for kind, payload in logged if kind == FRAME_RENDERED]
    assert [frame.temperature for frame in frames] == [i / 20 for i in range(20)]
    places = np.full(len(NAMES), -1)
    places[bank] = np.arange(len(bank))
    streams = recorded_streams(logged, places)
    assert [streams[0].settings_at(age).bank[2] for age in (0, 9, 10, 19)] == [1.0, 1.0, 2.0, 2.0]
    wanted = np.concatenate(sound)
    again = LaneReplay(streams, lambda recorded: model, RATE, RATE).read(0, len(wanted))
    assert np.array_equal(again, wanted)
    assert wanted.any()
