"""Attributes and actions of one voice: parameter changes go to the module just before a frame.

If the module refuses a value or fails, it keeps the old one, the refusal is reported, and the voice plays on.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple

import numpy as np

from perform.core.attributes import Attribute, Texts, names_a_sound
from perform.core.errors import PerformError, WrongUse
from perform.core.params import ATTRIBUTES, AttributeValues, default_attributes
from perform.core.spec import MODULE_DEFAULT
from perform.engine.protocol import BufferSound, PlayableModel, Setting, Stream


class RefusedSetting(NamedTuple):
    """A value that the module refused: its index in the deck's bank, the value in use, and the reason."""

    place: int
    number: float
    kept: float
    error: str


class ModuleSettings:
    """[render] The attributes of a voice's streams: the decoder's, and the encoder's once it exists.

    texts   : the song's texts for its text attributes, by attribute number
    sounds  : the sounds that texts of buffers name
    refused : refusals; the reader empties it
    """

    def __init__(self, model: PlayableModel, stream: Stream) -> None:
        self._attributes, self._actions, self._streams = model.attributes, model.actions, [stream]
        self.texts: Texts = {}
        self.sounds: Mapping[str, BufferSound] = {}
        self.refused: list[RefusedSetting] = []
        self._applied = default_attributes()
        self._applied_bytes = b""  # of `_applied`; b"": apply again
        self._accepted = self._applied[:ATTRIBUTES].copy()

    def add_stream(self, stream: Stream) -> None:
        """Add a stream of the voice: it gets the values of the first one now, and all later changes."""
        self._streams.append(stream)
        for i in np.flatnonzero(self._accepted != MODULE_DEFAULT).tolist():
            attribute = self._attributes[i]
            with suppress(PerformError):  # unlikely: the first stream accepted the value
                stream.set(attribute.name, self._value(i, attribute, float(self._accepted[i])))

    def begin(self, bank: AttributeValues) -> None:
        """Ignore actions triggered before this stream started."""
        self._applied[ATTRIBUTES:], self._applied_bytes = bank[ATTRIBUTES:], b""

    def set_texts(self, texts: Texts) -> None:
        """Replace the song's texts; attributes that use them are set again at the next `apply`."""
        changed, self.texts = texts != self.texts, texts
        for i, attribute in enumerate(self._attributes[:ATTRIBUTES]):
            if attribute.is_text and changed:
                self._applied[i], self._applied_bytes = np.nan, b""

    def apply(self, bank: AttributeValues) -> None:
        """Set the attributes that changed in the deck's bank, and run the actions that were triggered."""
        as_bytes = bank.tobytes()
        if as_bytes == self._applied_bytes:
            return
        for i in np.flatnonzero(bank != self._applied).tolist():
            if i < min(ATTRIBUTES, len(self._attributes)):
                self._set(i, self._attributes[i], float(bank[i]))
            elif 0 <= i - ATTRIBUTES < len(self._actions) and bank[i] > self._applied[i]:
                self._act(i, self._actions[i - ATTRIBUTES])
        self._applied, self._applied_bytes = bank.copy(), as_bytes

    def _set(self, i: int, attribute: Attribute, number: float) -> None:
        if number == self._accepted[i] == MODULE_DEFAULT:
            return
        try:
            for stream in self._streams:
                stream.set(attribute.name, self._value(i, attribute, number))
            self._accepted[i] = number
        except PerformError as error:
            self.refused.append(RefusedSetting(i, number, float(self._accepted[i]), error.what))

    def _act(self, i: int, name: str) -> None:
        try:
            for stream in self._streams:
                stream.act(name)
        except PerformError as error:
            self.refused.append(RefusedSetting(i, 0.0, 0.0, error.what))

    def _value(self, i: int, attribute: Attribute, number: float) -> Setting:
        """The value for the module; None for the module's default."""
        if number <= MODULE_DEFAULT:
            return None
        if not attribute.is_text:
            return number
        texts = self.texts.get(str(i + 1), ())
        if not texts:
            return None
        text = texts[min(max(int(number), 0), len(texts) - 1)]
        if attribute.kind != "buffer" or not names_a_sound(text):
            return text
        if text not in self.sounds:
            raise WrongUse(f"the sound {text!r} is not here")
        return self.sounds[text]
