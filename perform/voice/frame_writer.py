"""Frames into a lane's ring, and what they were made of into its journal."""

from __future__ import annotations

import base64
import json
from importlib.metadata import version

import numpy as np
import numpy.typing as npt

from perform.core import params
from perform.core.arena import Arena
from perform.core.attributes import Words
from perform.core.errors import PerformError
from perform.core.event_log import FRAME, EventWriter, FrameEvent
from perform.core.params import SLOTS, Table
from perform.core.ring_buffers import Audio
from perform.engine.protocol import PlayableModel
from perform.library.cards import Card
from perform.voice.voice import Voice

ENGINE = version("onnxruntime")  # looked up here: a stranger's model has its files closed when it plays


class FrameWriter:
    """[render] One voice's way out: where it writes, and what it tells."""

    def __init__(
        self, arena: Arena, lane: int, deck: int, host: PlayableModel, voice: Voice, rate: float
    ) -> None:
        self._tape, self._ring, self._voice, self._host = arena.tape, arena.rings[lane], voice, host
        self._words = voice.settings.words
        self._room = arena.journals[lane].capacity // 4
        self._teller = EventWriter(arena.journals[lane], voice_slots(deck), rate, b"")

    def write(self, audio: Audio, numbers: Table) -> None:
        """The voice's next frame (n, 2), which was made by these numbers."""
        at, voice = self._tape.written, self._voice
        if voice.settings.words is not self._words or self._teller.due(at):
            self._words = voice.settings.words
            learnt = voice.stream.saved_style
            told = learnt if len(learnt) <= self._room else None  # rather that than nothing at all
            self._teller.say(words(self._host, self._words, told))
        self._teller.hear(at, numbers)
        base = self._ring.written - (voice.sent - len(audio))
        frame = FrameEvent(base, voice.age - 1, voice.seed, voice.temperature, voice.z)
        self._teller.tell(FRAME, at, frame.pack())
        self._ring.write(audio)


def check_room(arena: Arena, card: Card, rate: float) -> None:
    """PerformError where a ring has no room for a block and two of a model's frames.

    A host begins one while the one before is heard (`Scheduler`).
    """
    frame_s = card.ratio / card.sample_rate
    room_s = (arena.rings[0].capacity - arena.meter("block")) / rate
    if 2 * frame_s >= room_s:
        raise PerformError(
            f"its frames of {frame_s:.2f} s are too long: a deck has {room_s:.2f} s of room for two",
            where=card.name,
            hint="play it at a lower rate, or export it with fewer samples a frame",
        )


def voice_slots(deck: int) -> npt.NDArray[np.intp]:
    """The numbers a voice hears."""
    names = ("source", "from", "wet", "freeze", "speed", "temperature", "seed", "reset", "silence")
    slots = [SLOTS[f"deck/{deck}/{name}"] for name in names] + [SLOTS["panic"]]
    kinds = ("bias", "scale", "mute", "freeze", "smooth", "level", "pitch", "silence")
    latents = [np.r_[params.slots(deck, kind)] for kind in kinds]
    return np.concatenate([np.array(slots), *latents, np.r_[params.bank(deck)]]).astype(np.intp)


def words(host: PlayableModel, given: Words, learnt: bytes | None) -> bytes:
    """What a log has to know of a voice: its model, its attributes' words, what its stream has learnt.

    learnt : None where it is too much to tell, so that a replay has what its model has
    """
    card = host.card
    known = {
        "model": card.name,
        "sha256": host.sha256,
        "ratio": card.ratio,
        "sample_rate": card.sample_rate,
        "onnxruntime": ENGINE,
        "words": {number: list(words) for number, words in given.items()},
    }
    if learnt is not None:
        known["learnt"] = base64.b64encode(learnt).decode()
    return json.dumps(known).encode()
