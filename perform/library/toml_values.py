"""Values of parameters as sets write them: numbers, names of choices, texts of attributes, `own`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from perform.core import params
from perform.core.errors import WrongUse
from perform.core.params import Table
from perform.core.spec import MODULE_DEFAULT
from perform.library.song import Song

PLAYER_ONLY = "input/open"  #: the player alone opens the live input: no song, scene or loop may
OWN = "own"  #: value of an attribute that has the module default


def slot_values(values: Mapping[str, float | str], texts: Mapping[str, Sequence[str]]) -> dict[int, float]:
    """Convert address -> value to slot -> value. WrongUse: there is no such address or choice.

    texts : address of an attribute -> its texts
    """
    return {
        params.slot(address): _number(address, value, texts.get(address, ()))
        for address, value in values.items()
    }


def toml_value(slot: int, value: float) -> float | str:
    """Return a value as a set writes it: the name of a choice, `own`, or a number rounded to a millionth."""
    spec = params.SPEC_AT[slot]
    if value <= MODULE_DEFAULT:
        return OWN
    return spec.choices[int(value)] if spec.choices else round(float(value), 6)


def apply_song(song: Song, table: Table) -> None:
    """[control] Write a song's values and tempo to a table; all other parameters keep theirs."""
    for slot, value in slot_values(song.values, song.texts).items():
        table[slot] = value
    if song.tempo is not None:
        table[params.slot("tempo")] = song.tempo


def _number(address: str, value: float | str, texts: Sequence[str]) -> float:
    spec = params.SPEC_AT[params.slot(address)]
    if address == PLAYER_ONLY:
        raise WrongUse(f"only the player opens {address}", hint="remove it from the song")
    if spec.action:
        raise WrongUse(f"{address} is an action and has no value", hint="remove it from the song")
    if isinstance(value, str):
        return _choice(address, value, texts)
    if spec.clamp(value) != value:
        hint = f"its range is {spec.low:g}..{spec.high:g} {spec.unit}"
        raise WrongUse(f"{address} cannot be {value}", hint=hint)
    return value


def _choice(address: str, value: str, texts: Sequence[str]) -> float:
    spec = params.SPEC_AT[params.slot(address)]
    takes_own = spec.low == MODULE_DEFAULT
    if value == OWN and takes_own:
        return MODULE_DEFAULT
    if value in texts:
        return float(texts.index(value))
    if value not in spec.choices:
        hint = f"it is a number in {spec.unit}" if spec.unit else "it is a number"
        if spec.choices:
            hint = f"it is one of {', '.join(spec.choices)}"
        elif takes_own:
            hint = f"it is a number, `{OWN}`, or one of the words that the song lists for it"
        raise WrongUse(f"{address} cannot be {value!r}", hint=hint)
    return float(spec.choices.index(value))
