"""File and deck sources on a real stage: by song, by command, in a take, and after a crash."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
from rig import Instrument, playing, until

from perform.core import params
from perform.core.arena_layout import LIVE, lanes_of
from perform.core.errors import PerformError
from perform.engine.compiled_model import CompiledModel
from perform.engine.file_latents import FileLatents
from perform.library.corpus_latents import read_corpus
from perform.library.model_library import find_model
from perform.library.sets import load_set
from perform.offline import replay
from perform.recorder import take_index
from perform.stage.commands import Go, KeepSong, Save, StartRecording, StopRecording, Undo, UseFile, UseMatrix

RATE = 48000

SET = """
name = "listeners"
[[songs]]
name = "one"
decks = {{ 1 = "choir", 2 = "bells" }}
files = {{ 1 = "{file}", 2 = "gone.wav" }}
[songs.values]
"deck/1/source" = "file"
"deck/2/source" = "deck"
"deck/2/from" = "1"
"""


@pytest.fixture
def listeners(tmp_path: Path) -> str:
    """A set whose deck 1 plays a file; deck 2 follows deck 1."""
    dice, at = np.random.default_rng(0), np.arange(3 * 44100) / 44100
    sound = 0.2 * np.sin(2 * np.pi * 330 * at) * (0.5 + 0.5 * np.sin(5 * at)) + 0.01 * dice.normal(
        size=len(at)
    )
    soundfile.write(tmp_path / "hum.flac", np.stack([sound, sound], 1), 44100)
    path = tmp_path / "listeners.toml"
    path.write_text(SET.format(file=tmp_path / "hum.flac"))
    return str(path)


def latents(instrument: Instrument, deck: int, kind: str = "z") -> np.ndarray:
    return np.array([instrument.meter(f"deck/{deck}/{kind}/{i}") for i in range(8)])


def test_files_and_followers_by_song_and_by_command(runtime: Path, listeners: str, tmp_path: Path) -> None:
    with playing(runtime, "--device", "null", set_name=listeners) as instrument:
        instrument.wait_live(1, 2)
        ask = instrument.client.ask
        status = instrument.client.status()
        assert [Path(deck.file).name for deck in status.decks[:2]] == ["hum.flac", ""]
        assert "deck 2: no file: gone.wav: no such file" in instrument.log()
        seen = set()
        until(
            lambda: seen.add(tuple(latents(instrument, 1))) or len(seen) > 50, 20, "the file's latents move"
        )
        params.set_value(instrument.arena.table, "deck/1/freeze", 1)
        until(
            lambda: np.ptp([latents(instrument, 2) for _ in range(9)], axis=0).max() == 0,
            10,
            "the latents stand still",
        )
        assert np.abs(latents(instrument, 2)).max() > 0.1
        for key, value in (("source", params.SOURCES.index("loop")), ("z/0/scale", -0.5), ("z/1/bias", 1.5)):
            params.set_value(instrument.arena.table, f"deck/1/{key}", value)
        first = read_corpus(find_model("choir"))[0]  # a frozen loop gives its first frame
        until(lambda: np.array_equal(latents(instrument, 1, "in"), first), 10, "the latents of the source")
        made = first * [-0.5, *[1] * 7] + [0, 1.5, *[0] * 6]
        until(lambda: np.allclose(latents(instrument, 1), made), 10, "the decoded latents")
        with pytest.raises(PerformError, match="no such file"):
            ask(UseFile(1, "nowhere.wav"))
        (tmp_path / "broken.matrix").write_bytes(b"x" * 64)
        ask(UseMatrix(2, str(tmp_path / "broken.matrix")))
        until(lambda: "not a matrix" in instrument.log(), 10, "the refusal")
        ask(UseMatrix(2, ""))
        ask(UseFile(1, ""))
        ask(UseFile(2, str(tmp_path / "hum.flac")))
        ask(KeepSong())
        ask(Save("kept"))
        instrument.end()
    (song,) = load_set("kept").songs
    assert song.files == {"2": str(tmp_path / "hum.flac")}
    assert song.matrices == {}


TWO = """
name = "two"
[[songs]]
name = "walks"
decks.1 = "bells"
values = {{ "deck/1/source" = "walk" }}
[[songs]]
name = "files"
switch = "cut"
decks = {{ 1 = "bells", 2 = "choir" }}
files = {{ 1 = "{first}", 2 = "{second}", 3 = "gone.wav" }}
values = {{ "deck/1/source" = "file", "deck/2/source" = "file", "deck/2/file/start" = 0.5 }}
"""


def plays(instrument: Instrument) -> None:
    until(lambda: instrument.meter("deck/1/state") == LIVE, 30, "deck 1 plays")


def test_the_next_songs_files_are_encoded_when_it_begins(
    runtime: Path, tiny_models: Path, tmp_path: Path
) -> None:
    """They sound from their first frames, on a deck that keeps its model and on one that changes it."""
    files = [tmp_path / "first.wav", tmp_path / "second.wav"]
    for seed, file in enumerate(files):
        soundfile.write(file, 0.1 * np.random.default_rng(seed).normal(size=RATE), RATE)
    path = tmp_path / "two.toml"
    path.write_text(TWO.format(first=files[0], second=files[1]))
    with playing(runtime, "--device", "null", set_name=str(path)) as instrument:
        plays(instrument)
        ask, songs = instrument.client.ask, lambda: instrument.client.status().songs
        until(lambda: songs().ready == songs().wanted == 2, 20, "song two, with its files")
        assert "gone.wav" in songs().lines[1].missing[0]
        take = Path(ask(StartRecording()).value)
        ask(Go())
        until(lambda: songs().now == 2, 5, "song two")
        frames = instrument.arena.history.written + RATE // 2
        until(lambda: instrument.arena.history.written > frames, 10, "half a second")
        ask(StopRecording())
        instrument.end()
    logged = replay.load(take_index.read(take)).lanes
    z = []
    for deck in (1, 2):
        (run,) = (logged[lane][-1] for lane in lanes_of(deck) if lane in logged)
        z.append(np.stack([run.frame_at(age).z for age in run.ages]))
    wanted = []
    for model, file in zip(("bells", "choir"), files, strict=True):
        recording = FileLatents(file)
        recording.read(CompiledModel(tiny_models / f"{model}.safetensors").encoder)
        wanted.append(np.stack([recording.at(i) for i in range(recording.length)]))
    begin = len(wanted[1]) // 2
    assert z[1][:100] == pytest.approx(wanted[1][begin : begin + 100], abs=1e-5)
    (at,) = np.flatnonzero(np.abs(z[0] - wanted[0][10]).max(axis=1) < 1e-5)
    assert z[0][at : at + 50] == pytest.approx(wanted[0][10:60], abs=1e-5)
    assert np.abs(z[0][at - 5] - wanted[0][5]).max() < 0.5 * np.abs(z[0][at - 11] - wanted[0][5]).max()


def test_a_chosen_file_can_be_undone_saved_and_resumed(
    runtime: Path, tiny_models: Path, tmp_path: Path
) -> None:
    sound = np.zeros(RATE)
    names = [tmp_path / f"{name}.wav" for name in ("song", "hand", "lost")]
    for name in names:
        soundfile.write(name, sound, RATE)
    path = tmp_path / "two.toml"
    path.write_text(TWO.format(first=names[0], second=names[0]))
    instrument = Instrument(runtime, "--device", "null", set_name=str(path))
    plays(instrument)
    ask = instrument.client.ask

    def files(of: Instrument) -> list[str]:
        return [Path(deck.file).name for deck in of.client.status().decks[:3]]

    ask(UseFile(1, str(names[1])))
    ask(UseFile(3, str(names[2])))
    assert files(instrument) == ["hand.wav", "", "lost.wav"]
    assert ask(Undo()).value == "deck 3: file lost.wav"
    assert ask(Undo()).value == "deck 1: file hand.wav"
    assert files(instrument) == ["", "", ""]
    ask(Undo(redo=True))
    ask(Undo(redo=True))
    ask(Go())
    until(lambda: instrument.client.status().songs.now == 2, 20, "song two")
    assert files(instrument) == ["song.wav", "song.wav", ""]
    assert ask(Undo()).value == "song files"
    until(lambda: instrument.client.status().songs.now == 1, 20, "song one, as the player left it")
    assert files(instrument) == ["hand.wav", "", "lost.wav"]
    saved = Path(os.environ["PERFORM_HOME"]) / "state" / "autosave.json"
    until(lambda: '"now":0' in saved.read_text() and "hand.wav" in saved.read_text(), 10, "an autosave")
    instrument.kill()
    names[2].unlink()
    with playing(runtime, "--device", "null", set_name=str(path)) as again:
        plays(again)
        assert files(again) == ["hand.wav", "", ""]
        assert "lost.wav: no such file; give its path, or put it into" in again.log()
        again.client.ask(KeepSong())
        again.client.ask(Save())
        again.end()
    assert load_set(str(path)).songs[0].files == {"1": str(names[1]), "3": str(names[2])}
