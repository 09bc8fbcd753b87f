"""Writes a voice's frames to its lane's ring buffer, and to its event log the data for a replay."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from perform.core.arena import Arena
from perform.core.arena_layout import bank_of, log_of
from perform.core.attributes import Texts, buffer_texts
from perform.core.base_log import BaseWriter
from perform.core.errors import PerformError
from perform.core.event_log import FILE_MIXED, SOUND_FED, EventWriter, FrameEvent, pack_sound
from perform.core.params import Slots, Table
from perform.core.ring_buffers import Audio
from perform.engine import gpu
from perform.engine.protocol import BufferSound, PlayableModel
from perform.library.cards import Card, credit
from perform.voice.insert_voice import InsertVoice
from perform.voice.voice import Voice

NO_SLOTS: Slots = np.zeros(0, np.intp)
NO_SOUNDS: Mapping[str, BufferSound] = MappingProxyType({})
ENGINE = gpu.package()[1]  # read at import: a sandboxed process can open no file later


class FrameWriter:
    """[render] Output of one voice: audio to the ring buffer, latents and attributes to the event log."""

    def __init__(
        self, arena: Arena, lane: int, model: PlayableModel, voice: Voice | InsertVoice, rate: float
    ) -> None:
        self._history, self._ring, self._voice, self._model = arena.history, arena.rings[lane], voice, model
        log = arena.event_logs[log_of(lane)]
        self._texts = voice.settings.texts
        self._max_style = log.capacity // 4  # bytes
        self._log = EventWriter(log, logged_slots(lane), rate, b"")
        self._bases = BaseWriter(log)

    def write(
        self, audio: Audio, table: Table, modulated: Slots = NO_SLOTS, base: Table | None = None
    ) -> None:
        """The voice's next frame (n, 2), and the table it was rendered with.

        modulated, base : slots that are modulated, and the table without modulation
        """
        at, voice = self._history.written, self._voice
        if voice.settings.texts is not self._texts or self._log.is_due(at):
            self._texts = voice.settings.texts
            learnt = voice.stream.saved_style
            style = learnt if len(learnt) <= self._max_style else None  # a larger one would fill the log
            self._log.set_details(stream_details(self._model, self._texts, style, voice.settings.sounds))
        every = self._log.write_values(at, table)
        self._bases.write(at, modulated, table if base is None else base, every=every)
        first = self._ring.written - (voice.sent - len(audio))
        seen = voice.seed, voice.temperature, voice.z, voice.tuning, voice.chord.sounding
        frame = FrameEvent(first, voice.age - 1, *seen)
        if voice.file_mix:
            self._log.write(FILE_MIXED, at, voice.file_mix.pack())
        if voice.sound is not None:
            self._log.write(SOUND_FED, at, pack_sound(voice.sound))
        self._log.write(frame.kind, at, frame.pack())
        self._ring.write(audio)


def check_room(arena: Arena, card: Card, rate: float) -> None:
    """PerformError: a ring buffer cannot hold a burst of blocks and two of the model's frames.

    It must, because a host process renders a frame while the one before it plays (see `Scheduler`).
    """
    frame_s = card.ratio / card.sample_rate
    room_s = (arena.rings[0].capacity - arena.meter("burst")) / rate
    if 2 * frame_s >= room_s:
        raise PerformError(
            f"its frames of {frame_s:.2f} s are too long: two must fit into a ring buffer of {room_s:.2f} s",
            where=card.name,
            hint="play it at a lower sample rate, or export it with fewer samples per frame",
        )


def logged_slots(lane: int) -> npt.NDArray[np.intp]:
    """The parameters that a voice logs: its module's attributes and actions, which a replay sets again.

    It logs no parameters of source and latents, because each frame has its latents, seed and temperature in
    the log. The mixer logs gain, pan and the other parameters that it reads.
    """
    bank = bank_of(lane)
    return np.arange(bank.start, bank.stop, dtype=np.intp)


def stream_details(
    model: PlayableModel,
    texts: Texts,
    style: bytes | None,
    sounds: Mapping[str, BufferSound] = NO_SOUNDS,
) -> bytes:
    """Details of a stream for the log, JSON: its model, the texts of its attributes, the style it has learnt.

    style  : None if it is too large to log; a replay then begins with the model's default style
    sounds : in its buffers, by their names; the log has their hashes
    """
    card = model.card
    details = {
        "model": card.name,
        "sha256": model.sha256,
        "ratio": card.ratio,
        "sample_rate": card.sample_rate,
        "onnxruntime": ENGINE,
        "words": {number: list(choices) for number, choices in texts.items()},
    }
    if said := credit(card):
        details["credit"] = said
    if card.warm_up:
        details["warm_up"] = card.warm_up
    if named := [text for text in buffer_texts(model.attributes, texts) if text in sounds]:
        details["sounds"] = {text: sounds[text].digest for text in named}
    if style is not None:
        details["learnt"] = base64.b64encode(style).decode()
    return json.dumps(details).encode()
