"""Sources on a real stage: files and followers by song and by command, switched all the time, in a take."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from rig import Instrument, Machine, playing, until

from perform import params, replay
from perform.errors import PerformError
from perform.library.cards import find_model
from perform.library.corpus import read_corpus
from perform.recorder import shelf
from perform.session import load_set
from perform.stage.commands import KeepSong, Record, Save, StopRecording, UseFile, UseMatrix

RATE, SWITCHES = 48000, 200
BLOCK_S = 256 / RATE

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
    """A set whose deck 1 plays a file, and deck 2 what deck 1 hears."""
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
        params.put(instrument.arena.table, "deck/1/freeze", 1)
        until(lambda: np.ptp([latents(instrument, 2) for _ in range(9)], axis=0).max() == 0, 10, "it stands")
        assert np.abs(latents(instrument, 2)).max() > 0.1
        for key, value in (("source", params.SOURCES.index("loop")), ("z/0/scale", -0.5), ("z/1/bias", 1.5)):
            params.put(instrument.arena.table, f"deck/1/{key}", value)
        first = read_corpus(find_model("choir"))[0]  # of a loop that stands still from its beginning
        until(lambda: np.array_equal(latents(instrument, 1, "in"), first), 10, "what its source gives")
        made = first * [-0.5, *[1] * 7] + [0, 1.5, *[0] * 6]
        until(lambda: np.allclose(latents(instrument, 1), made), 10, "beside what sounds")
        with pytest.raises(PerformError, match="no such file"):
            ask(UseFile(1, "nowhere.wav"))
        (tmp_path / "broken.matrix").write_bytes(b"x" * 64)
        ask(UseMatrix(2, str(tmp_path / "broken.matrix")))
        until(lambda: "not a matrix" in instrument.log(), 10, "what is wrong with it")
        ask(UseMatrix(2, ""))
        ask(UseFile(1, ""))
        ask(UseFile(2, str(tmp_path / "hum.flac")))
        ask(KeepSong())
        ask(Save("kept"))
        instrument.end()
    (song,) = load_set("kept").songs
    assert song.files == {"2": str(tmp_path / "hum.flac")}
    assert song.matrices == {}


def test_switching_sources_makes_no_click_and_is_in_the_take(
    runtime: Path, listeners: str, tmp_path: Path
) -> None:
    """Two hundred times, a step between two samples is no larger than each source makes by itself."""
    with playing(runtime, "--device", "null", set_name=listeners) as instrument:
        instrument.wait_live(1, 2)
        arena, table = instrument.arena, instrument.arena.table
        path = Path(instrument.client.ask(Record()).value)

        def switch(source: str) -> None:
            params.put(table, "deck/1/source", params.SOURCES.index(source))

        def listen(begin: int) -> float:
            tape, missed = arena.tape.read(begin, arena.tape.written - begin)
            assert not missed
            return float(np.abs(np.diff(tape, axis=0)).max())

        def played(seconds: float) -> None:
            frames = arena.tape.written + round(seconds * RATE)
            until(lambda: arena.tape.written > frames, 10 + seconds, f"{seconds} s")

        steady = 0.0
        for source in params.SOURCES:
            switch(source)
            played(0.2)
            begin = arena.tape.written
            played(1.0)
            steady = max(steady, listen(begin))
        late = [instrument.meter(f"deck/{d}/late") for d in (1, 2)]
        begin = arena.tape.written
        with Machine(tmp_path, server=False) as machine:
            for n in range(SWITCHES):
                switch(params.SOURCES[n * 5 % len(params.SOURCES)])
                played(0.06)
        steepest = listen(begin)
        missed = sum(instrument.meter(f"deck/{d}/late") for d in (1, 2)) - sum(late)
        instrument.client.ask(StopRecording())
        instrument.end()
    print(f"steepest step {steepest:.4f}, without switches {steady:.4f}; {missed:g} blocks late")
    print(f"the machine was away for {machine.away(BLOCK_S)} blocks")
    assert missed <= 2 * machine.away(BLOCK_S)
    assert steepest <= 2 * steady
    take = shelf.look(path)
    replay.render(take, tmp_path / "again.wav", replay.Wish(), lambda seconds: None)
    took, made = (soundfile.read(file)[0] for file in (path, tmp_path / "again.wav"))
    assert ((took - made) ** 2).mean() < 1e-9 * (took**2).mean()
