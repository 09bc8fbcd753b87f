"""A voice plays into its lane, as a host does; its event log replays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from perform.core import params
from perform.core.arena import Arena
from perform.core.arena_layout import NAMES
from perform.core.event_log import RECORD_HEADER
from perform.engine.protocol import PlayableModel
from perform.voice.frame_writer import FrameWriter
from perform.voice.lane_replay import LaneReplay
from perform.voice.recorded_streams import recorded_streams
from perform.voice.voice import Voice, render

RATE = 48000
DECK, LANE = 2, 2  #: that `recorded` plays on

Event = tuple[int, bytes]  #: kind and payload


def events(log: bytes) -> Iterator[Event]:
    """The events in the bytes of an event log."""
    while log:
        length, kind, *_ = RECORD_HEADER.unpack_from(log)
        yield kind, log[RECORD_HEADER.size : RECORD_HEADER.size + length]
        log = log[RECORD_HEADER.size + length :]


def recorded(
    arena: Arena, model: PlayableModel, turns: Iterable[Mapping[str, float]]
) -> tuple[list[np.ndarray], list[Event]]:
    """Play a walk, one frame a turn; return the sound of each frame, and the event log.

    turns : values of the deck that are set before the frame
    """
    table, sound = arena.table, []
    params.set_value(table, f"deck/{DECK}/source", params.SOURCES.index("walk"))
    voice = Voice(model, DECK, RATE, table)
    writer = FrameWriter(arena, LANE, model, voice, RATE)
    for values in turns:
        for name, value in values.items():
            params.set_value(table, f"deck/{DECK}/{name}", value)
        (audio,) = render(model, [voice], [table])
        writer.write(audio, table)
        arena.rings[LANE].read(np.zeros((len(audio), 2), np.float32))
        arena.history.write(audio)
        sound.append(audio)
    return sound, list(events(arena.event_logs[LANE].read(0)))


def bank_places(deck: int) -> np.ndarray:
    """For each slot of a log, its place in a deck's bank of attributes; -1 if it has none."""
    bank, places = params.attribute_slots(deck), np.full(len(NAMES), -1)
    places[bank] = np.arange(bank.stop - bank.start)
    return places


def replay_of(logged: Iterable[Event], model: PlayableModel, deck: int = DECK) -> LaneReplay:
    """A replay of a lane's events, with a model."""
    return LaneReplay(recorded_streams(logged, bank_places(deck)), lambda recorded: model, RATE, RATE)
