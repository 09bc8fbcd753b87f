"""The file's own sound beside the model's sound of it: `file/dry` and `file/wet`."""

from __future__ import annotations

import numpy as np

from perform.core import params
from perform.core.file_mix import FileMix, line
from perform.core.params import SLOTS, Table
from perform.engine.file_latents import FileLatents
from perform.engine.protocol import Vector
from perform.library.cards import Card
from perform.voice.file_source import FileSource
from perform.voice.lane_context import LaneContext
from perform.voice.sound_joins import SoundJoins


class DryFile:
    """[render] The dry sound of one voice, in time with its wet sound.

    A sound reaches the middle of its frame of latents `encoder_s` later, in the time of the file, and the
    model's output `decoder_s` after that, in the time of the model. So the dry sound is read that much behind
    the file's position, and delayed by the rest. An effect module delays its sound, not the file's position.
    It reads nothing while `file/dry` is silent.
    """

    def __init__(self, card: Card, deck: int, *, takes_sound: bool) -> None:
        self._dry, self._wet = (SLOTS[f"deck/{deck}/file/{name}"] for name in ("dry", "wet"))
        half = 0 if takes_sound else card.ratio / 2  # from the beginning to the middle of a frame
        before = 0.0 if takes_sound else card.encoder_s * card.sample_rate - half
        self._ratio, self._behind = card.ratio, before  # samples of the file
        self._delay = max(0, round(card.delay - before))  # samples
        self._channels = min(card.latents, 2) if takes_sound else 2
        self._joins = SoundJoins(self._channels, card.ratio, card.sample_rate)
        self.reset()

    def reset(self) -> None:
        """Begin again: only the model sounds."""
        self._gains, self._began = (0.0, 1.0), False  # of the dry sound, of the model's
        self._silence()

    def _silence(self) -> None:
        self._joins.reset()
        self._late = np.zeros((self._channels, self._delay), np.float32)

    def mix(self, table: Table, context: LaneContext, source: FileSource | Vector | None) -> FileMix | None:
        """Return the mix of the next frame; None if only the model sounds, at gain 1.

        source : where the file plays, or its sound for an effect module; None: the deck's source is no file
        """
        plays = source is not None
        aims = (
            params.gain(float(table[self._dry])) / context.trim if plays else 0.0,  # the trim is the model's
            params.gain(float(table[self._wet])) if plays else 1.0,
        )
        if not self._began:  # a voice that begins does not fade
            self._began, self._gains = True, aims
        (gain, level), self._gains = self._gains, aims
        dry: Vector | None = None
        if gain or aims[0]:
            x = self._read(context.file_sound, source) if isinstance(source, FileSource) else source
            sound = np.concatenate([self._late, self._joins.silence() if x is None else x], axis=1)
            self._late = sound[:, self._ratio :]
            dry = sound[:, : self._ratio] * line(gain, aims[0], self._ratio)
            if not dry.any():  # so that nothing is logged
                dry = None
            if not aims[0]:
                self._silence()
        return None if dry is None and level == aims[1] == 1.0 else FileMix(level, aims[1], dry)

    def _read(self, file: FileLatents | None, source: FileSource) -> Vector | None:
        """The sound of a frame of the file's latents, (channels, ratio); None where it does not play."""
        if file is None or not file.ready or source.played is None or not source.speed:
            return None
        at = (
            source.played * self._ratio
            - self._behind
            + source.speed * np.arange(self._ratio, dtype=np.float64)
        )
        if file.ready < file.length and at[-1] + 1 >= file.ready * self._ratio:
            return None
        return self._joins.play(source.turns, file.samples_at(at, self._ratio))
