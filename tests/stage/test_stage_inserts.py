"""Inserts on a real stage: loaded, replaced, removed while it plays; they crash and hang; songs, takes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
from module_files import add_to_library
from modules import Faulty, Swap
from rig import Instrument, playing, until

from perform.core import params
from perform.core.params import SLOTS
from perform.library import sets
from perform.offline import replay
from perform.recorder import take_index
from perform.recorder.take_names import track_path
from perform.stage.commands import Go, LoadInsert, Save, StopRecording, Undo, UnloadInsert
from perform.stage.status import InsertStatus

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

SET = """
name = "inserted"
[[songs]]
name = "one"
decks.1 = "bells"
inserts.1 = "swap"
[songs.values]
"deck/1/source" = "walk"
"deck/1/insert/wet" = 0.5
"deck/1/insert/attribute/1" = 2.0

[[songs]]
name = "two"
switch = "cut"
decks.1 = "bells"
inserts.master = "swap"
"""

BROKEN = """
name = "broken"
[[songs]]
name = "one"
decks.1 = "bells"
inserts = { 1 = "faulty", master = "stuck" }
values = { "deck/1/source" = "walk" }
"""


@pytest.fixture
def inserted(tmp_path: Path, tiny_models: Path) -> Path:
    for name, module, delay in (("swap", Swap(), Swap.LATE), ("faulty", Faulty(), 0), ("stuck", Faulty(), 0)):
        add_to_library(tiny_models, name, module, delay)
    path = tmp_path / "inserted.toml"
    path.write_text(SET)
    return path


def insert_of(instrument: Instrument, number: int) -> InsertStatus | None:
    return instrument.client.status().inserts[number]


def plays(instrument: Instrument, number: int, model: str) -> None:
    def there() -> bool:
        insert = insert_of(instrument, number)
        return insert is not None and insert.plays and insert.model == model

    until(there, 180, f"{model} plays as insert {number}")


def levels(path: Path) -> np.ndarray:
    """The level of each 20 ms of a file, both sides."""
    sound = soundfile.read(path)[0]
    return np.sqrt((sound[: len(sound) // 960 * 960].reshape(-1, 960, 2) ** 2).mean((1, 2)))


def test_inserts_come_and_go_and_the_take_replays(inserted: Path, runtime: Path, tmp_path: Path) -> None:
    with playing(runtime, "--device", "null", "--record", "--stems", set_name=str(inserted)) as instrument:
        client, table = instrument.client, instrument.arena.table
        instrument.wait_live(1)
        plays(instrument, 1, "swap")
        insert = insert_of(instrument, 1)
        assert insert and [one.name for one in insert.attributes] == ["drive"]
        assert 0.01 < insert.delay < 0.1
        params.set_value(table, "deck/1/insert/attribute/1", 9.0)  # the module refuses it
        until(lambda: table[SLOTS["deck/1/insert/attribute/1"]] == 2.0, 10, "the table has the old value")
        client.ask(LoadInsert(1, "faulty"))
        plays(instrument, 1, "faulty")
        client.ask(LoadInsert(1, "bells"))
        until(lambda: "takes no sound" in "\n".join(client.status().log), 180, "a RAVE is no effect")
        plays(instrument, 1, "faulty")
        client.ask(Undo())
        client.ask(Undo())
        plays(instrument, 1, "swap")
        until(lambda: table[SLOTS["deck/1/insert/attribute/1"]] == 2.0, 10, "with its values")
        client.ask(LoadInsert(0, "faulty"))
        plays(instrument, 0, "faulty")
        saved = sets.read_set(Path(client.ask(Save()).value)).songs[0]
        assert {place: one.name for place, one in saved.modules.items()} == {0: "faulty", 1: "swap"}
        assert saved.values["deck/1/insert/attribute/1"] == 2.0
        client.ask(UnloadInsert(0))
        until(lambda: insert_of(instrument, 0) is None, 10, "it is removed")
        client.ask(Go())
        plays(instrument, 0, "swap")
        assert insert_of(instrument, 1) is None
        assert table[SLOTS["deck/1/insert/wet"]] == 1.0
        take = Path(client.ask(StopRecording()).value)
        instrument.end()
    stem = levels(track_path(take, "deck1"))
    first = int(np.argmax(stem > 1e-3))
    assert stem[first + 5 : -5].min() > 0.05 * np.median(stem), "no gap"
    options = replay.ReplayOptions(stems=True)
    replay.render(take_index.read(take), tmp_path / "again.wav", options, lambda seconds: None)
    for name in ("master", "deck1"):
        took, made = (soundfile.read(track_path(path, name))[0] for path in (take, tmp_path / "again.wav"))
        assert 10 * np.log10(((took - made) ** 2).mean() / (took**2).mean() + 1e-30) < -90, name


def test_a_module_that_crashes_or_hangs_leaves_the_plain_sound(inserted: Path, runtime: Path) -> None:
    inserted.write_text(BROKEN)
    with playing(runtime, "--device", "null", "--record", "--stems", set_name=str(inserted)) as instrument:
        client, table = instrument.client, instrument.arena.table
        instrument.wait_live(1)
        for number, model, head, fault, says in (
            (1, "faulty", "deck/1/insert", 1, "insert of deck 1: the model's method 'forward' failed"),
            (0, "stuck", "master/insert", 2, "insert of the master: its host hung"),
        ):
            plays(instrument, number, model)
            params.set_value(table, f"{head}/attribute/1", fault)
            until(lambda says=says: says in "\n".join(client.status().log), 60, says)
            params.set_value(table, f"{head}/attribute/1", 0)
            plays(instrument, number, model)
        assert "loading it again; the sound goes on without it" in "\n".join(client.status().log)
        take = Path(client.ask(StopRecording()).value)
        client.ask(UnloadInsert(1))
        client.ask(LoadInsert(2, "swap"))
        plays(instrument, 2, "swap")
        saved = Path(os.environ["PERFORM_HOME"]) / "state" / "autosave.json"
        until(lambda: set(json.loads(saved.read_text())["inserts"]) == {"master", "2"}, 10, "an autosave")
        instrument.kill()
    with playing(runtime, "--device", "null", set_name=str(inserted)) as again:
        plays(again, 2, "swap")
        plays(again, 0, "stuck")
        assert insert_of(again, 1) is None, "it was removed before the crash of the stage"
        again.end()
    for path in (take, track_path(take, "deck1")):
        level = levels(path)
        first = int(np.argmax(level > 1e-3))
        assert level[first + 5 : -5].min() > 0.05 * np.median(level), "never silent"
