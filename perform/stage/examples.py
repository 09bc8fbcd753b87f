"""Examples of the song that plays: the macros move a deck's latents through sounds that the player likes.

The stage writes the biases when a macro moves. What the player adds to them by hand stays on top.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt

from perform.core import params
from perform.core.params import MACROS, SLOTS, SPECS, Table
from perform.library.song import Example
from perform.stage.example_map import ExampleMap

LatentRange = tuple[Sequence[float], Sequence[float]]  #: 5th and 95th percentile of each latent in the corpus

_BIAS = SPECS["deck/1/z/0/bias"]
_MACROS = slice(SLOTS["macro/1"], SLOTS["macro/1"] + MACROS)


class _DeckExamples:
    """The examples of one deck, and what they have written into its biases."""

    def __init__(self, deck: int, examples: Sequence[Example]) -> None:
        macros, latents = (np.array([getattr(e, key) for e in examples]) for key in ("macros", "latents"))
        self._map = ExampleMap(macros, latents)
        first = params.slots(deck, "bias").start
        self.slots = np.arange(first, first + latents.shape[1])
        self._reach = SLOTS[f"deck/{deck}/examples"]
        self._mapped, self._offset = np.zeros(len(self.slots)), np.zeros(len(self.slots))
        self._written = np.full(len(self.slots), np.nan)
        self._place = b"", False, 0  # macros, range and corpus for which `_mapped` holds

    def move(self, table: Table, corpus: LatentRange, kept: npt.NDArray[np.bool_]) -> bool:
        """Write the biases at the present macros; slots of `kept`, or moved by something else, stay.

        Returns whether it wrote.
        """
        biases = table[self.slots]
        place = table[_MACROS].tobytes(), bool(table[self._reach]), len(corpus[0])
        moved = (biases != self._written) | kept[self.slots]
        goes = place != self._place
        if goes:
            self._place = place
            self._mapped = self._map.latents(table[_MACROS], *self._range(table, corpus))
        self._offset = np.where(moved, np.round(biases - self._mapped, 9), self._offset)
        if goes:
            biases = np.where(moved, biases, np.clip(self._mapped + self._offset, _BIAS.low, _BIAS.high))
            table[self.slots] = biases
        self._written = biases
        return goes

    def _range(self, table: Table, corpus: LatentRange) -> tuple[Table, Table]:
        """Range of the corpus, or of a bias: as the deck's parameter says, and where no corpus is known."""
        count = len(self.slots)
        known = not table[self._reach] and min(map(len, corpus)) >= count
        low, high = corpus if known else ([_BIAS.low] * count, [_BIAS.high] * count)
        return np.array(low[:count]), np.array(high[:count])


class Examples:
    """[main] The examples of all decks.

    corpus : (deck) -> range of its model's corpus, empty if it is not known
    moved  : slots that the last tick may have written
    """

    def __init__(self, table: Table, corpus: Callable[[int], LatentRange]) -> None:
        self._table, self._corpus = table, corpus
        self._decks: dict[int, _DeckExamples] = {}
        self._examples: Sequence[Example] = []
        self._macros = table[_MACROS].copy()
        self._kept: set[int] = set()
        self.moved: set[int] = set()

    def use(self, examples: Sequence[Example]) -> None:
        """Use these examples; the present biases stay until a macro moves."""
        self._examples, self._decks, self._kept = examples, {}, set()
        for deck in sorted({example.deck for example in examples}):
            self._decks[deck] = _DeckExamples(deck, [e for e in examples if e.deck == deck])
        self._macros = self._table[_MACROS].copy()
        self._move(np.ones(len(self._table), dtype=bool))

    def follow(self, examples: Sequence[Example]) -> None:
        """Use the examples of an edited song, if they have changed."""
        if examples != self._examples:
            self.use(examples)

    def keep(self, slots: Iterable[int]) -> None:
        """A scene sets these slots: leave them alone while it moves the macros too."""
        self._kept |= set(slots)

    def tick(self, moving: Iterable[int]) -> None:
        """[main, about every 15 ms] Follow the macros; moving: slots that glides, loops and scenes write."""
        self.moved = set()
        if not self._decks:
            return
        busy = set(moving)
        macros = self._table[_MACROS]
        still = np.array_equal(macros, self._macros) and busy.isdisjoint(range(_MACROS.start, _MACROS.stop))
        self._macros = macros.copy()
        kept = np.zeros(len(self._table), dtype=bool)
        kept[list(busy | self._kept)] = True
        self._move(kept)
        if still:
            self._kept = set()

    def _move(self, kept: npt.NDArray[np.bool_]) -> None:
        for number, deck in self._decks.items():
            if deck.move(self._table, self._corpus(number), kept):
                self.moved |= set(deck.slots.tolist())
