"""Every address, its spec and its slot: `deck/3/z/5/bias` is the only name of that number.

The table is one float64 array in shared memory, in plain units (dB, Hz, latent sigma). A knob works in
0..1 *position*; a `Spec` converts. Screen, MIDI, TOML all name numbers by address and meet nowhere else.
This module knows no process, no file and no sound. numpy and the standard library only.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from perform.core.errors import WrongUse

DECKS = 8  #: decks are numbered 1..DECKS
SCENES = 8  #: scenes of a song are numbered 1..SCENES
SONGS = 128  #: songs of a set that a number can call, as many as MIDI has programs
LATENTS = 32  #: latents of a deck are numbered 0..LATENTS-1
ATTRIBUTES = 16  #: attributes of a deck's model that have a number, from 1; so have what it can do, from 1:
ACTIONS = 4
OWN = -1e9  #: of an attribute: as the model has it by itself

Table = npt.NDArray[np.float64]  #: (len(ADDRESSES),) plain units
Bank = npt.NDArray[np.float64]  #: (ATTRIBUTES + ACTIONS,) of a deck, see `bank`
Curve = Literal["lin", "exp", "s"]


@dataclass(frozen=True, slots=True)
class Spec:
    """Range, curve and unit of one number.

    `choices` names the values 0, 1, 2... of a discrete number; a `whole` one has no names. `action` marks a
    counter that only grows: whoever reads it acts when it has grown.
    """

    low: float
    high: float
    default: float
    unit: str = ""
    curve: Curve = "lin"
    choices: tuple[str, ...] = ()
    action: bool = False
    whole: bool = False

    def clamp(self, value: float) -> float:
        """Nearest legal value; a non-finite one becomes the default."""
        if self.action or not math.isfinite(value):
            return value if self.action and math.isfinite(value) else self.default
        value = min(max(value, self.low), self.high)
        return float(round(value)) if self.choices or self.whole else value

    def value(self, position: float) -> float:
        """Position 0..1 of a knob -> value in plain units."""
        return self.clamp(bend(position, self.low, self.high, self.curve))

    def position(self, value: float) -> float:
        """Value in plain units -> position 0..1 of a knob."""
        return unbend(self.clamp(value), self.low, self.high, self.curve)

    def jumps(self, *values: float) -> bool:
        """Whether there is no way from one of these values to another but to jump."""
        return bool(self.choices) or min(values) <= OWN

    def text(self, value: float) -> str:
        """What a player reads: `-3.0 dB`, `hand`, `on`."""
        if self.choices:
            return self.choices[int(self.clamp(value))]
        if value <= OWN:
            return "its own"
        if self.unit == "dB" and value <= SILENCE_DB:
            return "-inf dB"
        sign = "+" if self.low < 0 else ""
        digits = 2 if self.high - self.low < 20 else 1
        return f"{value:{sign}.{digits}f} {self.unit}".rstrip()


def bend(position: float, low: float, high: float, curve: Curve) -> float:
    """Position 0..1 -> low..high (low may exceed high: an inverted range) along a curve.

    `exp` needs both ends of one sign and none zero; `s` is the smoothstep 3p^2 - 2p^3.
    """
    p = min(max(position, 0.0), 1.0)
    if curve == "exp":
        return float(low * (high / low) ** p)
    if curve == "s":
        p = p * p * (3.0 - 2.0 * p)
    return low + (high - low) * p


def unbend(value: float, low: float, high: float, curve: Curve) -> float:
    """The inverse of `bend`: value -> position 0..1."""
    if curve == "exp":
        return math.log(value / low) / math.log(high / low)
    p = min(max((value - low) / (high - low), 0.0), 1.0)
    if curve == "s":  # the root of 3p^2 - 2p^3 = y in 0..1
        return 0.5 - math.sin(math.asin(1.0 - 2.0 * p) / 3.0)
    return p


SILENCE_DB = -60.0  #: a fader at or below this is silence
SILENT_DB = -90.0  #: nothing quieter is worth a gate
SOURCES = ("hand", "loop", "walk", "prior", "input", "file", "deck")  #: what feeds a deck's latents
MARGINS = {"tight": 0.003, "normal": 0.010, "safe": 0.025}  #: seconds a host is early beyond its own p99.9
SIDES = ("A", "-", "B")  #: sides of the crossfader


def _numbers(last: int) -> tuple[str, ...]:
    return ("-", *(str(n) for n in range(1, last + 1)))


_switch = Spec(0, 1, 0, choices=("off", "on"))
_counter = Spec(0, math.inf, 0, action=True)

_deck: dict[str, Spec] = {
    "gain": Spec(SILENCE_DB, 12, 0, "dB"),
    "pan": Spec(-1, 1, 0),
    "mute": _switch,
    "solo": _switch,
    "side": Spec(0, 2, 1, choices=SIDES),
    "source": Spec(0, len(SOURCES) - 1, 0, choices=SOURCES),
    "from": Spec(0, DECKS - 1, 0, choices=tuple(str(n) for n in range(1, DECKS + 1))),  # of the source "deck"
    "wet": Spec(0, 1, 1),  # how much of the source; 0: the biases alone
    "freeze": _switch,  # the source stands still
    "speed": Spec(0.1, 4, 1, "x", "exp"),  # of the loop, the walk, the prior and the file
    "file/play": _counter,  # from its start
    "file/loop": Spec(0, 1, 1, choices=("off", "on")),
    "file/start": Spec(0, 1, 0),  # of the whole file
    "file/end": Spec(0, 1, 1),
    "silence": Spec(0, 1, 0, choices=("model", "own")),  # where a closed gate lets the latents glide
    "temperature": Spec(0, 2, 1),  # of the latents the model's PCA left out, and of its prior
    "seed": Spec(0, 2**31 - 1, 0, whole=True),
    "reset": _counter,  # decoder state and source back to their start
}
_deck |= {f"z/{i}/bias": Spec(-4, 4, 0, "σ") for i in range(LATENTS)}
_deck |= {f"z/{i}/scale": Spec(-2, 2, 1, "x") for i in range(LATENTS)}
_deck |= {f"z/{i}/mute": _switch for i in range(LATENTS)}  # the bias alone
_deck |= {f"z/{i}/freeze": _switch for i in range(LATENTS)}  # of the source, this one stands still
_deck |= {f"z/{i}/smooth": Spec(0, 5, 0, "s") for i in range(LATENTS)}  # time constant of what sounds
_deck |= {f"z/{i}/level": Spec(-4, 4, 0, "σ") for i in range(LATENTS)}  # what a full-scale input adds
_deck |= {f"z/{i}/pitch": Spec(-4, 4, 0, "σ") for i in range(LATENTS)}  # what each octave above 220 Hz adds
_deck |= {f"z/{i}/silence": Spec(-4, 4, 0, "σ") for i in range(LATENTS)}  # this deck's own silence

#: what a stranger's module has besides latents; its host says what each of them is
_deck |= {f"attribute/{i}": Spec(OWN, -OWN, OWN) for i in range(1, ATTRIBUTES + 1)}
_deck |= {f"action/{i}": _counter for i in range(1, ACTIONS + 1)}

_global: dict[str, Spec] = {
    "xfade": Spec(0, 1, 0.5),
    "master/gain": Spec(SILENCE_DB, 6, 0, "dB"),
    "master/mute": _switch,
    "master/ceiling": Spec(-24, -1, -1, "dBFS"),
    "input/open": _switch,  # nothing is let in before a hand opens it
    "input/gain": Spec(SILENCE_DB, 24, 0, "dB"),
    "input/highpass": Spec(0, 500, 0, "Hz"),  # 0: none
    "input/gate": Spec(SILENT_DB, 0, -60, "dBFS"),  # opens there; at its foot it is always open
    "input/monitor": Spec(SILENCE_DB, 12, SILENCE_DB, "dB"),  # the input itself, as late as what it becomes
    "input/wet": Spec(0, 1, 1),  # from the input itself, at 0, to what the decks that hear it make of it
    "stage/margin": Spec(0, 2, 1, choices=tuple(MARGINS)),  # how early a host renders beyond its own p99.9
    "tempo": Spec(20, 300, 120, "bpm"),  # of glides that are given in beats
    "scene/morph": Spec(0, 1, 0),  # between the scenes a and b; moving it moves all they hold
    "scene/a": Spec(0, SCENES, 0, choices=_numbers(SCENES)),
    "scene/b": Spec(0, SCENES, 0, choices=_numbers(SCENES)),
    "scene/recall": Spec(0, SCENES, 0, choices=_numbers(SCENES)),  # back at 0 once it is done
    "song/arm": Spec(0, SONGS, 0, choices=_numbers(SONGS)),  # makes it NEXT; back at 0 once it is done
    "song/jump": Spec(0, SONGS, 0, choices=_numbers(SONGS)),  # the same, and goes
    "song/next": _counter,  # the song after NEXT is NEXT
    "song/previous": _counter,
    "song/go": _counter,  # NEXT is NOW as soon as it is warm; a second time: at once
    "take/record": _counter,  # begins a take, or ends it
    "take/mark": _counter,
    "take/keep": _counter,
    "panic": _counter,
    "focus": Spec(1, DECKS, 1),  # the deck that `focus/...` of a mapping means
}

#: what no scene, undo or song holds: it says what to do, not how it sounds
DOING = ("scene/", "song/", "take/", "panic", "focus", "stage/", "input/open")

SPECS: Mapping[str, Spec] = {
    f"deck/{d}/{k}": s for d in range(1, DECKS + 1) for k, s in _deck.items()
} | _global
ADDRESSES: tuple[str, ...] = tuple(SPECS)
SLOTS: Mapping[str, int] = {address: i for i, address in enumerate(ADDRESSES)}
SPEC_AT: tuple[Spec, ...] = tuple(SPECS.values())  #: spec of each slot


def slot(address: str) -> int:
    """Slot of an address; WrongUse names the nearest ones where there is none."""
    try:
        return SLOTS[address]
    except KeyError:
        near = difflib.get_close_matches(address, ADDRESSES, n=3)
        raise WrongUse(
            f"no parameter is called {address!r}",
            hint=f"did you mean {', '.join(near)}?" if near else "see docs/parameters.md for all of them",
        ) from None


def slots(deck: int, suffix: str = "") -> slice:
    """The contiguous slots of a deck, or of one of its latents' numbers: "bias" for `z/*/bias`, "scale"..."""
    if not suffix:
        first = SLOTS[f"deck/{deck}/{next(iter(_deck))}"]
        return slice(first, first + len(_deck))
    first = SLOTS[f"deck/{deck}/z/0/{suffix}"]
    return slice(first, first + LATENTS)


def bank(deck: int) -> slice:
    """The contiguous slots of a deck's attributes, and of its actions behind them."""
    first = SLOTS[f"deck/{deck}/attribute/1"]
    return slice(first, first + ATTRIBUTES + ACTIONS)


def blank() -> Bank:
    """A new bank in which every attribute is as the model has it."""
    return np.array([OWN] * ATTRIBUTES + [0.0] * ACTIONS)


def margin(table: Table) -> float:
    """Seconds a host is early beyond its own p99.9."""
    return tuple(MARGINS.values())[int(table[SLOTS["stage/margin"]])]


def defaults() -> Table:
    """A new table in which every number has its default."""
    return np.array([s.default for s in SPEC_AT], dtype=np.float64)


def put(table: Table, address: str, value: float) -> float:
    """Store a value, clamped to its spec; returns what was stored."""
    i = slot(address)
    table[i] = SPEC_AT[i].clamp(value)
    return float(table[i])


def fire(table: Table, address: str) -> None:
    """Trigger an action: its counter grows by one."""
    table[slot(address)] += 1


def changed(table: Table) -> Iterator[tuple[str, float]]:
    """Addresses that differ from their defaults, in table order, with their values."""
    for i in np.flatnonzero(table != defaults()):
        yield ADDRESSES[i], float(table[i])


def gain(db: float) -> float:
    """Decibel -> factor; at or below SILENCE_DB it is 0."""
    return 0.0 if db <= SILENCE_DB else float(10.0 ** (db / 20.0))
