"""One voice's attributes and actions: what its deck's numbers say, given to the module before a frame.

A module may refuse, or fail at it: it keeps what it had, somebody is told, and the voice plays on.
"""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

import numpy as np

from perform.core.attributes import Attribute, Words
from perform.core.errors import PerformError
from perform.core.params import ATTRIBUTES, OWN, Bank, blank
from perform.engine.protocol import PlayableModel, Stream


class RefusedSetting(NamedTuple):
    """A number that the module did not take: its place in the deck's bank, what it has instead, and why."""

    place: int
    number: float
    kept: float
    error: str


class ModuleSettings:
    """[render] What a voice's streams have been given: its decoder's, and its encoder's once it has heard.

    words   : of its attributes, as the song has them
    refused : since somebody emptied it
    """

    def __init__(self, host: PlayableModel, stream: Stream) -> None:
        self._attributes, self._actions, self._streams = host.attributes, host.actions, [stream]
        self.words: Words = {}
        self.refused: list[RefusedSetting] = []
        self._seen = blank()
        self._kept = self._seen[:ATTRIBUTES].copy()

    def share(self, stream: Stream) -> None:
        """Another stream of the voice: it is given what the first has, and from now on the same."""
        self._streams.append(stream)
        for i in np.flatnonzero(self._kept != OWN).tolist():
            attribute = self._attributes[i]
            with suppress(PerformError):  # the first one has taken it
                stream.set(attribute.name, self._value(i, attribute, float(self._kept[i])))

    def begin(self, bank: Bank) -> None:
        """What was done before now is none of this stream's business."""
        self._seen[ATTRIBUTES:] = bank[ATTRIBUTES:]

    def hear(self, words: Words) -> None:
        """Other words: what depends on them is given anew with the next numbers."""
        changed, self.words = words != self.words, words
        for i, attribute in enumerate(self._attributes[:ATTRIBUTES]):
            if attribute.worded and changed:
                self._seen[i] = np.nan

    def apply(self, bank: Bank) -> None:
        """The numbers as they stand now: set what has changed, do what is asked for."""
        if np.array_equal(bank, self._seen):
            return
        for i in np.flatnonzero(bank != self._seen).tolist():
            if i < min(ATTRIBUTES, len(self._attributes)):
                self._set(i, self._attributes[i], float(bank[i]))
            elif 0 <= i - ATTRIBUTES < len(self._actions) and bank[i] > self._seen[i]:
                self._act(i, self._actions[i - ATTRIBUTES])
        self._seen = bank.copy()

    def _set(self, i: int, attribute: Attribute, number: float) -> None:
        if number == self._kept[i] == OWN:
            return
        try:
            for stream in self._streams:
                stream.set(attribute.name, self._value(i, attribute, number))
            self._kept[i] = number
        except PerformError as error:
            self.refused.append(RefusedSetting(i, number, float(self._kept[i]), error.what))

    def _act(self, i: int, name: str) -> None:
        try:
            for stream in self._streams:
                stream.act(name)
        except PerformError as error:
            self.refused.append(RefusedSetting(i, 0.0, 0.0, error.what))

    def _value(self, i: int, attribute: Attribute, number: float) -> float | str | None:
        """What the module is given; None: its own."""
        if number <= OWN:
            return None
        if not attribute.worded:
            return number
        words = self.words.get(str(i + 1), ())
        return words[min(max(int(number), 0), len(words) - 1)] if words else None
