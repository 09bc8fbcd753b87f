"""The latents that a model is calibrated with: of the player's sounds, its corpus, its prior, or a walk."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from perform.core.errors import PerformError, WrongUse
from perform.engine.protocol import PlayableModel, StreamingEncoder
from perform.engine.sound_encoder import SoundEncoder
from perform.library.cards import Card
from perform.library.corpus_latents import read_corpus
from perform.library.sound_files import SoundFile
from perform.voice.sources import WalkSource

LISTENED_S = 120.0  #: seconds of the player's sounds that are encoded, spread over all files
LEAST_S = 2.0  #: of each
GENERATED_S = 20.0  #: of a prior or a walk

Latents = npt.NDArray[np.float32]  #: (frames, latents), sigma


class CalibrationLatents(NamedTuple):
    """Latents as the model would be played.

    origin : what they are of, for the player
    spread : whether they are spread as in real sounds, so that they give the latents' ranges; a walk does not
    """

    z: Latents
    origin: str
    spread: bool


def choose(model: PlayableModel, path: Path, sounds: Sequence[Path]) -> CalibrationLatents:
    """[disk, slow] Return latents of `sounds` if there are any, else of the model's corpus, prior or walk.

    WrongUse: the model has no encoder for sounds. PerformError: no sound is long enough.
    """
    card = model.card
    if sounds:
        if model.encoder is None:
            hint = "calibrate it without --with"
            raise WrongUse("it has no encoder for your sounds", where=card.name, hint=hint)
        return of_sounds(model.encoder, sounds)
    if len(corpus := read_corpus(path)) and card.corpus:
        return CalibrationLatents(corpus, "its own corpus", spread=True)
    frames = max(round(GENERATED_S * card.sample_rate / card.ratio), 2)
    if model.has_prior:
        stream = model.stream()
        stream.reset()
        z = np.array([stream.prior(1.0, frame) for frame in range(frames)], np.float32)
        return CalibrationLatents(np.nan_to_num(z, posinf=0.0, neginf=0.0), "its prior", spread=True)
    walk = WalkSource(card, 0)
    z = np.array([walk.next(1.0) for _ in range(frames)], np.float32)
    return CalibrationLatents(z, "a walk", spread=False)


def of_sounds(encoder: StreamingEncoder, sounds: Sequence[Path]) -> CalibrationLatents:
    """[disk, slow] Encode the beginnings of sounds. PerformError: none of them is long enough."""
    each, seconds, parts = max(LISTENED_S / len(sounds), LEAST_S), 0.0, []
    for sound in _spread_out(sounds, round(LISTENED_S / LEAST_S)):
        with SoundFile(sound) as file:
            encode = SoundEncoder(encoder, file.rate, many=True)
            z = [frame for block in _first(file, each) for frame in encode(block)]
            seconds += min(each, file.frames / file.rate)
        parts += z[_late_frames(encoder.card) :]
    if len(parts) < 2:
        raise PerformError("its sounds are too short", where=str(sounds[0].parent))
    files = "1 sound" if len(sounds) == 1 else f"{len(sounds)} sounds"
    z_all = np.nan_to_num(np.array(parts, np.float32), posinf=0.0, neginf=0.0)
    return CalibrationLatents(z_all, f"{files} of yours, {seconds:.0f} s", spread=True)


def _late_frames(card: Card) -> int:
    """The frames of an encoder before its input has arrived."""
    return math.ceil(max(card.encoder_s, 0.0) * card.sample_rate / card.ratio)


def _first(file: SoundFile, seconds: float) -> Iterator[npt.NDArray[np.float32]]:
    left = round(seconds * file.rate)
    for block in file.blocks():
        yield block[:left]
        left -= len(block)
        if left <= 0:
            return


def _spread_out(sounds: Sequence[Path], most: int) -> list[Path]:
    """At most so many of them, from the first to the last."""
    if len(sounds) <= most:
        return list(sounds)
    return [sounds[i] for i in np.linspace(0, len(sounds) - 1, most).astype(int)]
