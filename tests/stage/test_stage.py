"""A real stage on its silent clock: it loads models, refuses wrong commands, records, and cleans up."""

from __future__ import annotations

import os
import signal
import tempfile
import wave
from multiprocessing.connection import Client as connect
from pathlib import Path

import msgspec
import numpy as np
import pytest
from rig import Instrument, perform, playing, until
from tiny import tiny_model

from perform.core import params
from perform.core.arena_layout import CLOCK, EMPTY, FAILED, LIVE
from perform.core.errors import PerformError
from perform.recorder import gesture_log, take_check, take_index
from perform.stage.client import Client
from perform.stage.commands import (
    AddMarker,
    Answer,
    GetStatus,
    KeepLastMinutes,
    Learn,
    Load,
    StartRecording,
    StopRecording,
    Unload,
)
from perform.stage.server import Server

pytestmark = pytest.mark.usefixtures("tiny_models")


def test_without_any_device_it_plays_on_a_silent_clock(
    runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "nobody-runs-this")
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    with playing(runtime) as instrument:
        instrument.wait_live(1, 2)
        status = instrument.client.status()
        assert instrument.meter("owner") == CLOCK
        assert "silent clock; see `perform devices`" in status.device
        until(lambda: "no MIDI system" in instrument.client.status().midi_error, 20, "the MIDI process")
        assert [deck.model for deck in status.decks[:3]] == ["bells", "choir", ""]
        assert instrument.meter("peak/l") > 1e-3
        instrument.end()
    assert not list(runtime.glob("*.arena"))
    assert not (runtime / "stage.json").exists()


def test_a_timed_run_prints_its_take(runtime: Path) -> None:
    done = perform("play", "demo", "--headless", "--device", "null", "--seconds", "2", "--record")
    assert done.returncode == 0, done.stderr
    path = Path(done.stdout.strip())
    assert path.parent == Path(os.environ["PERFORM_TAKES"])
    with wave.open(str(path)) as take:
        assert 1.5 < take.getnframes() / 48000 < 4
        sound = np.frombuffer(take.readframes(take.getnframes()), np.uint8)
    assert sound.any()
    again = perform("play", "demo", "--headless", "--device", "null", "--seconds", "1", "--record")
    assert again.stdout != done.stdout
    assert path.exists()


@pytest.mark.alone
def test_one_deck_changes_models_while_another_plays(runtime: Path, tmp_path: Path) -> None:
    other = tiny_model(tmp_path / "other.safetensors", seed=5)
    with playing(runtime, "--device", "null") as instrument:
        instrument.wait_live(1, 2)
        before, late = instrument.arena.table.copy(), instrument.meter("deck/2/late")
        instrument.client.ask(Load(1, str(other)))
        until(lambda: instrument.client.status().decks[0].model == "other", 20, "the other model on deck 1")
        until(lambda: instrument.meter("deck/1/state") == LIVE, 20, "deck 1 live")
        instrument.client.ask(Unload(1))
        until(lambda: instrument.meter("deck/1/state") == EMPTY, 5, "deck 1 empty")
        instrument.client.ask(Load(8, "choir"))
        until(lambda: instrument.meter("deck/8/state") == LIVE, 20, "deck 8 live")
        home = params.slot("deck/8/home")
        assert (before[home], instrument.arena.table[home]) == (0, 1), "a new model begins at its home"
        new = [
            params.slot(f"deck/{deck}/{name}") for deck in (1, 8) for name in ("home", "calibrated", "walk")
        ]
        assert instrument.arena.table[new[3:]].all(), "it is calibrated, and walks through its corpus"
        before[new] = instrument.arena.table[new]
        assert np.array_equal(instrument.arena.table, before)
        assert instrument.meter("deck/2/late") - late <= 3
        instrument.end()


def test_a_wrong_command_is_refused_and_changes_nothing(runtime: Path, tmp_path: Path) -> None:
    (tmp_path / "text.safetensors").write_text("this is no model")
    with playing(runtime, "--device", "null") as instrument:
        instrument.wait_live(1, 2)
        for command, says in (
            (Load(1, "beels"), "bells"),
            (Load(1, str(tmp_path / "text.safetensors")), "not a perform model"),
            (Load(9, "bells"), "decks are 1 to 8"),
            (Learn("deck/1/z/0/bais"), "deck/1/z/0/bias"),
        ):
            with pytest.raises(PerformError, match=says) as caught:
                instrument.client.ask(command)
            assert caught.value.exit_code == 2
        assert instrument.meter("deck/1/state") == LIVE
        assert instrument.client.status().decks[0].model == "bells"
        voices = params.slot("deck/1/voices")
        instrument.arena.table[voices] = 4
        until(lambda: instrument.arena.table[voices] == 1, 5, "a model without a pitch has one voice")
        instrument.arena.table[voices] = 3  # a knob goes on turning: one line is enough
        until(lambda: instrument.arena.table[voices] == 1, 5, "it is set back each time")
        lines = [it for it in instrument.client.status().log if "bells has no latent of pitch" in it]
        assert len(lines) == 1 and "so it plays one voice" in lines[0]
        instrument.end()


def test_a_model_that_breaks_while_loading_leaves_the_rest(runtime: Path, tmp_path: Path) -> None:
    broken = tiny_model(tmp_path / "broken.safetensors")
    broken.write_bytes(broken.read_bytes()[:-100])  # its header is whole, its weights are not
    with playing(runtime, "--device", "null") as instrument:
        instrument.wait_live(1, 2)
        instrument.client.ask(Load(1, str(broken)))
        until(lambda: instrument.client.status().decks[0].error, 20, "the reason")
        assert instrument.meter("deck/1/state") == LIVE  # the old model plays on
        instrument.client.ask(Load(3, str(broken)))
        until(lambda: instrument.meter("deck/3/state") == FAILED, 20, "deck 3 failed")
        assert "broken.safetensors" in instrument.client.status().decks[2].error
        instrument.end()


def test_a_host_that_hangs_is_replaced(runtime: Path) -> None:
    with playing(runtime, "--device", "null") as instrument:
        instrument.wait_live(1, 2)
        hung = int(instrument.meter("deck/1/pid"))
        os.kill(hung, signal.SIGSTOP)
        until(lambda: instrument.meter("deck/1/pid") not in (hung, 0), 20, "another host")
        until(lambda: instrument.meter("deck/1/state") == LIVE, 20, "deck 1 live")
        instrument.end()


def test_commands_start_and_stop_a_take(runtime: Path) -> None:
    with playing(runtime, "--device", "null") as instrument:
        instrument.wait_live(1)
        take = instrument.client.ask(StartRecording()).value
        assert instrument.client.ask(StartRecording()).value == take
        assert instrument.client.status().take == take
        until(lambda: instrument.meter("take/frames") > 24000, 10, "half a second")
        assert instrument.client.ask(StopRecording()).value == take
        assert instrument.client.status().last_take == take
        instrument.end()


def test_a_folder_has_one_stage_and_verbs_reach_it(runtime: Path) -> None:
    for verb in ("attach", "stop"):
        refused = perform(verb)
        assert refused.returncode == 1
        assert "no stage is running" in refused.stderr
    with playing(runtime, "--device", "null", "--record") as instrument:
        instrument.wait_live(1)
        second = perform("play", "demo", "--headless", "--device", "null", "--seconds", "1")
        assert second.returncode == 2
        assert "a stage is playing already" in second.stderr
        stopped = perform("stop")
        assert stopped.returncode == 0, stopped.stderr
        assert Path(stopped.stdout.strip()).is_file()
        assert instrument.process.wait(20) == 0


def test_a_new_stage_deletes_the_files_of_a_killed_one(runtime: Path) -> None:
    with playing(runtime, "--device", "null") as instrument:
        instrument.kill()
    assert list(runtime.glob("*.arena"))
    with playing(runtime, "--device", "null") as instrument:
        instrument.wait_live(1)
        assert len(list(runtime.glob("*.arena"))) == 1
        instrument.end()


def test_a_socket_in_a_temporary_folder_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server uses one where the runtime folder's path is too long for a socket."""
    with tempfile.TemporaryDirectory() as short:
        monkeypatch.setattr(tempfile, "tempdir", short)
        server = Server(tmp_path / ("long" * 30), lambda command, reply: reply(Answer("received")))
        assert list(Path(short).iterdir())
        with connect(server.address, authkey=server.key.encode()) as line:
            line.send_bytes(msgspec.json.encode(GetStatus()))
            assert b"received" in line.recv_bytes()
        server.close()
        assert not list(Path(short).iterdir())


def test_two_clients_see_the_same_values(runtime: Path) -> None:
    with playing(runtime, "--device", "null") as instrument:
        instrument.wait_live(1)
        other = Client(runtime)
        params.set_value(other.arena.table, "deck/1/z/0/bias", 1.25)
        until(lambda: instrument.meter("deck/1/z/0") != 0, 5, "a latent")
        assert instrument.arena.table[params.slot("deck/1/z/0/bias")] == 1.25
        other.close()
        assert instrument.client.status().set == "demo"
        instrument.end()


def test_a_client_without_the_key_is_refused(runtime: Path) -> None:
    from multiprocessing import AuthenticationError
    from multiprocessing.connection import Client as connect

    with playing(runtime, "--device", "null") as instrument:
        with pytest.raises((AuthenticationError, OSError, EOFError)):
            connect(str(runtime / "socket"), authkey=b"wrong")
        assert (runtime / "stage.json").stat().st_mode & 0o077 == 0
        assert instrument.client.status().set == "demo"
        instrument.end()


def keep(instrument: Instrument) -> Path:
    """Keep the last minutes; returns the take once it is complete."""
    path = instrument.client.ask(KeepLastMinutes()).value
    until(
        lambda: any(f"kept: {path}" in line for line in instrument.client.status().log),
        10,
        "the last minutes",
    )
    return Path(path)


def test_the_last_minutes_are_kept_with_their_markers(runtime: Path) -> None:
    with playing(runtime, "--device", "null") as instrument:
        instrument.wait_live(1, 2)
        instrument.client.ask(AddMarker("here"))
        at = instrument.arena.history.written
        until(lambda: instrument.arena.history.written > at + 24000, 10, "half a second")
        kept = keep(instrument)
        take = take_index.read(kept)
        assert take_check.verify(take) == []
        marks = {mark.name: mark.frame for mark in take.marks}
        assert abs(marks["here"] - at) < 4800
        assert take.frames > at + 24000
        assert np.abs(np.concatenate(list(take_index.read_sound(take)))).max() > 1e-3
        path = Path(instrument.client.ask(StartRecording(stems=True, float32=True)).value)
        at = instrument.arena.history.written
        until(lambda: instrument.arena.history.written > at + 24000, 10, "half a second")
        before = keep(instrument)
        instrument.client.ask(StopRecording())
        take = take_index.read(path)
        assert (take.tracks, take.samples) == (("master", "deck1", "deck2"), "float32")
        assert [mark.frame for mark in take.marks] == [0]
        header = gesture_log.read(path.with_suffix(gesture_log.SUFFIX)).header
        assert take_index.read(before).frames == header.position  # they end where the take begins
        instrument.end()
    assert not list(runtime.glob("*.retro"))


def test_without_last_minutes_the_command_is_refused(runtime: Path) -> None:
    with playing(runtime, "--device", "null", "--retro", "0") as instrument:
        until(lambda: instrument.meter("heartbeat/recorder"), 20, "a recorder")
        with pytest.raises(PerformError, match="--retro"):
            instrument.client.ask(KeepLastMinutes())
