"""A model of the library, looked over: is it whole, is its sound finite, and as loud as its card says?"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from perform.core.errors import PerformError, WrongUse
from perform.foreign import probe
from perform.library.cards import is_module, read_card
from perform.library.importing import unwrap

WARM, FRAMES = 8, 256
LOUDNESS_DB = 3.0  #: by so much a model may be louder or softer than its card says
_FLOOR = 1e-5


def check(path: Path, against: Path | None = None) -> dict[str, Any]:
    """What was measured; PerformError where the model cannot be played as its card says. [disk, slow]

    against : the export that it was made of, to be compared with (`conversion.difference`)
    """
    measured = _module(path) if is_module(path) else _rave(path, against)
    said = read_card(path).loudness_db
    if abs(measured["loudness_db"] - said) > LOUDNESS_DB:
        what = f"its loudness is {measured['loudness_db']:.1f} dBFS, its card says {said:.1f}"
        raise PerformError(what, where=str(path), hint="import it again")
    return measured


def _module(path: Path) -> dict[str, Any]:
    card = read_card(path)
    facts = probe.probe(path, str(unwrap(path)[1].get("method")))
    if (facts.frame, len(facts.inputs), facts.channels) != (card.ratio, card.latents, card.channels):
        raise PerformError("its card does not fit the module", where=str(path), hint="import it again")
    return {"loudness_db": facts.loudness_db, "ms_frame": facts.render_ms, "walls": facts.walls}


def _rave(path: Path, against: Path | None) -> dict[str, Any]:
    from perform.engine.compiled_model import CompiledModel
    from perform.rave.model_files import load

    model = load(path)  # every weight is there, of its shape, and finite
    measured: dict[str, Any] = {}
    if against:
        from perform.foreign.conversion import TOLERANCE, difference
        from perform.rave import upstream
        from perform.rave.archive import read

        archive = read(against)
        _, facts = upstream.convert(archive)
        measured["difference"] = difference(model, facts, archive)
        if not measured["difference"] <= TOLERANCE:
            what = f"it differs by {measured['difference']:.2g} from {against.name}"
            raise PerformError(what, where=str(path), hint="import that file again")
    host = CompiledModel(path)
    stream, random = host.stream(), np.random.default_rng(0)
    sounds, times = [], []
    for i in range(WARM + FRAMES):
        z = host.gesture[i % len(host.gesture)][None]
        noise = random.standard_normal((1, host.noise)).astype(np.float32)
        began = time.perf_counter()
        sounds.append(host.render([stream], z, noise))
        times.append(time.perf_counter() - began)
    heard = np.concatenate(sounds[WARM:]).astype(np.float64)
    if not np.isfinite(heard).all():
        raise WrongUse("its sound is not finite", where=str(path))
    level = max(float(np.sqrt(np.mean(heard**2))), _FLOOR)
    return measured | {
        "loudness_db": round(20 * float(np.log10(level)), 2),
        "ms_frame": round(1000 * float(np.median(times[WARM:])), 3),
    }
