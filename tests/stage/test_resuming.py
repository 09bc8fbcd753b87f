"""A stage that was killed: the next one resumes its song."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from rig import Instrument, playing, until
from stage_rig import go, song, states, value

from perform.core import params
from perform.core.arena_layout import EMPTY
from perform.core.errors import PerformError
from perform.library import sets
from perform.stage import commands


def test_after_a_crash_the_same_song_is_resumed(runtime: Path, tour: str) -> None:
    instrument = Instrument(runtime, "--device", "null", set_name=tour)
    instrument.wait_live(1, 2)
    go(instrument, 2)
    params.set_value(instrument.arena.table, "deck/1/z/2/bias", 0.75)
    instrument.client.ask(commands.RenameSong(1, "uno"))
    for _ in range(2):
        instrument.client.ask(commands.ToggleLoop("deck/3/pan"))
    saved = Path(os.environ["PERFORM_HOME"]) / "state" / "autosave.json"
    last = ("0.75", "uno", '"loops":[{"address":"deck/3/pan"')
    until(lambda: all(words in saved.read_text() for words in last), 10, "an autosave")
    instrument.kill()
    Path(tour).rename(f"{tour}.away")  # not even the file is needed
    with playing(runtime, "--device", "null", set_name=tour) as again:
        again.wait_live(1, 3)
        assert song(again).now == 2
        assert song(again).changed
        assert value(again, "deck/1/z/2/bias") == 0.75
        assert [loop.address for loop in again.client.status().loops] == ["deck/3/pan"]
        assert "resumed" in again.log()
        again.end()
        assert "unsaved" in again.log()
    Path(f"{tour}.away").rename(tour)
    with playing(runtime, "--device", "null", set_name=tour) as fresh:
        fresh.wait_live(1, 2)
        assert song(fresh).now == 1
        assert song(fresh).lines[0].name == "one"
        fresh.end()


def test_after_a_crash_a_song_of_another_set_is_resumed(
    runtime: Path, tour: str, tmp_path: Path, tiny_models: Path
) -> None:
    """The next set was opened in the middle of a song: that song goes on, and the new set stays as it is."""
    other = tmp_path / "other.toml"
    other.write_text('name = "other"\n[[songs]]\nname = "first"\ndecks.5 = "choir"\n')
    instrument = Instrument(runtime, "--device", "null", set_name=tour)
    instrument.wait_live(1, 2)
    params.set_value(instrument.arena.table, "deck/1/z/2/bias", 0.75)
    instrument.client.ask(commands.Open(str(other)))
    for _ in range(2):
        instrument.client.ask(commands.ToggleLoop("deck/3/pan"))
    saved = Path(os.environ["PERFORM_HOME"]) / "state" / "autosave.json"
    last = ("0.75", '"now":-1', '"loops":[{"address":"deck/3/pan"')
    until(lambda: all(text in saved.read_text() for text in last), 10, "an autosave")
    instrument.kill()
    with playing(runtime, "--device", "null", set_name=str(other)) as again:
        again.wait_live(1, 2)
        assert (song(again).now, song(again).next) == (0, 1)
        assert [line.name for line in song(again).lines] == ["first"]
        assert value(again, "deck/1/z/2/bias") == 0.75
        assert again.client.status().decks[1].model == "choir"
        assert [loop.address for loop in again.client.status().loops] == ["deck/3/pan"]
        assert "resumed after a crash: one" in again.log()
        with pytest.raises(PerformError, match="another set"):
            again.client.ask(commands.KeepSong())
        go(again, 1)
        until(lambda: states(again)[:2] == [EMPTY, EMPTY], 5, "the song of the other set faded")
        again.wait_live(5)
        again.end()
    assert sets.read_set(other).songs[0].models.keys() == {5}
