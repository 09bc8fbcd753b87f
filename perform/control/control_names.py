"""Controls: the kinds that MIDI knows, how a mapping writes each one, and what the values of an encoder mean.

Written as      Kind, number            Messages
"cc 16"         cc, 16                  control change, 7 bits
"cc 12/44"      cc, 128 + 128 * 12 + 44 two control changes, 14 bits: MSB and LSB
"nrpn 1/2"      nrpn, 128 * 1 + 2       CC 99 and 98 select it; then CC 6 and 38, or CC 96 and 97
"rpn 0/0"       rpn, 0                  CC 101 and 100 select it; then the same
"bend"          bend, 0                 pitch bend, 14 bits
"pressure"      pressure, 0             channel pressure
"poly 60"       poly, 60                pressure of one key
"poly"          poly, 128               pressure of the key that is pressed hardest
"note 60"       note, 60                note on and off
"keys"          keys, 0                 all notes; the key is the value, as a pitch
"finger 1 press"  finger, packed        MPE: what one finger does; also "finger 1 slide", "finger 1 bend"
"program"       program, 0              any program change; its number is the value
"program 12"    program, 12             program 12, counted from 1: a press
"program 0/1/12"  program, packed       the same after bank select CC 0 = 0 and CC 32 = 1
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal, NamedTuple

from perform.core.errors import WrongUse
from perform.core.params import FINGER_AXES

Kind = Literal["cc", "nrpn", "rpn", "bend", "pressure", "poly", "note", "keys", "finger", "program"]
#: meaning of the values: a position, or a turn of an endless encoder in one of five notations
Encoding = Literal["absolute", "twos", "sign", "offset", "offset16", "incdec"]

LAST_CC = 119  #: above it are channel mode messages
ANY_KEY = 128  #: number of the pressure of any key

_PAIR = 128  #: numbers of 14-bit controls begin here
_BANKS = 129  #: numbers of programs with a bank begin here
_BYTE = r"(0|[1-9]\d{0,2})"
_SPELLINGS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("cc", re.compile(f"cc {_BYTE}(?:/{_BYTE})?")),
    ("nrpn", re.compile(f"nrpn {_BYTE}/{_BYTE}")),
    ("rpn", re.compile(f"rpn {_BYTE}/{_BYTE}")),
    ("bend", re.compile("bend")),
    ("pressure", re.compile("pressure")),
    ("poly", re.compile(f"poly(?: {_BYTE})?")),
    ("note", re.compile(f"note {_BYTE}")),
    ("keys", re.compile("keys")),
    ("finger", re.compile("finger ([1-9]|10) (press|slide|bend)")),
    ("program", re.compile(f"program(?: (?:{_BYTE}/{_BYTE}/)?{_BYTE})?")),
)


class ControlId(NamedTuple):
    """A control on a MIDI channel (1..16). The table above says how `number` is made."""

    kind: Kind
    number: int
    channel: int


@lru_cache(maxsize=4096)
def parse_control(text: str) -> tuple[Kind, int]:
    """Return kind and number of a control; WrongUse for anything else."""
    for kind, spelling in _SPELLINGS:
        if match := spelling.fullmatch(text):
            if kind == "finger":
                return kind, finger(int(match[1]), FINGER_AXES.index(match[2]))
            return kind, _number(kind, text, [int(group) for group in match.groups() if group])
    raise WrongUse(
        f"unknown control {text!r}",
        hint='write "cc 16", "cc 12/44" (14 bits), "nrpn 1/2", "rpn 0/0", "bend", "pressure", "poly", '
        '"poly 60", "note 36", "keys", "finger 1 press", "program" or "program 12"',
    )


def _number(kind: Kind, text: str, numbers: list[int]) -> int:
    if kind == "cc" and max(numbers) > LAST_CC:
        raise WrongUse(f"{text!r} is a channel mode message", hint="use cc 0 to cc 119")
    if max(numbers, default=0) > (128 if kind == "program" else 127):
        last = "programs go from 1 to 128" if kind == "program" else "numbers go from 0 to 127"
        hint = "notes go from 0 to 127" if kind == "note" else last
        raise WrongUse(f"unknown control {text!r}", hint=hint)
    match kind:
        case "cc" if len(numbers) == 2:
            if numbers[0] == numbers[1]:
                raise WrongUse(f"{text!r} names one cc twice", hint='write MSB/LSB, for example "cc 12/44"')
            return cc_pair(*numbers)
        case "nrpn" | "rpn":
            if numbers == [127, 127]:
                raise WrongUse(f"{text!r} selects no parameter", hint="use another number")
            return 128 * numbers[0] + numbers[1]
        case "program" if numbers and (not 1 <= numbers[-1] <= 128 or max(numbers[:-1], default=0) > 127):
            raise WrongUse(f"unknown control {text!r}", hint="programs go from 1 to 128, banks from 0 to 127")
        case "program" if len(numbers) == 3:
            return banked_program(*numbers)
        case "poly" if not numbers:
            return ANY_KEY
    return numbers[0] if numbers else 0


def finger(number: int, axis: int) -> int:
    """The number of what a finger (1..10) does: axis 0 press, 1 slide, 2 bend."""
    return 3 * (number - 1) + axis


def cc_pair(msb: int, lsb: int) -> int:
    """The number of a 14-bit control made of two CCs."""
    return _PAIR + 128 * msb + lsb


def ccs_of_pair(number: int) -> tuple[int, int] | None:
    """MSB and LSB of a 14-bit control; None for the number of a single CC."""
    return divmod(number - _PAIR, 128) if number >= _PAIR else None


def banked_program(msb: int, lsb: int, program: int) -> int:
    """The number of a program (1..128) in a bank."""
    return _BANKS + (msb * 128 + lsb) * 128 + program - 1


def _numbers(kind: Kind, number: int) -> str:
    """The numbers of a control as a mapping writes them, "" for none."""
    match kind:
        case "bend" | "pressure" | "keys":
            return ""
        case "finger":
            return f"{number // 3 + 1} {FINGER_AXES[number % 3]}"
        case "cc" if number >= _PAIR:
            return "/".join(map(str, divmod(number - _PAIR, 128)))
        case "nrpn" | "rpn":
            return "/".join(map(str, divmod(number, 128)))
        case "program" if number >= _BANKS:
            bank, program = divmod(number - _BANKS, 128)
            return f"{bank // 128}/{bank % 128}/{program + 1}"
        case "program" if number == 0:
            return ""
        case "poly" if number == ANY_KEY:
            return ""
    return str(number)


def spelled(kind: Kind, number: int) -> str:
    """Write a control as in a mapping: `cc 12/44`."""
    return f"{kind} {_numbers(kind, number)}".rstrip()


def control_label(kind: Kind, number: int) -> str:
    """Write a control as on the screen: `CC16`, `CC12/44`, `NRPN1/2`, `note36`, `bend`, `program`."""
    name = kind.upper() if kind in ("cc", "nrpn", "rpn") else kind
    return f"{name}{' ' if kind == 'finger' else ''}{_numbers(kind, number)}"


def is_pressed(kind: Kind, number: int) -> bool:
    """Return whether a control can be pressed like a button."""
    return kind not in ("bend", "pressure", "poly", "finger") and (kind, number) != ("program", 0)


def clicks(encoding: Encoding, value: int, size: int = 128) -> int:
    """Return how many steps an encoder has turned, positive to the right.

    value, size : the value sent, and how many values there are: 128, or 16384 for 14 bits

    The notations (Behringer BCR2000, Faderfox and Arturia manuals), each as one step right, one step left:
    twos 1, 127; sign 1, 65; offset 65, 63; offset16 17, 15; incdec 127, 0.
    """
    half = size // 2
    match encoding:
        case "twos":
            return value if value < half else value - size
        case "sign":
            return value if value < half else half - value
        case "offset":
            return value - half
        case "offset16":
            return value - size // 8
        case "incdec":
            return 1 if value >= half else -1
    return 0
