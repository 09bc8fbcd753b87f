"""Checks a model: it must be complete, its sound finite, and its loop as loud as its card says."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from perform.core.errors import PerformError, WrongUse
from perform.core.loudness import loudness_db
from perform.foreign import probe
from perform.foreign.module_file import unwrap
from perform.library.cards import is_module, read_card

if TYPE_CHECKING:
    from torch import Tensor

WARM_UP, LEAST = 8, 256  #: frames decoded before the measurement; least number of frames in it
TOLERANCE_DB = 3.0  #: largest difference in loudness from the card


def check(path: Path, against: Path | None = None) -> dict[str, Any]:
    """Return the measurements. PerformError: the model does not play as its card says. [disk, slow]

    against : the export from which it was rebuilt, or which perform made of it, to compare them
    """
    measured = _check_module(path) if is_module(path) else _check_rave(path, against)
    card, found = read_card(path), measured["loudness_db"]
    if not card.loudness_known:
        return measured
    if found is None or abs(found - card.loudness_db) > TOLERANCE_DB:
        said = "it is silent" if found is None else f"its loudness is {found:.1f} dBFS"
        what = f"{said}, its card says {card.loudness_db:.1f}"
        raise PerformError(what, where=str(path), hint="import it again")
    return measured


def _check_module(path: Path) -> dict[str, Any]:
    card = read_card(path)
    facts = probe.probe(path, str(unwrap(path)[1].get("method")))
    if (facts.frame, len(facts.inputs), facts.channels) != (card.ratio, card.latents, card.channels):
        raise PerformError("its card does not fit the module", where=str(path), hint="import it again")
    return {"loudness_db": facts.loudness_db, "ms_frame": facts.render_ms, "sandbox": facts.sandbox}


def _check_rave(path: Path, against: Path | None) -> dict[str, Any]:
    from perform.engine.compiled_model import CompiledModel
    from perform.rave.model_files import load

    load(path)  # every weight is there, of the right shape, and finite
    compared = _compare(path, against) if against else {}
    model = CompiledModel(path)
    stream, random = model.stream(), np.random.default_rng(0)
    sounds, times = [], []
    loop = len(model.gesture)  # the card's loudness is that of the whole loop
    for i in range(WARM_UP + loop * math.ceil(LEAST / loop)):
        z = model.gesture[i % loop][None]
        noise = random.standard_normal((1, model.noise)).astype(np.float32)
        began = time.perf_counter()
        sounds.append(model.render([stream], z, noise))
        times.append(time.perf_counter() - began)
    y = np.concatenate(sounds[WARM_UP:]).astype(np.float64)
    if not np.isfinite(y).all():
        raise WrongUse("its sound is not finite", where=str(path))
    return compared | {
        "loudness_db": loudness_db(y),
        "ms_frame": round(1000 * float(np.median(times[WARM_UP:])), 3),
    }


def _compare(path: Path, export: Path) -> dict[str, Any]:
    from perform.foreign.comparison import TOLERANCE, difference
    from perform.rave import upstream
    from perform.rave.archive import read
    from perform.rave.export import model_in_export
    from perform.rave.model_files import load

    archive, model = read(export), load(path)
    if (inside := model_in_export(archive)) is not None:
        found = _apart(model.state_dict(), inside.state_dict())
    else:
        found = difference(model, upstream.convert(archive)[1], archive)
    if not found <= TOLERANCE:
        what = f"it differs by {found:.2g} from {export.name}"
        raise PerformError(what, where=str(path), hint="import that file again")
    return {"difference": found}


def _apart(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> float:
    """Return the largest difference of two models' weights; infinity if they have other shapes."""
    if {name: it.shape for name, it in one.items()} != {name: it.shape for name, it in other.items()}:
        return math.inf
    return max(float((one[name] - other[name]).abs().max()) for name in one if one[name].numel())
