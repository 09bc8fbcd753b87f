"""From one model's latents to another's: z' = weight z + offset, of two cards or learnt, kept in a file.

A file is a `.matrix`: safetensors, whose header names both models by name and SHA-256. numpy only.
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
RIDGES = (1e-3, 1e-2, 1e-1, 1.0)  #: weights of the penalty that are tried, in variances of an input latent
PARTS = 5  #: of a recording: the last but one chooses lag and ridge, the last judges what was chosen
FRAMES_A_LATENT = 8  #: of a recording, at least
LAG = 16  #: frames by which one encoder may be later than the other

Floats = npt.NDArray[np.float32]


class MatrixSide(msgspec.Struct, frozen=True):
    """A model at one end: `latents` go in, or come out."""

    name: str
    sha256: str
    latents: int


@dataclass(frozen=True)
class LatentMatrix:
    """What makes latents (ear.latents,) ones of `mouth`: weight (mouth, ear), offset (mouth,).

    fit : share of the held-out variance it explains, where it was learnt; NaN where it was not
    """

    ear: MatrixSide
    mouth: MatrixSide
    weight: Floats
    offset: Floats
    fit: float = math.nan

    def __post_init__(self) -> None:
        """Nothing ill-shaped or infinite comes near a decoder."""
        shapes = (self.mouth.latents, self.ear.latents), (self.mouth.latents,)
        if (self.weight.shape, self.offset.shape) != shapes:
            raise WrongUse("its shapes are not those of its models")
        if not (np.isfinite(self.weight).all() and np.isfinite(self.offset).all()):
            raise WrongUse("holds what is no number")

    def apply(self, z: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
        """[render] (..., ear.latents) -> (..., mouth.latents)."""
        return z @ self.weight.T + self.offset


def by_variance(ear: Card, ear_sha256: str, mouth: Card, mouth_sha256: str) -> LatentMatrix:
    """The most telling latent of one to the most telling of the other, each in its own corpus's range.

    Models keep their latents in order of variance; where `mouth` has more, the rest stays at its mean.
    """
    weight = np.zeros((mouth.latents, ear.latents))
    to, of = (np.argsort(card.latent_std, kind="stable")[::-1] for card in (mouth, ear))
    for row, column in zip(to, of, strict=False):
        width = ear.latent_std[column]
        weight[row, column] = mouth.latent_std[row] / width if width > 0 else 0.0
    offset = np.array(mouth.latent_mean) - weight @ np.array(ear.latent_mean)
    sides = MatrixSide(ear.name, ear_sha256, ear.latents), MatrixSide(mouth.name, mouth_sha256, mouth.latents)
    return LatentMatrix(*sides, weight.astype(np.float32), offset.astype(np.float32))


def learn(heard: Floats, meant: Floats, ear: MatrixSide, mouth: MatrixSide) -> LatentMatrix:
    """Ridge regression from what two encoders made of one recording, (frames, latents) each, in step.

    One encoder may answer later than the other: the lag that explains most is taken, and the ridge. `fit` is
    what that explains of the recording's last fifth, which had no say; the matrix itself is of all of it.
    WrongUse where the recording is too short, or nothing moves in it.
    """
    frames = min(len(heard), len(meant))
    wanted = FRAMES_A_LATENT * (ear.latents + 1) + 2 * LAG
    if frames < wanted:
        hint = f"with {ear.latents} latents it takes {wanted}"
        raise WrongUse(f"the recording has {frames} frames only", hint=hint)
    if not heard[:frames].std(axis=0).any() or not meant[:frames].std(axis=0).any():
        raise WrongUse("nothing moves in the recording", hint="record something that changes")
    choosing, judging = (round((frames - 2 * LAG) * (PARTS - part) / PARTS) for part in (2, 1))
    best: tuple[float, int, float] = (-math.inf, 0, RIDGES[-1])
    for lag in range(-LAG, LAG + 1):
        x, y = _shifted(heard[:frames], meant[:frames], lag)
        for ridge in RIDGES:
            made = _ridge(x[:choosing], y[:choosing], ridge)
            explained = _explained(*made, x[choosing:judging], y[choosing:judging])
            best = max(best, (explained, lag, ridge))
    _, lag, ridge = best
    x, y = _shifted(heard[:frames], meant[:frames], lag)
    fit = _explained(*_ridge(x[:judging], y[:judging], ridge), x[judging:], y[judging:])
    weight, offset = (part.astype(np.float32) for part in _ridge(x, y, ridge))
    return LatentMatrix(ear, mouth, weight, offset, round(fit, 4) if math.isfinite(fit) else math.nan)


def _shifted(heard: Floats, meant: Floats, lag: int) -> tuple[Any, Any]:
    """What goes together where `heard` is `lag` frames late; as many frames whatever the lag."""
    frames = min(len(heard), len(meant)) - 2 * LAG
    return heard[LAG + lag : LAG + lag + frames].astype(np.float64), meant[LAG : LAG + frames]


def _ridge(x: Any, y: Any, ridge: float) -> tuple[Any, Any]:
    """Weight and offset of y = weight x + offset, every column of x brought to one width first."""
    mean, width = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-6)
    unit = (x - mean) / width
    square = unit.T @ unit / len(x) + ridge * np.eye(x.shape[1])
    weight = np.linalg.solve(square, unit.T @ (y - y.mean(axis=0)) / len(x)).T / width
    return weight, y.mean(axis=0) - weight @ mean


def _explained(weight: Any, offset: Any, x: Any, y: Any) -> float:
    """Share of the variance of y."""
    total = np.square(y - y.mean(axis=0)).sum()
    return 1.0 - float(np.square(y - x @ weight.T - offset).sum() / total) if total > 0 else -math.inf


def save(path: Path, matrix: LatentMatrix) -> None:
    """[disk] Write a file; PerformError where it cannot be. Never overwrites."""
    sides = {name: msgspec.json.encode(side).decode() for name, side in _sides(matrix).items()}
    words = {"format": FORMAT, **sides, "fit": json.dumps(None if math.isnan(matrix.fit) else matrix.fit)}
    tensors = {"weight": np.ascontiguousarray(matrix.weight), "offset": matrix.offset}
    try:
        with path.open("xb") as file:
            file.write(pack_tensors(tensors, words))
    except FileExistsError:
        hint = "nothing is overwritten: name another file"
        raise WrongUse("is there already", where=str(path), hint=hint) from None
    except OSError as error:
        raise PerformError(f"cannot be written ({error.strerror})", where=str(path)) from error


def read(path: Path) -> LatentMatrix:
    """[disk] A file, for whatever models; WrongUse where it is none."""
    try:
        return _parse(_read(path))
    except WrongUse as error:
        hint = "`perform matrix` makes one"
        raise WrongUse(f"not a matrix: {error.what}", where=str(path), hint=hint) from error


def load(path: Path, ear_sha256: str, mouth_sha256: str) -> LatentMatrix:
    """[disk] A file that is for these two models; WrongUse where it is none, or is for others."""
    matrix = read(path)
    for word, side, sha256 in (("from", matrix.ear, ear_sha256), ("to", matrix.mouth, mouth_sha256)):
        if side.sha256 != sha256:
            what = f"leads {word} {side.name!r} ({side.sha256[:12]}), not {word} this model ({sha256[:12]})"
            raise WrongUse(what, where=str(path), hint="`perform matrix` makes one for these two")
    return matrix


def _sides(matrix: LatentMatrix) -> dict[str, MatrixSide]:
    return {"ear": matrix.ear, "mouth": matrix.mouth}


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
        words = json.loads(data[8 : 8 + size])["__metadata__"]
        if words["format"] != FORMAT:
            raise WrongUse("another format")
        ear, mouth = (msgspec.json.decode(words[name], type=MatrixSide) for name in ("ear", "mouth"))
        weight, offset = tensors["weight"], tensors["offset"]
        if weight.dtype != np.float32 or offset.dtype != np.float32:
            raise WrongUse("its numbers are of another kind")
        fit = msgspec.json.decode(words["fit"], type=float | None)
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise WrongUse("broken") from error
    return LatentMatrix(ear, mouth, weight, offset, math.nan if fit is None else fit)
