"""Rendering a take from its gesture log: an offline take bit by bit, a live take to -90 dB."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Never

import numpy as np
import pytest
import soundfile
from rig import Instrument, perform, playing, until
from song_texts import example, row
from tiny import tiny_model

from perform.audio.mixer import Mixer
from perform.core import params
from perform.core.arena import Arena
from perform.core.arena_layout import LANES, LIVE, NAMES
from perform.core.errors import PerformError, WrongUse
from perform.core.event_log import RECORD_HEADER
from perform.library.cards import change_card
from perform.library.model_library import find_model
from perform.offline import replay
from perform.offline.input_replay import InputReplay
from perform.offline.logged_take import LoggedTake
from perform.offline.take_replay import TakeReplay
from perform.recorder import gesture_log, take_check, take_index
from perform.recorder.take_names import track_path
from perform.stage.commands import AddMarker, Load, StartRecording, StopRecording, Unload

RATE = 48000
CLOSE_DB = -90.0  #: what is left of a live take when its render is taken away

SET = """
name = "two"
[[songs]]
name = "First light"
decks = { 1 = "bells", 2 = "slow" }
[songs.values]
"deck/1/source" = "walk"
"deck/1/temperature" = 1.5
"deck/2/source" = "loop"
"deck/2/speed" = 0.7
"deck/2/gain" = 6
"master/gain" = 6
"""

#: an LFO on a latent and on a fader, a macro, a finger, and two examples between which macro 2 moves deck 2
MODULATION = (
    row("lfo 1", "deck/1/z/0/bias", -1.0, 1.0)
    + row("lfo 2", "deck/1/gain", -12.0, 0.0)
    + row("macro 1", "deck/1/z/1/bias", 0.0, 1.5)
    + row("finger 1 press", "deck/1/z/2/bias", 0.0, 1.0)
    + example(2, [0.0], [0.3, -1.2])
    + example(2, [0.0, 1.0], [-0.8, 1.0])
)


@pytest.fixture
def two(shared_cache: None, tiny_models: Path, tmp_path: Path) -> Path:
    """A set of two tiny models, one with another sample rate; compiled once for all tests."""
    tiny_model(tiny_models / "slow.safetensors", sample_rate=44100, seed=3)
    path = tmp_path / "two.toml"
    path.write_text(SET)
    return path


def offline(two: Path, folder: Path, *how: str) -> take_index.Take:
    done = perform("render", str(two), "--take", str(folder), "--seconds", "3", *how)
    assert done.returncode == 0, done.stderr
    return take_index.read(Path(done.stdout.strip()))


def again(take: take_index.Take, out: Path, **options: object) -> LoggedTake:
    return replay.render(take, out, replay.ReplayOptions(**options), lambda seconds: None)  # type: ignore[arg-type]


def sound(path: Path) -> np.ndarray:
    return soundfile.read(path, always_2d=True)[0]


def residual_db(took: np.ndarray, made: np.ndarray) -> float:
    assert took.shape == made.shape
    assert took.any()
    return float(10 * np.log10(((took - made) ** 2).mean() / (took**2).mean() + 1e-30))


@pytest.mark.parametrize("how", [(), ("--stems", "--float"), ("--rate", "44100")])
def test_an_offline_take_renders_bit_by_bit(two: Path, tmp_path: Path, how: tuple[str, ...]) -> None:
    take = offline(two, tmp_path / "takes", *how)
    assert take_check.verify(take) == []
    assert take.marks[0].name == "First light"
    assert take.seconds == 3.0
    again(take, tmp_path / "x.wav", stems=True)
    for track in take.tracks:
        assert sound(track_path(take.path, track)).any()
        assert np.array_equal(
            sound(track_path(tmp_path / "x.wav", track)), sound(track_path(take.path, track))
        )
    assert take.path.read_bytes() == (tmp_path / "x.wav").read_bytes()
    if "--stems" in how:
        assert take.tracks == ("master", "deck1", "deck2")


def test_from_and_to_render_a_part_of_a_take(two: Path, tmp_path: Path) -> None:
    take = offline(two, tmp_path / "takes")
    again(take, tmp_path / "x.wav", begin=1.25, end=2.5)
    whole = sound(take.path)
    assert residual_db(whole[60_000:120_000], sound(tmp_path / "x.wav")) < CLOSE_DB
    with pytest.raises(WrongUse, match="the take has no sound from 5 s to"):
        again(take, tmp_path / "y.wav", begin=5.0)


def test_another_sample_rate_gives_the_same_sound(tmp_path: Path) -> None:
    """With trained models: the output of random ones is clipped, differently at another rate."""
    take = offline(Path("demo"), tmp_path / "takes", "--stems")
    again(take, tmp_path / "x.wav", rate=96000, float32=True, stems=True)
    info = soundfile.info(tmp_path / "x.wav")
    assert (info.samplerate, info.frames, info.subtype) == (96000, 2 * take.frames, "FLOAT")
    for track in ("deck1", "deck2"):  # not the master: its limiter depends on the rate
        took, made = (
            sound(track_path(take.path, track))[:, 0],
            sound(track_path(tmp_path / "x.wav", track))[:, 0],
        )
        below = round(16_000 * take.seconds)  # frequency bins that both rates have
        low = [np.fft.rfft(np.hanning(len(x)) * x)[:below] / len(x) for x in (took, made)]
        assert np.linalg.norm(low[0] - low[1]) < 1e-3 * np.linalg.norm(low[0])


def test_swapping_a_model_changes_only_its_deck(two: Path, tmp_path: Path) -> None:
    take = offline(two, tmp_path / "takes", "--stems")
    again(take, tmp_path / "x.wav", stems=True, swap={2: "choir"})
    one, other = (sound(track_path(tmp_path / "x.wav", f"deck{d}")) for d in (1, 2))
    assert np.array_equal(one, sound(track_path(take.path, "deck1")))
    assert other.any()
    assert not np.array_equal(other, sound(track_path(take.path, "deck2")))
    choir = find_model("choir")
    for file, loudness in (("soft", 4.0), ("loud", -2.0)):  # what its calibration says
        change_card(choir, {"loudness_lufs": loudness})
        again(take, tmp_path / f"{file}.wav", stems=True, swap={2: "choir"})
    soft, loud = (sound(track_path(tmp_path / f"{file}.wav", "deck2")) for file in ("soft", "loud"))
    assert np.allclose(loud, soft * 10 ** (6 / 20), rtol=0.01, atol=1e-4), "it is as loud as on a new deck"
    with pytest.raises(WrongUse, match="deck 7 is silent in this take"):
        again(take, tmp_path / "y.wav", swap={7: "choir"})


def test_a_missing_model_is_named_and_a_renamed_one_is_found(
    two: Path, tiny_models: Path, tmp_path: Path
) -> None:
    take = offline(two, tmp_path / "takes")
    (tiny_models / "bells.safetensors").rename(tiny_models / "glass.safetensors")
    again(take, tmp_path / "x.wav")
    assert take.path.read_bytes() == (tmp_path / "x.wav").read_bytes()
    (tiny_models / "glass.safetensors").unlink()
    done = perform("render", str(take.path), "-o", str(tmp_path / "y.wav"))
    assert done.returncode == 1
    assert all(word in done.stderr for word in ("bells", "SHA-256", "deck 1", "--swap"))
    assert not (tmp_path / "y.wav").exists()


def test_a_take_of_a_former_voice_names_the_voice_of_its_kind(
    two: Path, tiny_models: Path, tmp_path: Path
) -> None:
    tiny_model(tiny_models / "Weather.safetensors").rename(tiny_models / "weather.safetensors")
    two.write_text(two.read_text().replace('"bells"', '"weather"'))
    take = offline(two, tmp_path / "takes")
    (tiny_models / "weather.safetensors").unlink()
    with pytest.raises(PerformError, match=r"weather is no longer bundled: .* storm; .*--swap"):
        again(take, tmp_path / "x.wav")


def test_errors_of_a_render_name_the_cause(two: Path, tmp_path: Path) -> None:
    take = offline(two, tmp_path / "takes")
    with pytest.raises(WrongUse, match="exists already"):
        again(take, take.path)
    log = take.path.with_suffix(gesture_log.SUFFIX)
    data = bytearray(log.read_bytes())
    data[-10] ^= 1
    log.write_bytes(data + b"more")
    with pytest.raises(PerformError, match=r"damaged after 1 s.*--to 1 "):
        again(take, tmp_path / "x.wav")
    again(take, tmp_path / "begin.wav", end=1.0)
    assert np.array_equal(sound(tmp_path / "begin.wav"), sound(take.path)[:RATE])
    log.unlink()
    with pytest.raises(PerformError, match="no gesture log"):
        again(take, tmp_path / "x.wav")
    for words, says in (
        ((str(two),), "name one output"),
        ((str(two), "--swap", "2=bells", "-o", "x.wav"), "--swap cannot be used with a set"),
        ((str(take.path), "--seed", "3", "-o", "x.wav"), "--seed cannot be used with a take"),
        ((str(take.path), "--swap", "two=bells", "-o", "x.wav"), "2=bells"),
    ):
        done = perform("render", *words)
        assert done.returncode == 2
        assert says in done.stderr


def test_the_live_input_in_the_mix_renders_bit_by_bit(tmp_path: Path) -> None:
    """Dry/wet, the monitor and the input change during the take."""
    arena = Arena.create(tmp_path / "played.arena")
    mixer, dice, block = Mixer(arena, RATE, opening=(1.0, 1.0)), np.random.default_rng(0), 256
    came = dice.uniform(-0.3, 0.3, (300 * block, 2)).astype(np.float32)
    out = np.zeros_like(came)
    for at in range(0, len(came), block):
        if at % (20 * block) == 0:
            for name, value in (
                ("open", dice.random() < 0.7),
                ("wet", dice.random()),
                ("gate", dice.choice([-90, -20])),
            ):
                params.set_value(arena.table, f"input/{name}", value)
        mixer.fill(out[at : at + block], came[at : at + block])
    log, logged, at = arena.event_logs[LANES].read(0), [], 0
    while at < len(log):
        length, *head = RECORD_HEADER.unpack_from(log, at)
        at += RECORD_HEADER.size + length
        logged.append(gesture_log.LoggedEvent(*head, log[at - length : at]))
    played = LoggedTake(
        RATE, block, "float32", 0, len(came), logged, {}, np.arange(len(NAMES), dtype=np.intp), 0
    )

    class GivenInput(InputReplay):
        def __init__(self) -> None:
            """`came` is the input."""

        def read(self, at: int, frames: int) -> np.ndarray:
            return came[at : at + frames]

    def none(deck: int, model: object) -> Never:
        raise AssertionError(f"deck {deck} plays {model}")

    player = TakeReplay(Arena.create(tmp_path / "again.arena"), played, none, RATE, GivenInput())
    made = np.concatenate([tracks["master"] for _, tracks in player.play(0, len(came), ["master"])])
    assert np.array_equal(made, out)
    assert np.abs(out).max() > 0.2


def play(instrument: Instrument, seconds: float, also: Callable[[float], None]) -> None:
    """Move many parameters, twenty times a second."""
    table, dice = instrument.arena.table, np.random.default_rng(0)
    begun = time.monotonic()
    while (at := time.monotonic() - begun) < seconds:
        deck = dice.integers(1, 3)
        params.set_value(table, f"deck/{deck}/z/{dice.integers(0, 4)}/bias", dice.normal())
        if dice.random() < 0.2:
            params.set_value(table, f"deck/{deck}/gain", dice.uniform(-20, 6))
            params.set_value(table, f"deck/{deck}/pan", dice.uniform(-1, 1))
            params.set_value(table, "xfade", dice.uniform(0, 1))
            params.set_value(table, "input/wet", dice.uniform(0, 1))
        also(at)
        time.sleep(0.05)


def close_to_the_take(take: take_index.Take, folder: Path) -> None:
    out = folder / "again.wav"
    played = again(take, out, stems=len(take.tracks) > 1)
    assert played.lost == 0
    took = np.concatenate(list(take_index.read_sound(take)))
    assert residual_db(took, sound(out).astype(np.float32)) < CLOSE_DB
    for track in take.tracks[1:]:
        took = np.concatenate(list(take_index.read_sound(take, track)))
        if took.any() and track != "pre":
            assert residual_db(took, sound(track_path(out, track)).astype(np.float32)) < CLOSE_DB


def test_a_live_take_with_loads_resets_and_a_panic_renders_to_minus_90_db(
    two: Path, runtime: Path, tmp_path: Path
) -> None:
    """It starts during the music; modulators play; decks are reset, loaded and unloaded; there is a panic.

    The next song renders ahead on deck 5 meanwhile: it is no part of the take.
    """
    two.write_text(SET + MODULATION + '[[songs]]\nname = "later"\ndecks = { 5 = "bells" }\n')
    with playing(runtime, "--device", "null", "--stems", "--pre", set_name=str(two)) as instrument:
        instrument.wait_live(1, 2)
        todo = [
            (0.4, lambda: params.trigger(instrument.arena.table, "deck/1/reset")),
            (0.5, lambda: params.set_value(instrument.arena.table, "macro/1", 0.7)),
            (0.5, lambda: params.set_value(instrument.arena.table, "macro/2", 0.4)),
            (0.6, lambda: params.set_value(instrument.arena.table, "finger/1/press", 0.6)),
            (0.7, lambda: params.set_value(instrument.arena.table, "tempo", 97.3)),
            (0.8, lambda: biases.append(instrument.arena.table[params.slot("deck/2/z/1/bias")])),
            (0.8, lambda: instrument.client.ask(Load(2, "choir"))),
            (1.6, lambda: instrument.client.ask(AddMarker("here"))),
            (
                2.0,
                lambda: params.set_value(
                    instrument.arena.table, "deck/3/source", params.SOURCES.index("input")
                ),
            ),
            (2.0, lambda: instrument.client.ask(Load(3, "slow"))),
            (2.4, lambda: params.trigger(instrument.arena.table, "panic")),
            (3.6, lambda: instrument.client.ask(Unload(1))),
        ]

        def do(at: float) -> None:
            if todo and at >= todo[0][0]:
                todo.pop(0)[1]()

        biases: list[float] = []
        until(lambda: instrument.client.status().songs.ready, 20, "the next song renders ahead")
        play(instrument, 1.0, lambda at: None)
        path = Path(instrument.client.ask(StartRecording()).value)
        play(instrument, 4.5, do)
        assert biases[0] != 0.0, "macro 2 moves deck 2 through its examples"
        until(lambda: instrument.meter("deck/3/state") == LIVE, 20, "deck 3 live")
        assert instrument.client.ask(StopRecording()).value == str(path)
        assert instrument.meter("take/missed") == 0
    take = take_index.read(path)
    assert {"master", "pre", "deck1", "deck2"} <= set(take.tracks)
    assert [mark.name for mark in take.marks][-1] == "here"
    close_to_the_take(take, tmp_path)
    assert not track_path(tmp_path / "again.wav", "deck5").exists()
    with pytest.raises(WrongUse, match="deck 5 is silent in this take"):
        again(take, tmp_path / "swapped.wav", swap={5: "choir"})


def test_a_take_renders_across_the_death_of_its_recorder(two: Path, runtime: Path, tmp_path: Path) -> None:
    with playing(runtime, "--device", "null", set_name=str(two)) as instrument:
        instrument.wait_live(1, 2)
        path = Path(instrument.client.ask(StartRecording()).value)
        play(instrument, 1.0, lambda at: None)
        os.kill(instrument.child("perform.recorder.recorder_process"), 9)
        play(instrument, 2.0, lambda at: None)
        until(lambda: instrument.client.status().take.endswith("_part2.wav"), 10, "the second part")
        play(instrument, 0.5, lambda at: None)
        instrument.client.ask(StopRecording())
    take = take_index.read(path)
    assert len(take.files) == 2
    assert take_check.verify(take) == []
    close_to_the_take(take, tmp_path)


def test_takes_are_listed_as_json(two: Path, tmp_path: Path) -> None:
    folder = Path(os.environ["PERFORM_TAKES"])
    take = offline(two, folder, "--stems")
    rows = json.loads(perform("takes", "--json").stdout)
    assert [row["path"] for row in rows] == [str(take.path)]
    assert rows[0]["marks"] == [{"seconds": 0.0, "name": "First light"}]
    assert rows[0]["tracks"] == ["master", "deck1", "deck2"]
    assert (rows[0]["log"], rows[0]["state"], rows[0]["seconds"]) == (True, "whole", 3.0)
    assert take.path.stem in perform("takes").stdout
    assert json.loads(perform("takes", "verify", "--json").stdout) == {str(take.path): []}
    done = perform("render", "last", "-o", str(tmp_path / "x.wav"), "--json")
    assert json.loads(done.stdout)["path"] == str(tmp_path / "x.wav")
    assert (tmp_path / "x.wav").read_bytes() == take.path.read_bytes()
    shutil.copy(take.path, tmp_path / "alone.wav")
    done = perform("takes", "verify", str(tmp_path / "alone.wav"))
    assert done.returncode == 1
    assert "gesture log" in done.stdout
    done = perform("takes", "verify", "nothing")
    assert done.returncode == 2
    assert take.path.stem in done.stderr
