"""Calibration of a model: its loudness as a deck plays it, where its latents lie, and what each one moves.

It needs no torch for a RAVE: what is measured is what a deck plays. A module runs in its sandbox. The first
frames of a decoder are not measured, because some models chirp there. What has no answer is left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from perform.core import latent_moves
from perform.core.ebu_r128 import loudness_lufs
from perform.core.errors import WrongUse
from perform.core.loudness import chirping_frames
from perform.core.mel_spectrum import WINDOW
from perform.engine.protocol import PlayableModel
from perform.foreign.opening import open_model
from perform.library.cards import FULL_RANGE, MOST_WARM_UP, Card, change_card, home_latents, read_card
from perform.offline.calibration_latents import CalibrationLatents, Latents, choose

PLAYED_S = 20.0  #: seconds of the latents that are decoded for the loudness
SIDE_BY_SIDE = 4  #: stretches of them that are decoded as one batch
HELD_S = 0.5  #: seconds of each stretch in which a latent is held
WARM_UP = 16  #: frames that are not measured, besides the decoder's delay
CLOUD = 512  #: frames kept for the screen

Sound = npt.NDArray[np.float32]  #: (B, channels, n)


def calibrate(path: Path, sounds: Sequence[Path] = ()) -> Card | None:
    """[disk, slow] Measure a model and write what was found beside its file; return the new card.

    sounds : files of the player that the model is to play; () for its corpus, its prior or a walk
    None: the model was silent, so that nothing was measured, and its card stays as it was.
    WrongUse: no model, an effect, or without an encoder for sounds. PerformError: it cannot be played.
    """
    card = read_card(path)
    change_card(path, {})  # say at once if it cannot be written
    model = open_model(path, separate_process=True)
    if model.takes_sound:
        hint = "models that make sound themselves are calibrated"
        raise WrongUse("an effect is as loud as its input", where=card.name, hint=hint)
    chosen = choose(model, path, sounds)
    played = _played(model, chosen.z)
    loudness = loudness_lufs(played, card.sample_rate)
    if loudness is None:
        return None
    fields: dict[str, object] = {"measured_with": chosen.origin, "loudness_lufs": loudness}
    low, high = _range(card, chosen)
    if chosen.spread and not card.latent_p01:
        fields |= {"latent_p01": _rounded(low), "latent_p99": _rounded(high)}
    if chosen.spread and not card.corpus:
        fields |= _statistics(chosen.z)
    first = _decoded(model, np.zeros((1, MOST_WARM_UP, card.latents), np.float32), warm_up=0)[0]
    fields["warm_up"] = chirping_frames(np.concatenate([first, played], axis=1), card.ratio, MOST_WARM_UP)
    moves = _moves(model, chosen.z, low, high)
    fields |= {"latent_effect": [round(effect, 2) for effect in moves.effects]}
    fields |= {"latent_words": moves.words}
    change_card(path, fields)
    return read_card(path)


def _range(card: Card, chosen: CalibrationLatents) -> tuple[Latents, Latents]:
    """The range in which each latent is measured: 1 to 99 % of the corpus, or the full range if unknown."""
    if chosen.spread and not card.corpus:
        low, high = np.quantile(chosen.z, (0.01, 0.99), axis=0)
    elif card.latent_p01 and card.latent_p99:
        low, high = np.array(card.latent_p01), np.array(card.latent_p99)
    elif chosen.spread:  # a loop may leave out the rare ends of its corpus
        low, high = np.quantile(chosen.z, (0.01, 0.99), axis=0)
        low, high = np.minimum(low, card.latent_p05), np.maximum(high, card.latent_p95)
    else:
        low, high = np.full((2, card.latents), [[-FULL_RANGE], [FULL_RANGE]])
    return low.astype(np.float32), high.astype(np.float32)


def _statistics(z: Latents) -> dict[str, object]:
    """Centre, spread and ranges of latents, and some of their frames."""
    p01, p05, p95, p99 = np.quantile(z, (0.01, 0.05, 0.95, 0.99), axis=0)
    kept = z[np.linspace(0, len(z) - 1, min(CLOUD, len(z))).astype(int)]
    return {
        "latent_mean": _rounded(z.mean(0, dtype=np.float64)),
        "latent_std": _rounded(z.std(0, dtype=np.float64)),
        "latent_p01": _rounded(p01),
        "latent_p05": _rounded(p05),
        "latent_p95": _rounded(p95),
        "latent_p99": _rounded(p99),
        "cloud": [[round(float(value), 3) for value in frame] for frame in kept],
    }


def _played(model: PlayableModel, z: Latents) -> npt.NDArray[np.float32]:
    """Decode stretches of latents, spread over all of them: (channels, n)."""
    card = model.card
    frames = min(len(z), max(round(PLAYED_S * card.sample_rate / card.ratio), 1))
    side = SIDE_BY_SIDE if frames >= SIDE_BY_SIDE else 1
    length = frames // side
    starts = np.linspace(0, len(z) - length, side).astype(int)
    sound = _decoded(model, z[starts[:, None] + np.arange(length)])
    return np.concatenate(list(sound), axis=1)


def _moves(model: PlayableModel, z: Latents, low: Latents, high: Latents) -> latent_moves.LatentMoves:
    """Hold each latent at both ends and the middle, over stretches of latents and over the hand."""
    card = model.card
    frames = max(math.ceil(HELD_S * card.sample_rate / card.ratio), math.ceil(2 * WINDOW / card.ratio))
    starts = np.linspace(0, max(len(z) - frames, 0), SIDE_BY_SIDE).astype(int)
    hand = np.array(home_latents(card, home=True), np.float32)
    stretches = np.concatenate(
        [z[(starts[:, None] + np.arange(frames)) % len(z)], np.broadcast_to(hand, (1, frames, card.latents))]
    )

    def decode(held: Latents) -> npt.NDArray[np.float32]:
        sound = np.nan_to_num(_decoded(model, held), nan=0.0, posinf=0.0, neginf=0.0)
        return np.asarray(sound.mean(axis=1))

    low, high = low.clip(-FULL_RANGE, FULL_RANGE), high.clip(-FULL_RANGE, FULL_RANGE)
    return latent_moves.measure(decode, stretches, low, high, card.sample_rate)


def _decoded(model: PlayableModel, z: Latents, warm_up: int = WARM_UP) -> Sound:
    """Decode stretches (B, frames, latents) side by side, each after its first frame was held for a while.

    The noise is the same at each call.
    """
    card, batch = model.card, len(z)
    warm = warm_up and warm_up + math.ceil(max(card.decoder_s, 0.0) * card.sample_rate / card.ratio)
    z = np.concatenate([np.repeat(z[:, :1], warm, axis=1), z], axis=1)
    noise = np.random.default_rng(0).standard_normal((z.shape[1], batch, model.noise)).astype(np.float32)
    streams = [model.stream() for _ in range(batch)]
    for stream in streams:
        stream.reset()
    sound = [
        model.render(streams, np.ascontiguousarray(frame), values)
        for frame, values in zip(z.swapaxes(0, 1), noise, strict=True)
    ]
    return np.concatenate(sound[warm:], axis=2)


def _rounded(values: npt.NDArray[np.floating]) -> list[float]:
    return [round(float(value), 4) for value in values]
