"""A voice logs the values that a replay reads, and no others."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from lane_log import bank_places, recorded, replay_of
from tiny import tiny_model

from perform.core import params
from perform.core.arena import Arena
from perform.core.event_log import (
    ALL_VALUES,
    CHANGED_VALUES,
    FIRST_VALUES,
    FRAME_RENDERED,
    SOUND_FED,
    FrameEvent,
    SoundingVoice,
    pack_sound,
    unpack_values,
)
from perform.engine.compiled_model import CompiledModel
from perform.voice.recorded_streams import recorded_streams


def test_a_voice_logs_what_a_replay_reads(arena: Arena, tmp_path: Path) -> None:
    model, table = CompiledModel(tiny_model(tmp_path / "tiny.safetensors")), arena.table
    turns = [{"z/0/bias": i / 10, "temperature": i / 20, "attribute/3": 1.0 + i // 10} for i in range(20)]
    sound, logged = recorded(arena, model, turns)
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
    streams = recorded_streams(logged, bank_places(2))
    assert [streams[0].settings_at(age).bank[2] for age in (0, 9, 10, 19)] == [1.0, 1.0, 2.0, 2.0]
    wanted = np.concatenate(sound)
    assert np.array_equal(replay_of(logged, model).read(0, len(wanted)), wanted)
    assert wanted.any()


def test_sound_whose_frame_was_lost_goes_to_no_other_frame(arena: Arena, tmp_path: Path) -> None:
    """After a record is lost, the voice logs all its values again."""
    _, logged = recorded(arena, CompiledModel(tiny_model(tmp_path / "tiny.safetensors")), [{}, {}])
    (_, values), *frames = logged
    fed = SOUND_FED, pack_sound(np.ones((1, 4), np.float32))
    (stream,) = recorded_streams(
        [logged[0], fed, frames[0], fed, (ALL_VALUES, values), frames[1]], bank_places(2)
    )
    assert stream.fed == [fed[1], b""]


@pytest.mark.parametrize(
    ("number", "since", "is_whole"), [(1, 0, True), (1, 3, True), (1, 4, False), (0, 4, True)]
)
def test_a_note_that_is_older_than_its_stream_is_damage(
    arena: Arena, tmp_path: Path, number: int, since: int, is_whole: bool
) -> None:
    _, logged = recorded(arena, CompiledModel(tiny_model(tmp_path / "tiny.safetensors")), [{}])
    voices = (SoundingVoice(number, since, 0.0, 0.0, 0.5),)
    frame = FrameEvent(0, 3, 0, 1.0, np.zeros(4, np.float32), voices=voices)
    events = [logged[0], (frame.kind, frame.pack())]
    if is_whole:
        assert recorded_streams(events, bank_places(2))[0].frame_at(3).voices == voices
    else:
        with pytest.raises(ValueError, match="older than its stream"):
            recorded_streams(events, bank_places(2))
