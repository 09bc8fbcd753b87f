"""A stage survives damaged files, wrong clients, processes that hang, and terminals that stall or close."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import wave
from pathlib import Path
from typing import get_args

import pytest
from rig import Instrument, perform, playing, until

from perform.core.arena_layout import LIVE
from perform.core.errors import PerformError
from perform.stage.client import Client, running
from perform.stage.commands import Answer, AnyCommand, Arm, Load, StartRecording, StopRecording, UseMapping
from perform.stage.options import StageOptions
from perform.stage.supervisor import Stage

pytestmark = pytest.mark.usefixtures("tiny_models")


def header(metadata: object) -> bytes:
    body = json.dumps({"__metadata__": metadata}).encode()
    return struct.pack("<Q", len(body)) + body


GOOD = {
    "name": "x",
    "sample_rate": 48000,
    "ratio": 512,
    "latents": 1,
    "full_latents": 1,
    "delay": 0,
    "latent_mean": [0.0],
    "latent_std": [1.0],
    "latent_p05": [0.0],
    "latent_p95": [0.0],
    "loudness_db": -20.0,
}


def card(**wrong: object) -> bytes:
    return header({"format": "perform-rave-1", "card": json.dumps(GOOD | wrong)})


FILES = {
    "empty": b"",
    "short": b"\x05",
    "huge header": struct.pack("<Q", 1 << 60),
    "a list": header([]),
    "a number for a card": header({"format": "perform-rave-1", "card": 5}),
    "no card": header({"format": "perform-rave-1"}),
    "deep": struct.pack("<Q", 100_000) + b"[" * 100_000,
    "rate 0": card(sample_rate=0),
    "ratio 0": card(ratio=0),
    "no latents": card(latents=0),
    "too few means": card(latents=3),
    "a card, no weights": card(),
}


def still_plays(instrument: Instrument) -> None:
    frames = instrument.meter("deck/2/frames")
    until(lambda: instrument.meter("deck/2/frames") > frames + 20, 10, f"deck 2 plays on; {instrument.log()}")
    assert instrument.meter("deck/2/state") == LIVE


def test_no_request_ends_the_stage(runtime: Path, tmp_path: Path) -> None:
    names = [
        "~nosuchuser/x.safetensors",
        "x" * 300,
        "y" * 300 + ".safetensors",
        "\x00.safetensors",
        "/",
        ".",
        "",
    ]
    for name, body in FILES.items():
        (tmp_path / f"{name}.safetensors").write_bytes(body)
        names.append(str(tmp_path / f"{name}.safetensors"))
    with playing(runtime, "--device", "null") as instrument:
        instrument.wait_live(1, 2)
        refused = 0
        for deck, name in [(3, name) for name in names] + [(0, "bells"), (-1, "bells"), (10**9, "bells")]:
            try:
                instrument.client.ask(Load(deck, name))
            except PerformError as error:
                refused += 1
                assert "internal error" not in str(error), name
                assert "\n" not in str(error)
        assert refused == len(names) + 3 - 1  # the file with a valid card is refused by its host
        until(lambda: instrument.client.status().decks[2].error, 30, "why the last one failed")
        with pytest.raises(PerformError):
            instrument.client.ask(UseMapping("~nosuchuser/x.toml"))
        still_plays(instrument)
        instrument.end()
    listed = perform("models", "list", "--json")
    assert listed.returncode == 0


def test_silent_and_wrong_clients_keep_no_other_client_out(runtime: Path) -> None:
    with playing(runtime, "--device", "null") as instrument:
        instrument.wait_live(1, 2)
        silent, rude = (socket.socket(socket.AF_UNIX) for _ in range(2))
        for line in (silent, rude):
            line.connect(str(runtime / "socket"))
        rude.sendall(b"hello\n" * 10)
        for _ in range(3):
            other = Client(runtime)
            assert other.status().set == "demo"
            other.close()
        silent.close()
        rude.close()
        still_plays(instrument)
        instrument.end()


def test_a_recorder_and_a_midi_process_that_hang_are_replaced(runtime: Path) -> None:
    with playing(runtime, "--device", "null") as instrument:
        instrument.wait_live(1, 2)
        take = instrument.client.ask(StartRecording()).value
        until(lambda: instrument.meter("take/frames") > 48000, 10, "a second of take")
        hung = {
            m: instrument.child(m)
            for m in ("perform.recorder.recorder_process", "perform.control.control_process")
        }
        for pid in hung.values():
            os.kill(pid, signal.SIGSTOP)
        for module, pid in hung.items():
            until(lambda m=module, p=pid: _is_replaced(instrument, m, p), 40, f"another {module}")
        safe = instrument.meter("take/frames")
        until(lambda: instrument.meter("take/frames") > safe + 48000, 20, "the take goes on")
        assert instrument.client.ask(StopRecording()).value == take
        frames = 0
        for part in Path(take).parent.glob("*.wav"):
            with wave.open(str(part)) as wav:
                frames += wav.getnframes()
        assert frames > 10 * 48000  # the history buffer kept the sound until the new recorder
        instrument.end()


def _is_replaced(instrument: Instrument, module: str, pid: int) -> bool:
    try:
        return instrument.child(module) != pid
    except AssertionError:
        return False


def test_two_starts_at_once_make_one_stage(runtime: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "perform",
        "play",
        "demo",
        "--headless",
        "--device",
        "null",
        "--seconds",
        "4",
    ]
    two = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    ended = {process.wait(60): process.communicate()[1] for process in two}
    assert set(ended) == {0, 2}
    assert "a stage is playing already" in ended[2]
    assert "deck 2: choir plays" in ended[0]


def test_a_terminal_that_stalls_or_closes_never_stalls_the_stage(runtime: Path) -> None:
    read, write = os.pipe()
    os.set_blocking(write, True)
    fill = os.fdopen(os.dup(write), "wb", buffering=0)
    os.set_blocking(fill.fileno(), False)
    while True:  # a terminal that was stopped (ctrl-s): its pipe is full
        if not fill.write(b"x" * 4096):
            break
    os.set_blocking(write, True)
    command = [sys.executable, "-m", "perform", "play", "demo", "--headless", "--device", "null"]
    process = subprocess.Popen(command, stderr=write, stdout=subprocess.DEVNULL)
    os.close(write)
    fill.close()
    until(lambda: running(runtime), 30, "a stage")
    client = Client(runtime)
    for deck in (1, 2):
        until(lambda d=deck: client.arena.meter(f"deck/{d}/state") == LIVE, 30, f"deck {deck}")
    os.close(read)  # now the pipe has no reader
    os.kill(int(client.arena.meter("deck/1/pid")), signal.SIGKILL)
    until(lambda: client.arena.meter("deck/1/state") != LIVE, 5, "the death")
    until(lambda: client.arena.meter("deck/1/state") == LIVE, 30, "deck 1 again")
    assert perform("stop").returncode == 0
    assert process.wait(20) == 0


def test_a_terminal_that_closes_ends_a_headless_run_cleanly(runtime: Path) -> None:
    with playing(runtime, "--device", "null", "--record") as instrument:
        instrument.wait_live(1, 2)
        until(lambda: instrument.meter("take/frames") > 24000, 10, "half a second of take")
        instrument.process.send_signal(signal.SIGHUP)
        out, _ = instrument.process.communicate(timeout=30)
    assert instrument.process.returncode == 0
    with wave.open(out.strip()) as take:
        assert take.getnframes() > 24000
    assert not (runtime / "stage.json").exists()


def test_record_and_stop_at_once_leave_no_take_running(runtime: Path) -> None:
    import threading

    with playing(runtime, "--device", "null") as instrument:
        instrument.wait_live(1)
        other = Client(runtime)
        begun = threading.Thread(target=lambda: instrument.client.ask(StartRecording()))
        begun.start()
        while begun.is_alive():
            other.ask(StopRecording())
        begun.join()
        other.ask(StopRecording())
        assert other.status().take == ""
        assert instrument.meter("take/on") == 0
        instrument.end()


def test_an_internal_error_with_a_full_disk_ends_nothing(runtime: Path) -> None:
    runtime.mkdir(parents=True)
    (runtime / "stage.log").symlink_to("/dev/full")
    lines: list[str] = []
    stage = Stage(StageOptions("demo", device="null", retro=0.0), runtime, lines.append)
    try:
        answers: list[Answer] = []
        stage._handle_command(Arm("no number"), answers.append)  # type: ignore[arg-type]
        assert stage._commands.commands == set(get_args(AnyCommand))
        stage._survive(lambda: {}["no key"])
        assert "internal error in the stage: TypeError" in answers[0].error
    finally:
        stage._end()
        stage._lock.release()
    assert any("internal error in the stage: KeyError('no key')" in line for line in lines)


def test_an_arena_without_room_is_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from perform.core import arena

    monkeypatch.setattr(arena, "_SIZE", 1 << 60)
    with pytest.raises(PerformError, match="no space"):
        arena.Arena.create(tmp_path / "arena")
    assert not (tmp_path / "arena").exists()
