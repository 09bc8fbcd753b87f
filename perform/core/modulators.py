"""Modulators: LFOs, random steps, step sequences, sample and hold, level followers, macros, fingers.

Each is a function of a moment: of the frame, the beat, the parameter table and the meters. Nothing is sent
and nothing drifts: two readers that evaluate a modulator at the same frame get the same value. The random
ones are functions of their seed and the number of the step. Values are 0..1.
numpy and the standard library only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from perform.core import params
from perform.core.arena_layout import CYCLES, METER_SLOTS, PHASE_COLUMNS, Meters
from perform.core.beat import BeatLine
from perform.core.params import SAMPLED, SHAPES, SLOTS, Table

Phases = npt.NDArray[np.float64]  #: (len(CYCLES), len(PHASE_COLUMNS))


class Moment(NamedTuple):
    """What a modulator depends on.

    frame  : of the master's history, may be a fraction
    beat   : that sounds at this frame
    phases : of each of CYCLES, as plain numbers: they are read one by one
    """

    frame: float
    beat: float
    line: BeatLine
    table: Table
    phases: list[list[float]]
    meters: Meters


def moment(frame: float, line: BeatLine, table: Table, phases: Phases, meters: Meters) -> Moment:
    """Return the moment of a frame."""
    return Moment(frame, line.beat_at(frame), line, table, phases.tolist(), meters)


#: slot of the rate of each of CYCLES
RATES = [SLOTS[f"{name.replace(' ', '/')}/rate"] for name in CYCLES]


def resting_phases(table: Table, frame: float) -> Phases:
    """Return the phases of cycles that begin at a frame, at the rates of a table."""
    phases = np.zeros((len(CYCLES), len(PHASE_COLUMNS)))
    phases[:, 1], phases[:, 2] = frame, table[RATES]
    return phases


class Modulator(Protocol):
    """One modulator.

    slots    : of its parameters
    has_depth : the first of its parameters scales everything that it adds
    """

    slots: tuple[int, ...]
    has_depth: bool

    def value(self, now: Moment, own: Sequence[float]) -> float:
        """[render], [audio], [ui] The value at a moment, 0..1. own: the values of `slots`."""
        ...


class Cycle:
    """The cycles that a modulator has run at a moment: at a rate in Hz, or in step with the beat line.

    keys : names of more parameters, after those of each cycle
    """

    has_depth = True

    def __init__(self, name: str, *keys: str) -> None:
        head = name.replace(" ", "/")
        self._index = CYCLES.index(name)
        self.slots = tuple(SLOTS[f"{head}/{key}"] for key in ("depth", "sync", "beats", "phase", *keys))

    def count(self, now: Moment, own: Sequence[float]) -> float:
        """Return the cycles since the song began, with the parameter `phase`."""
        _, sync, beats, phase, *_ = own
        if sync:
            return now.beat / beats + phase
        cycles, frame, hz = now.phases[self._index]
        return cycles + (now.frame - frame) * hz / now.line.rate + phase

    def began(self, now: Moment, own: Sequence[float], number: int) -> Moment:
        """Return the moment at which cycle `number` began; table and meters are those of `now`."""
        since = self.count(now, own) - number
        cycle = own[2] * now.line.frames if own[1] else now.line.rate / now.phases[self._index][2]
        frame = now.frame - since * cycle
        return now._replace(frame=frame, beat=now.line.beat_at(frame))


def _smooth(x: float) -> float:
    return x * x * (3.0 - 2.0 * x)


#: shape -> value 0..1 at a phase 0..1; all but "random", which depends on the seed too
_WAVES: dict[str, Callable[[float], float]] = {
    "sine": lambda x: 0.5 + 0.5 * math.sin(2.0 * math.pi * x),
    "triangle": lambda x: 1.0 - abs(2.0 * ((x + 0.25) % 1.0) - 1.0),
    "up": lambda x: x,
    "down": lambda x: 1.0 - x,
    "square": lambda x: 1.0 if x < 0.5 else 0.0,
}


def random_value(seed: int, number: int) -> float:
    """Return a random number, 0..1, that depends on nothing else: SplitMix64 (Steele, Lea, Flood 2014)."""
    mask = (1 << 64) - 1
    z = (seed * 0xD1342543DE82EF95 + number * 0x9E3779B97F4A7C15 + 0x9E3779B97F4A7C15) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return ((z ^ (z >> 31)) >> 11) / float((1 << 53) - 1)


class Lfo(Cycle):
    """A wave. Sine and triangle begin in the middle and rise; "random" glides between random values."""

    def __init__(self, name: str) -> None:
        super().__init__(name, "shape", "seed")

    def value(self, now: Moment, own: Sequence[float]) -> float:
        """[render], [audio], [ui] The wave at a moment, 0..1."""
        count, shape = self.count(now, own), SHAPES[int(own[-2])]
        number = math.floor(count)
        if shape != "random":
            return _WAVES[shape](count - number)
        seed = int(own[-1])
        left, right = random_value(seed, number), random_value(seed, number + 1)
        return left + (right - left) * _smooth(count - number)


class RandomStep(Cycle):
    """A new random value at each step."""

    def __init__(self, name: str) -> None:
        super().__init__(name, "seed")

    def value(self, now: Moment, own: Sequence[float]) -> float:
        """[render], [audio], [ui] The value of the current step, 0..1."""
        return random_value(int(own[-1]), math.floor(self.count(now, own)))


class StepSequence(Cycle):
    """Up to STEPS values, one a step, which repeat."""

    def __init__(self, name: str) -> None:
        super().__init__(name, "count", *(f"value/{i}" for i in range(1, params.STEPS + 1)))

    def value(self, now: Moment, own: Sequence[float]) -> float:
        """[render], [audio], [ui] The value of the current step, 0..1."""
        count, *values = own[-1 - params.STEPS :]
        return values[math.floor(self.count(now, own)) % int(count)]


class SampleHold(Cycle):
    """Samples another modulator when a step begins, and holds this value until the next step.

    A follower, a macro or a finger is sampled at the reader's first moment in the step.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name, "of")
        self._sampled: tuple[str, int] | None = None
        self._held = 0.0

    def value(self, now: Moment, own: Sequence[float]) -> float:
        """[render], [audio], [ui] The value that it holds, 0..1."""
        of, number = SAMPLED[int(own[-1])], math.floor(self.count(now, own))
        if self._sampled != (of, number):
            source, self._sampled = make(of), (of, number)
            values = now.table[list(source.slots)].tolist()
            self._held = source.value(self.began(now, own, number), values)
        return self._held


class Follower:
    """The level of a deck or of the live input: 0 at -60 dBFS, 1 at full scale. The mixer measures it."""

    has_depth = True

    def __init__(self, name: str) -> None:
        head = name.replace(" ", "/")
        self.slots: tuple[int, ...] = (SLOTS[f"{head}/depth"],)
        self._meter = METER_SLOTS[head]

    def value(self, now: Moment, own: Sequence[float]) -> float:
        """[render], [audio], [ui] The level now, 0..1."""
        return float(now.meters[self._meter])


class PlayedValue:
    """A parameter that the player moves: a macro, one knob for many parameters; or what a finger does."""

    has_depth = False

    def __init__(self, name: str) -> None:
        self.slots: tuple[int, ...] = (SLOTS[name.replace(" ", "/")],)

    def value(self, now: Moment, own: Sequence[float]) -> float:
        """[render], [audio], [ui] The parameter's value, 0..1."""
        return own[0]


_KINDS: dict[str, Callable[[str], Modulator]] = {
    "lfo": Lfo,
    "random": RandomStep,
    "steps": StepSequence,
    "hold": SampleHold,
    "follow": Follower,
    "macro": PlayedValue,
    "finger": PlayedValue,
}

#: name of every modulator; a row of modulation holds an index in this list
MODULATORS: tuple[str, ...] = (*SAMPLED, *(f"hold {n}" for n in range(1, params.HOLDS + 1)))


def make(name: str) -> Modulator:
    """Return a new modulator by its name: `lfo 1`, `follow deck/2`."""
    return _KINDS[name.split(" ", 1)[0]](name)
