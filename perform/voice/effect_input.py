"""The sound that an effect module gets from its source, without clicks where one sound follows another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from perform.engine.file_latents import FileLatents
from perform.engine.protocol import Vector
from perform.engine.sound_passage import SoundPassage
from perform.library.cards import Card
from perform.voice.deck_sound import DeckSound
from perform.voice.lane_context import HeardDeck, LaneContext
from perform.voice.sound_file_source import SoundFileSource

SOUND_SOURCES = ("input", "file", "deck")  #: sources that give an effect module sound
JOIN_S = 0.002  #: time constant with which a step between two sounds decays


class EffectInput:
    """[render] The sound of one voice, a frame at a time.

    card : of the module, with a latent for each input
    A module with one input gets mono. Of two or more, the odd ones get left, the even ones right.
    """

    def __init__(self, card: Card) -> None:
        self._inputs, self._ratio = card.latents, card.ratio
        self._channels = min(card.latents, 2)
        self._decay = np.exp(-np.arange(card.ratio + 1) / (JOIN_S * card.sample_rate)).astype(np.float32)
        self.deck = DeckSound(SoundPassage(card, "").card)
        self.reset()

    def reset(self) -> None:
        """Begin again, from silence."""
        self._key: object = None
        self._last = self._step = np.zeros(self._channels, np.float32)
        self._gains: Vector | None = None
        self._file = SoundFileSource(self._ratio)
        self.deck.reset()

    def play(self, key: object, x: Vector, joins: Sequence[int] = ()) -> Vector:
        """Return the next frame's sound, (channels, ratio).

        x     : the frame, (channels x ratio,) or (channels, ratio)
        joins : indices in it at which another sound begins; a new `key` is one at 0
        """
        x = x.reshape(self._channels, -1).copy()
        raw, step, at = x.copy(), self._step, 0
        for join in sorted({*joins} | ({0} if key != self._key else set())):
            x[:, at:join] += step[:, None] * self._decay[: join - at]
            before = x[:, join - 1] if join else self._last
            step, at = before - raw[:, join], join
        x[:, at:] += step[:, None] * self._decay[: self._ratio - at]
        self._step = step * self._decay[self._ratio - at]
        self._step[np.abs(self._step) < 1e-9] = 0.0
        self._key, self._last = key, x[:, -1].copy()
        return x

    def silence(self) -> Vector:
        """Return a frame without sound; the end of the last sound decays in it."""
        return self.play("silence", np.zeros((self._channels, self._ratio), np.float32))

    def play_file(
        self,
        file: FileLatents | None,
        speed: float,
        *,
        begin: float,
        end: float,
        loop: bool,
        plays: float,
        stops: float,
    ) -> Vector:
        """Return the next frame of a file's sound; silence until it is read, after its end or a stop."""
        x = None
        if file:
            x = self._file.next(file, speed, begin=begin, end=end, loop=loop, plays=plays, stops=stops)
        return self.silence() if x is None else self.play("file", x, self._file.joins)

    def play_deck(self, context: LaneContext, heard: HeardDeck) -> Vector:
        """Return the next frame of a deck's sound, before its fader; silence if it plays nothing."""
        x = self.deck.next(context, heard)
        return (
            self.silence()
            if x is None
            else self.play(("deck", heard.deck), x, [0] if self.deck.joins else [])
        )

    def for_inputs(self, x: Vector, gains: Vector) -> Vector | None:
        """Return the sound for the module's inputs, (inputs, ratio); None where all of it is silent.

        gains : (inputs,) at the end of this frame; they move there in a straight line
        """
        before = gains if self._gains is None else self._gains
        self._gains, part = gains, np.arange(1, self._ratio + 1, dtype=np.float32) / self._ratio
        line = before[:, None] + (gains - before)[:, None] * part
        sound = (x[np.arange(self._inputs) % self._channels] * line).astype(np.float32)
        return sound if sound.any() else None
