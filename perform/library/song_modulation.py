"""The modulation of a song: which modulators move which parameters, checked and as rows for the arena."""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence

from perform.core import params
from perform.core.arena_layout import ROWS
from perform.core.errors import WrongUse
from perform.core.modulation import CAN_BE_MODULATED, Row
from perform.core.modulators import MODULATORS
from perform.library.song import ModulationRow

_KINDS = (
    f"lfo 1 to {params.LFOS}, random 1 to {params.RANDOMS}, steps 1 to {params.SEQUENCES}, "
    f"hold 1 to {params.HOLDS}, follow deck/1 to deck/{params.DECKS}, follow input, "
    f"macro 1 to {params.MACROS}, finger 1 to {params.FINGERS} with press, slide or bend"
)


def check_modulation(rows: Sequence[ModulationRow]) -> None:
    """Raise WrongUse if a row names no modulator or parameter, or has impossible values; it names the row."""
    if len(rows) > ROWS:
        raise WrongUse(f"{len(rows)} rows of modulation", hint=f"a song can have {ROWS}")
    seen = set[tuple[str, str]]()
    for number, row in enumerate(rows, 1):
        try:
            check_row(row)
        except WrongUse as error:
            raise WrongUse(f"row {number} of modulation: {error.what}", hint=error.hint) from error
        if (row.source, row.to) in seen:
            what = f"row {number} of modulation: {row.source} moves {row.to} already"
            raise WrongUse(what, hint="one row for each modulator and parameter; remove one of them")
        seen.add((row.source, row.to))


def check_row(row: ModulationRow) -> None:
    """Raise WrongUse if a row names no modulator or parameter, or has impossible values."""
    if row.source not in MODULATORS:
        near = difflib.get_close_matches(row.source, MODULATORS, n=1)
        hint = f"did you mean {near[0]!r}? there are " if near else "there are "
        raise WrongUse(f"no modulator is called {row.source!r}", hint=hint + _KINDS)
    slot = params.slot(row.to)
    if not CAN_BE_MODULATED[slot]:
        hint = "modulate a latent, a level or an attribute; bind a controller to anything else"
        raise WrongUse(f"{row.to} cannot be modulated", hint=hint)
    spec = params.SPEC_AT[slot]
    reach = spec.high - spec.low
    for value in (row.low, row.high):
        if not math.isfinite(value) or abs(value) > reach:
            hint = f"write what it adds, -{reach:g}..{reach:g} {spec.unit}".rstrip()
            raise WrongUse(f"it cannot add {value} to {row.to}", hint=hint)


def arena_rows(rows: Sequence[ModulationRow]) -> list[Row]:
    """Return checked rows with indices instead of names."""
    return [
        Row(MODULATORS.index(row.source), params.slot(row.to), float(row.low), float(row.high))
        for row in rows
    ]
