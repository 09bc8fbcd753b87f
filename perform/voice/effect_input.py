"""The sound that an effect module gets from its source, without clicks where one sound follows another."""

from __future__ import annotations

import numpy as np

from perform.engine.file_latents import FileLatents
from perform.engine.protocol import Vector
from perform.engine.sound_passage import SoundPassage
from perform.library.cards import Card
from perform.voice.deck_sound import DeckSound
from perform.voice.lane_context import HeardDeck, LaneContext
from perform.voice.sound_file_source import SoundFileSource
from perform.voice.sound_joins import SoundJoins

SOUND_SOURCES = ("input", "file", "deck")  #: sources that give an effect module sound


class EffectInput(SoundJoins):
    """[render] The sound of one voice, a frame at a time.

    card : of the module, with a latent for each input
    A module with one input gets mono. Of two or more, the odd ones get left, the even ones right.
    """

    def __init__(self, card: Card) -> None:
        self._inputs = card.latents
        self.deck = DeckSound(SoundPassage(card, "").card)
        super().__init__(min(card.latents, 2), card.ratio, card.sample_rate)

    def reset(self) -> None:
        """Begin again, from silence."""
        super().reset()
        self._gains: Vector | None = None
        self._file = SoundFileSource(self._ratio)
        self.deck.reset()

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
