"""Matrices that map one model's latents to another's: z' = weight z + offset.

A matrix is made from two model cards, or learnt from recordings and kept in a `.matrix` file. The file is
safetensors; its header has the names and SHA-256 of both models. numpy only.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load as read_tensors
from safetensors.numpy import save as pack_tensors

from perform.core.errors import PerformError, WrongUse
from perform.library.cards import Card

FORMAT = "perform-matrix-1"
SUFFIX = ".matrix"
LIMIT = 1 << 24  #: bytes of a file; 1024 x 1024 latents take 4 MB
RIDGES = (1e-3, 1e-2, 1e-1, 1.0)  #: ridge penalties to try, relative to the variance of an input latent
PARTS = 5  #: of a recording: the fourth selects lag and ridge, the fifth measures the fit
FRAMES_A_LATENT = 8  #: a recording must have at least so many
LAG = 16  #: largest delay in frames between the two encoders

Floats = npt.NDArray[np.float32]


class MatrixSide(msgspec.Struct, frozen=True):
    """One of the two models of a matrix: name, hash and number of latents."""

    name: str
    sha256: str
    latents: int


@dataclass(frozen=True)
class LatentMatrix:
    """Maps latents (encoder.latents,) to (decoder.latents,): weight (decoder, encoder), offset (decoder,).

    encoder : the model whose encoder makes the latents
    decoder : the model whose decoder plays the mapped latents
    fit     : share of the held-out variance that a learnt matrix explains; else NaN
    """

    encoder: MatrixSide
    decoder: MatrixSide
    weight: Floats
    offset: Floats
    fit: float = math.nan

    def __post_init__(self) -> None:
        """Check shapes and values. WrongUse: a decoder could not use them."""
        shapes = (self.decoder.latents, self.encoder.latents), (self.decoder.latents,)
        if (self.weight.shape, self.offset.shape) != shapes:
            raise WrongUse("its shapes do not match its models")
        if not (np.isfinite(self.weight).all() and np.isfinite(self.offset).all()):
            raise WrongUse("contains NaN or infinity")

    def apply(self, z: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
        """[render] Map (..., encoder.latents) to (..., decoder.latents)."""
        return z @ self.weight.T + self.offset


def by_variance(encoder: Card, encoder_sha256: str, decoder: Card, decoder_sha256: str) -> LatentMatrix:
    """Make a matrix that pairs latents by importance: the first drives the first, the second the second.

    Importance is the variance over the corpus. Each latent is scaled to the range it has in the corpus of the
    other model. Latents of `decoder` without a partner stay at their mean.
    """
    weight = np.zeros((decoder.latents, encoder.latents))
    to, of = (np.argsort(card.latent_std, kind="stable")[::-1] for card in (decoder, encoder))
    for row, column in zip(to, of, strict=False):
        width = encoder.latent_std[column]
        weight[row, column] = decoder.latent_std[row] / width if width > 0 else 0.0
    offset = np.array(decoder.latent_mean) - weight @ np.array(encoder.latent_mean)
    sides = (
        MatrixSide(encoder.name, encoder_sha256, encoder.latents),
        MatrixSide(decoder.name, decoder_sha256, decoder.latents),
    )
    return LatentMatrix(*sides, weight.astype(np.float32), offset.astype(np.float32))


def learn(inputs: Floats, targets: Floats, encoder: MatrixSide, decoder: MatrixSide) -> LatentMatrix:
    """Learn a matrix by ridge regression between two encoders' latents of one recording, (frames, latents).

    One encoder may have more delay than the other, so the best lag is searched together with the ridge.
    `fit` is measured on the last fifth of the recording, with a matrix learnt from the rest. The returned
    matrix is learnt from all of it. WrongUse: the recording is too short, or its latents never change.
    """
    frames = min(len(inputs), len(targets))
    wanted = FRAMES_A_LATENT * (encoder.latents + 1) + 2 * LAG
    if frames < wanted:
        hint = f"{encoder.latents} latents need {wanted}"
        raise WrongUse(f"the recording has only {frames} frames", hint=hint)
    if not inputs[:frames].std(axis=0).any() or not targets[:frames].std(axis=0).any():
        raise WrongUse("the latents of the recording never change", hint="record something that varies")
    choosing, judging = (round((frames - 2 * LAG) * (PARTS - part) / PARTS) for part in (2, 1))
    best: tuple[float, int, float] = (-math.inf, 0, RIDGES[-1])
    for lag in range(-LAG, LAG + 1):
        x, y = _shifted(inputs[:frames], targets[:frames], lag)
        for ridge in RIDGES:
            made = _ridge(x[:choosing], y[:choosing], ridge)
            explained = _explained(*made, x[choosing:judging], y[choosing:judging])
            best = max(best, (explained, lag, ridge))
    _, lag, ridge = best
    x, y = _shifted(inputs[:frames], targets[:frames], lag)
    fit = _explained(*_ridge(x[:judging], y[:judging], ridge), x[judging:], y[judging:])
    weight, offset = (part.astype(np.float32) for part in _ridge(x, y, ridge))
    return LatentMatrix(encoder, decoder, weight, offset, round(fit, 4) if math.isfinite(fit) else math.nan)


def _shifted(inputs: Floats, targets: Floats, lag: int) -> tuple[Any, Any]:
    """Return the pairs of frames for a lag of `inputs`; their number is the same for every lag."""
    frames = min(len(inputs), len(targets)) - 2 * LAG
    return inputs[LAG + lag : LAG + lag + frames].astype(np.float64), targets[LAG : LAG + frames]


def _ridge(x: Any, y: Any, ridge: float) -> tuple[Any, Any]:
    """Return weight and offset of y = weight x + offset; the columns of x are standardised first."""
    mean, width = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-6)
    unit = (x - mean) / width
    square = unit.T @ unit / len(x) + ridge * np.eye(x.shape[1])
    weight = np.linalg.solve(square, unit.T @ (y - y.mean(axis=0)) / len(x)).T / width
    return weight, y.mean(axis=0) - weight @ mean


def _explained(weight: Any, offset: Any, x: Any, y: Any) -> float:
    """Return the share of the variance of y that the matrix explains."""
    total = np.square(y - y.mean(axis=0)).sum()
    return 1.0 - float(np.square(y - x @ weight.T - offset).sum() / total) if total > 0 else -math.inf


def save(path: Path, matrix: LatentMatrix) -> None:
    """[disk] Write a new file. WrongUse: it exists. PerformError: it cannot be written."""
    sides = {name: msgspec.json.encode(side).decode() for name, side in _sides(matrix).items()}
    header = {"format": FORMAT, **sides, "fit": json.dumps(None if math.isnan(matrix.fit) else matrix.fit)}
    tensors = {"weight": np.ascontiguousarray(matrix.weight), "offset": matrix.offset}
    try:
        with path.open("xb") as file:
            file.write(pack_tensors(tensors, header))
    except FileExistsError:
        hint = "choose another name: nothing is overwritten"
        raise WrongUse("exists already", where=str(path), hint=hint) from None
    except OSError as error:
        raise PerformError(f"cannot be written ({error.strerror})", where=str(path)) from error


def read(path: Path) -> LatentMatrix:
    """[disk] Read a matrix for any two models. WrongUse: the file is not a matrix."""
    try:
        return _parse(_read(path))
    except WrongUse as error:
        hint = "`perform matrix` makes one"
        raise WrongUse(f"not a matrix: {error.what}", where=str(path), hint=hint) from error


def load(path: Path, encoder_sha256: str, decoder_sha256: str) -> LatentMatrix:
    """[disk] Read a matrix for these two models. WrongUse: it is not a matrix, or it is for other models."""
    matrix = read(path)
    for direction, side, sha256 in (
        ("from", matrix.encoder, encoder_sha256),
        ("to", matrix.decoder, decoder_sha256),
    ):
        if side.sha256 != sha256:
            other, this = f"{side.name!r} ({side.sha256[:12]})", f"this model ({sha256[:12]})"
            what = f"maps {direction} {other}, not {direction} {this}"
            raise WrongUse(what, where=str(path), hint="`perform matrix` makes one for these two")
    return matrix


def _sides(matrix: LatentMatrix) -> dict[str, MatrixSide]:
    return {"ear": matrix.encoder, "mouth": matrix.decoder}


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(LIMIT + 1)
    except OSError as error:
        raise WrongUse(f"cannot be read ({error.strerror})") from error
    if len(data) > LIMIT:
        raise WrongUse("too large")
    return data


def _parse(data: bytes) -> LatentMatrix:
    try:
        tensors = read_tensors(data)
        size = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + size])["__metadata__"]
        if header["format"] != FORMAT:
            raise WrongUse("unknown format")
        encoder, decoder = (msgspec.json.decode(header[name], type=MatrixSide) for name in ("ear", "mouth"))
        weight, offset = tensors["weight"], tensors["offset"]
        if weight.dtype != np.float32 or offset.dtype != np.float32:
            raise WrongUse("its tensors are not float32")
        fit = msgspec.json.decode(header["fit"], type=float | None)
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise WrongUse("damaged") from error
    return LatentMatrix(encoder, decoder, weight, offset, math.nan if fit is None else fit)
