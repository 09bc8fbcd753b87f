"""By example: the macros move all latents of a deck smoothly through the sounds that the player chose."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stage_rig import SilentChild

from perform.core import params
from perform.core.arena import Arena
from perform.core.errors import WrongUse
from perform.core.messages.host_messages import StartHost
from perform.core.params import MACROS, SLOTS, Table
from perform.library import sets
from perform.library.sets import Set
from perform.library.song import Example, Song
from perform.stage.command_table import CommandTable
from perform.stage.commands import AddExample, AnyCommand, ClearExamples, no_reply
from perform.stage.editing import Editing
from perform.stage.example_editing import ExampleEditing
from perform.stage.example_map import ExampleMap
from perform.stage.examples import Examples
from perform.stage.host_pool import HostPool
from perform.stage.rack import Rack
from perform.stage.set_parts import SetParts

BIAS = params.slots(1, "bias").start
CORPUS = ([-1.0, -2.0, -1.0], [1.0, 2.0, 1.0])

places = st.lists(
    st.tuples(st.integers(0, 10), st.integers(0, 10), st.integers(0, 10)), min_size=1, max_size=8, unique=True
)


def macros(*values: float) -> Table:
    return np.array([*values, *[0.0] * (MACROS - len(values))])


@settings(max_examples=25, derandomize=True)
@given(places, st.integers(0, 1000))
def test_the_map_passes_through_every_example_and_stays_in_its_range(
    at: list[tuple[int, int, int]], seed: int
) -> None:
    dice = np.random.default_rng(seed)
    centres = np.array([macros(*(n / 10 for n in place)) for place in at])
    latents = dice.uniform(-1.5, 1.5, (len(at), 3))
    low, high = (np.array(end) for end in CORPUS)
    made = ExampleMap(centres, latents)
    for centre, z in zip(centres, latents, strict=True):
        assert made.latents(centre, low, high) == pytest.approx(z, abs=1e-6)
    for somewhere in dice.uniform(0, 1, (8, MACROS)):
        z = made.latents(somewhere, low, high)
        assert (z >= np.minimum(low, latents.min(axis=0)) - 1e-9).all()
        assert (z <= np.maximum(high, latents.max(axis=0)) + 1e-9).all()


def test_the_map_is_smooth_and_a_macro_that_never_differs_counts_nothing() -> None:
    made = ExampleMap(np.array([macros(0.0), macros(0.5), macros(1.0)]), np.array([[-1.0], [1.0], [0.0]]))
    low, high = np.array([-4.0]), np.array([4.0])
    path = np.array([made.latents(macros(m), low, high)[0] for m in np.linspace(0, 1, 1001)])
    assert np.abs(np.diff(path)).max() < 0.012
    assert np.abs(np.diff(path, 2)).max() < 2e-4, "no corner"
    assert path[[0, 500, 1000]] == pytest.approx([-1.0, 1.0, 0.0])
    moved = made.latents(macros(0.3, 0.9), low, high)
    assert moved == made.latents(macros(0.3), low, high)


# ---------------------------------------------------------------- on the table


def song_of(*pairs: tuple[float, list[float]]) -> list[Example]:
    return [Example(1, macros(macro).tolist(), z) for macro, z in pairs]


@pytest.fixture
def table() -> Table:
    return params.defaults()


@pytest.fixture
def examples(table: Table) -> Examples:
    made = Examples(table, lambda deck: CORPUS)
    made.use(song_of((0.0, [0.0, 0.0, 0.0]), (1.0, [1.0, -2.0, 0.5])))
    return made


def test_a_macro_moves_all_latents_and_what_the_hand_adds_stays(table: Table, examples: Examples) -> None:
    table[SLOTS["macro/1"]] = 1.0
    examples.tick(())
    assert table[BIAS : BIAS + 3] == pytest.approx([1.0, -2.0, 0.5])
    assert examples.moved == {BIAS, BIAS + 1, BIAS + 2}
    table[BIAS] += 0.25
    examples.tick(())
    assert not examples.moved
    table[SLOTS["macro/1"]] = 0.0
    examples.tick(())
    assert table[BIAS : BIAS + 3] == pytest.approx([0.25, 0.0, 0.0])


def test_a_clamped_bias_comes_back(table: Table, examples: Examples) -> None:
    table[BIAS + 1] = -3.0
    examples.tick(())
    for macro in (1.0, 0.0):
        table[SLOTS["macro/1"]] = macro
        examples.tick(())
        assert table[BIAS + 1] == (-4.0 if macro else -3.0)


def test_without_a_moving_macro_no_bias_moves(table: Table, examples: Examples) -> None:
    table[BIAS : BIAS + 3] = [0.7, 0.8, 0.9]
    examples.tick(())
    examples.use(song_of((0.2, [1.0, 1.0, 1.0]), (0.9, [0.0, 0.0, 0.0])))
    examples.tick(())
    assert table[BIAS : BIAS + 3] == pytest.approx([0.7, 0.8, 0.9])


def test_a_scene_that_sets_macros_and_biases_is_reached_exactly(table: Table, examples: Examples) -> None:
    """Also where a bias of the scene stands there already, so that it does not glide."""
    wanted = {SLOTS["macro/1"]: 1.0, BIAS: 0.0, BIAS + 1: 0.3}
    examples.keep(wanted)
    for part in (0.25, 0.5, 1.0):
        table[SLOTS["macro/1"]], table[BIAS + 1] = part, 0.3 * part
        examples.tick([SLOTS["macro/1"], BIAS + 1])
    examples.tick(())
    assert [table[slot] for slot in wanted] == pytest.approx(list(wanted.values()))
    assert table[BIAS + 2] == pytest.approx(0.5), "the scene leaves it to the macro"
    table[SLOTS["macro/1"]] = 0.0
    examples.tick(())
    assert table[BIAS + 1] == pytest.approx(0.3 + 2.0), "afterwards the hand moves everything again"


def test_the_range_of_the_corpus_or_the_full_range(table: Table) -> None:
    """Between and beyond these examples the map would leave the corpus."""
    pairs = ((0.4, [0.0, 0.0, 1.0]), (0.45, [0.0, 0.0, -1.0]), (0.6, [0.0, 0.0, 0.9]))
    reached = []
    for full in (0.0, 1.0):
        examples = Examples(table, lambda deck: CORPUS)
        table[SLOTS["deck/1/examples"]], table[BIAS : BIAS + 3] = full, 0.0
        table[SLOTS["macro/1"]] = 0.4
        examples.use(song_of(*pairs))
        table[BIAS + 2] = 1.0
        examples.tick(())
        seen = []
        for macro in np.linspace(0, 1, 101):
            table[SLOTS["macro/1"]] = macro
            examples.tick(())
            seen.append(table[BIAS + 2])
        reached.append(max(map(abs, seen)))
    assert reached[0] <= 1.0 < reached[1]


# ---------------------------------------------------------------- commands and files


class Edited:
    """A set that plays, without processes, with a deck that has three latents."""

    def __init__(self, arena: Arena) -> None:
        hosts = HostPool(SilentChild, print, StartHost("", "", 48000.0, False))  # type: ignore[arg-type]
        self.parts = SetParts.on(Rack.empty(arena, hosts, print))
        song = Song("one", decks={"1": "bells"})
        self.parts.songs.open(Set("a", songs=[song]), None)
        self.table, self.commands = arena.table, CommandTable()
        ExampleEditing(self.parts.rack, Editing(self.parts)).register(self.commands)

    def ask(self, command: AnyCommand) -> None:
        self.commands.run(command, no_reply)

    def put(self, macro: float, z: float) -> None:
        self.table[SLOTS["macro/1"]] = macro
        self.parts.songs.examples.tick(())
        self.table[BIAS] = z
        self.parts.songs.examples.tick(())


@pytest.fixture
def edited(arena: Arena, tiny_models: Path) -> Edited:
    return Edited(arena)


def test_two_examples_are_enough_and_undo_and_clear_leave_the_sound(edited: Edited) -> None:
    songs, history = edited.parts.songs, edited.parts.history
    edited.put(0.0, 0.5)
    edited.ask(AddExample(1))
    edited.put(1.0, -1.0)
    edited.ask(AddExample(1))
    assert [(e.macros[0], e.latents[0]) for e in songs.list.song.examples] == [(0.0, 0.5), (1.0, -1.0)]
    assert edited.table[BIAS] == -1.0
    edited.table[SLOTS["macro/1"]] = 0.0
    songs.examples.tick(())
    assert edited.table[BIAS] == pytest.approx(0.5)
    edited.put(0.0, 0.75)
    edited.ask(AddExample(1))
    assert [e.latents[0] for e in songs.list.song.examples] == [-1.0, 0.75], "the same place: it is replaced"
    edited.ask(ClearExamples(1))
    assert (songs.list.song.examples, edited.table[BIAS]) == ([], 0.75)
    assert history.undo() == "examples of deck 1 cleared"
    edited.table[SLOTS["macro/1"]] = 1.0
    songs.examples.tick(())
    assert edited.table[BIAS] == pytest.approx(-1.0)
    for command, says in (
        (AddExample(5), "deck 5 has no model"),
        (ClearExamples(5), "deck 5 has no examples"),
    ):
        with pytest.raises(WrongUse, match=says):
            edited.ask(command)


def test_examples_are_saved_and_wrong_ones_are_named(tmp_path: Path) -> None:
    made = Set("a", songs=[Song("b", examples=song_of((0.0, [0.5, -1.0]), (0.25, [1.5, 0.0])))])
    sets.save_set(made, tmp_path / "a.toml")
    assert sets.read_set(tmp_path / "a.toml") == made
    good = "[[songs.examples]]\ndeck = 1\nmacros = [0, 0, 0, 0, 0, 0, 0, 0]\nlatents = [1.0]\n"
    for bad, says in (
        (good, "example 2: deck 1 has one at these macros already"),
        (good.replace("deck = 1", "deck = 9"), "example 2: there is no deck 9"),
        (good.replace("[0, 0,", "[0, 2,"), "example 2: its macros are not a position"),
        (good.replace("[0, 0,", "[0,"), "example 2: its macros are not a position"),
        (good.replace("[1.0]", "[9.0]"), "example 2: no latent can be 9.0"),
        (good.replace("[1.0]", "[]"), "example 2 has 0 latents"),
        (
            good.replace("[0,", "[1,").replace("[1.0]", "[1.0, 2.0]"),
            "example 2: .* examples of 1 latents",
        ),
    ):
        path = tmp_path / "b.toml"
        path.write_text(f'name = "b"\n[[songs]]\nname = "c"\n{good}{bad}')
        with pytest.raises(WrongUse, match=says):
            sets.read_set(path)
