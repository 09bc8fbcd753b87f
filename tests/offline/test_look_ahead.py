"""Decks rendered ahead, many frames per call, and long blocks give the file of frame by frame."""

from __future__ import annotations

from pathlib import Path

import pytest
from song_texts import loop, row
from tiny import tiny_model

from perform.core.arena import Arena
from perform.library import sets
from perform.offline import render as rendering
from perform.offline import replay
from perform.offline.look_ahead import decks_ahead
from perform.offline.outputs import TakeOutput
from perform.recorder import take_index
from perform.stage.modulation_writer import ModulationWriter
from perform.stage.song_values import opening_values

SONG = """
name = "a"
[[songs]]
name = "b"
decks = { 1 = "bells", 2 = "slow" }
values."deck/1/source" = "walk"
values."deck/2/source" = "loop"
values."deck/2/speed" = 0.7
"""
KINDS = {
    "plain": "",
    "limited": 'values."master/gain" = 6\nvalues."deck/1/gain" = 6\n',
    "tuned": 'values."deck/1/tune" = 3\nvalues."deck/2/tune" = -5\n',
    "tuned and swelling": 'values."deck/1/tune" = 3\n' + row("lfo 1", "deck/1/z/0/bias", -0.5, 0.5),
    "hand": 'values."deck/1/source" = "hand"\nvalues."deck/1/home" = 1\n',
    "swell": row("lfo 1", "deck/1/z/0/bias", -0.5, 0.5),
    "fader": row("lfo 1", "deck/2/gain", -0.5, 0.5) + row("lfo 2", "master/gain", -0.5, 0.5),
    "vibrato": row("lfo 1", "deck/1/tune", -0.5, 0.5),
    "follower": row("follow deck/2", "deck/1/z/0/bias", -0.5, 0.5),
    "loop": loop("deck/1/gain", 0.5, [[0.0, 0.0], [0.5, -6.0]]),
}


@pytest.fixture
def models(shared_cache: None, tiny_models: Path) -> None:
    tiny_model(tiny_models / "slow.safetensors", sample_rate=44100, seed=3)


def written(folder: Path, more: str) -> Path:
    song = SONG
    for line in more.splitlines():  # a value that is set twice would be an error
        if line.startswith("values."):
            song = (
                "\n".join(old for old in song.splitlines() if old.split("=")[0] != line.split("=")[0]) + "\n"
            )
    (folder / "a.toml").write_text(song + more)
    return folder / "a.toml"


def rendered(path: Path, out: Path | TakeOutput, seconds: float = 0.6) -> Path:
    return rendering.render(str(path), out, seconds, seed=1, rate=48000, on_progress=lambda done: None)


def check_ahead(path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float = 0.6) -> None:
    """A set rendered ahead is the one rendered frame by frame."""
    fast = rendered(path, path.with_name("fast.wav"), seconds).read_bytes()
    monkeypatch.setattr(rendering, "decks_ahead", lambda song, arena: set())
    assert rendered(path, path.with_name("slow.wav"), seconds).read_bytes() == fast


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize("kind", KINDS)
def test_a_set_renders_as_frame_by_frame(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_ahead(written(tmp_path, KINDS[kind]), monkeypatch)


@pytest.mark.usefixtures("models")
def test_long_frames_fit_into_the_ring_buffer(
    tiny_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixteen frames of a model at a low rate, tuned down by two octaves, would not."""
    tiny_model(tiny_models / "low.safetensors", sample_rate=11025)
    path = written(tmp_path, 'values."deck/2/tune" = -24\n')
    path.write_text(path.read_text().replace('"slow"', '"low"'))
    check_ahead(path, monkeypatch, seconds=0.9)


@pytest.mark.usefixtures("models")
def test_a_take_of_it_renders_again(tmp_path: Path) -> None:
    path = rendered(written(tmp_path, KINDS["swell"]), TakeOutput(tmp_path, ("master",), "pcm24"))
    replay.render(take_index.read(path), tmp_path / "x.wav", replay.ReplayOptions(), lambda seconds: None)
    assert (tmp_path / "x.wav").read_bytes() == path.read_bytes()


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        (KINDS["plain"], {1, 2}),
        (KINDS["swell"], {1, 2}),
        (KINDS["fader"], {1, 2}),
        (KINDS["vibrato"], {2}),
        (KINDS["follower"], {2}),
        (KINDS["loop"], set()),
        ('values."deck/1/source" = "input"\n', {2}),
        ('values."deck/1/source" = "prior"\n', {2}),
        ('values."deck/1/source" = "deck"\n', set()),
    ],
)
def test_decks_whose_frames_depend_on_the_mix_are_not_rendered_ahead(
    more: str, wanted: set[int], tmp_path: Path, arena: Arena
) -> None:
    opened = sets.load_set(str(written(tmp_path, more)))
    song = opened.songs[0]
    arena.table[:] = opening_values(song, arena.table, opened.tempo)
    ModulationWriter(arena).write(song.modulation)
    assert decks_ahead(song, arena) == wanted
