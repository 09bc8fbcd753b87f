"""Commands that add and clear examples of the song that plays. The player can undo each."""

from __future__ import annotations

import msgspec

from perform.core import params
from perform.core.errors import WrongUse
from perform.core.params import MACROS, SLOTS
from perform.library.song import Example, Song
from perform.library.song_examples import check_examples, same_place
from perform.stage.command_table import CommandTable
from perform.stage.commands import AddExample, Answer, ClearExamples
from perform.stage.editing import Editing
from perform.stage.rack import Rack


class ExampleEditing:
    """Adds the present sound of a deck to its examples, and clears them."""

    def __init__(self, rack: Rack, editing: Editing) -> None:
        self._rack, self._editing = rack, editing

    def register(self, table: CommandTable) -> None:
        """Register the commands."""
        table.on(AddExample, self._add)
        table.on(ClearExamples, self._clear)

    def _add(self, command: AddExample) -> Answer:
        """One more example; it replaces one at the same macros, and those of a model with other latents."""
        example = self._present(command.deck)

        def change(song: Song) -> Song:
            kept = [
                e
                for e in song.examples
                if e.deck != example.deck
                or (len(e.latents) == len(example.latents) and not same_place(e, example))
            ]
            examples = [*kept, example]
            check_examples(examples)
            return msgspec.structs.replace(song, examples=examples)

        return self._editing.edit_song(change, f"example added to deck {example.deck}")

    def _present(self, number: int) -> Example:
        latents = min(self._rack.deck(number).status().latents, params.LATENTS)
        if not latents:
            raise WrongUse(f"deck {number} has no model", hint="load one, then add examples of its sound")
        table, macro = self._rack.table, SLOTS["macro/1"]
        biases = table[params.slots(number, "bias")][:latents]
        macros = table[macro : macro + MACROS]
        return Example(number, *([round(float(x), 6) for x in part] for part in (macros, biases)))

    def _clear(self, command: ClearExamples) -> Answer:
        deck = command.deck
        self._rack.deck(deck)

        def change(song: Song) -> Song:
            kept = [e for e in song.examples if e.deck != deck]
            if len(kept) == len(song.examples):
                raise WrongUse(f"deck {deck} has no examples", hint="move the macros, make a sound, add it")
            return msgspec.structs.replace(song, examples=kept)

        return self._editing.edit_song(change, f"examples of deck {deck} cleared")


def example_status(song: Song) -> dict[int, tuple[tuple[float, ...], ...]]:
    """The examples' part of a `Status`."""
    decks = {example.deck for example in song.examples}
    return {deck: tuple(tuple(e.macros) for e in song.examples if e.deck == deck) for deck in sorted(decks)}
