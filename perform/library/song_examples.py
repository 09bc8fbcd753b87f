"""Checks of a song's examples."""

from __future__ import annotations

import math
from collections.abc import Sequence

from perform.core.errors import WrongUse
from perform.core.params import DECKS, LATENTS, MACROS, SPECS
from perform.library.song import Example

MOST = 16  #: examples of a deck
APART = 0.005  #: two examples of a deck differ by more than this in some macro

_BIAS = SPECS["deck/1/z/0/bias"]


def check_examples(examples: Sequence[Example]) -> None:
    """Raise WrongUse if examples are impossible or too many; it names the example."""
    for number, example in enumerate(examples, 1):
        _check(example, f"example {number}")
        earlier = [e for e in examples[: number - 1] if e.deck == example.deck]
        if len(earlier) == MOST:
            raise WrongUse(f"deck {example.deck} has more than {MOST} examples", hint="remove some of them")
        if any(same_place(example, e) for e in earlier):
            what = f"example {number}: deck {example.deck} has one at these macros already"
            raise WrongUse(what, hint="remove one of the two")
        if earlier and len(earlier[0].latents) != len(example.latents):
            what = f"example {number}: deck {example.deck} has examples of {len(earlier[0].latents)} latents"
            raise WrongUse(what, hint="all examples of a deck have the latents of one model")


def same_place(one: Example, other: Example) -> bool:
    """Return whether the macros of two examples are as good as equal."""
    return all(abs(a - b) <= APART for a, b in zip(one.macros, other.macros, strict=True))


def _check(example: Example, name: str) -> None:
    if not 1 <= example.deck <= DECKS:
        raise WrongUse(f"{name}: there is no deck {example.deck}", hint=f"decks are 1 to {DECKS}")
    if len(example.macros) != MACROS or not all(0.0 <= m <= 1.0 for m in example.macros):
        raise WrongUse(f"{name}: its macros are not a position", hint=f"write {MACROS} numbers from 0 to 1")
    if not 1 <= len(example.latents) <= LATENTS:
        raise WrongUse(f"{name} has {len(example.latents)} latents", hint=f"a deck has 1 to {LATENTS}")
    for z in example.latents:
        if not (math.isfinite(z) and _BIAS.low <= z <= _BIAS.high):
            raise WrongUse(f"{name}: no latent can be {z}", hint=f"write {_BIAS.low:g}..{_BIAS.high:g} σ")
