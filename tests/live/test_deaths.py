"""Whatever dies, the rest plays on: SIGKILL of each process of a real stage on a real JACK server."""

from __future__ import annotations

import itertools
import os
import random
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from rig import Instrument, Jack, Listener, Machine, perform, playing, until
from test_sound import RATE, level, read_take, steps
from wav_readers import READERS

from perform.core.arena_layout import CLOCK, DEVICE
from perform.recorder import gesture_log, wav_repair
from perform.recorder.take_names import track_path
from perform.stage.commands import StartRecording, StopRecording

KILLS = int(os.environ.get("PERFORM_STAGE_KILLS", "2"))  # of the stage, each way: 100 for a long test
PLANS = ((), ("--stems", "--pre"))


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def host_of(instrument: Instrument, deck: int) -> int:
    """The host that renders a deck: it says so in its meters."""
    return int(instrument.meter(f"deck/{deck}/pid"))


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_the_audio_server(jack: Jack, runtime: Path, tmp_path: Path) -> None:
    with playing(runtime, "--record") as instrument:
        instrument.wait_live(1, 2)
        until(lambda: instrument.meter("take/on"), 10, "a take")
        assert instrument.meter("owner") == DEVICE
        jack.kill()
        killed = time.monotonic()
        until(lambda: instrument.meter("owner") == CLOCK, 5, "the clock's mixer")
        replaced = time.monotonic() - killed
        frames, safe = instrument.meter("frames"), instrument.meter("take/frames")
        until(lambda: instrument.meter("take/frames") > safe + RATE, 10, "a second more of the take")
        assert instrument.meter("frames") > frames
        assert "silent clock" in instrument.client.status().device
        jack.start()
        returned = time.monotonic()
        until(lambda: instrument.meter("owner") == DEVICE, 10, "the device again")
        back = time.monotonic() - returned
        heard = Listener(tmp_path, 2).heard()["audio"]
        missed = instrument.meter("missed")
        take = read_take(instrument.end().strip())
    print(f"replaced {replaced:.2f} s after the server died, back {back:.2f} s after it returned")
    assert replaced < 1
    assert back < 2
    assert level(heard) > 1e-3
    assert missed < RATE  # what nobody mixed is on the take, as silence
    assert level(take[-RATE:] / 2**23) > 1e-3


@pytest.mark.alone
def test_a_host(jack: Jack, runtime: Path, tmp_path: Path) -> None:
    with playing(runtime) as instrument:
        instrument.wait_live(1, 2)
        listener = Listener(tmp_path, 40)
        deck_1 = instrument.meter("deck/1/frames")
        until(lambda: instrument.meter("deck/1/frames") > deck_1 + 100, 10, "a second")
        late: list[tuple[float, float]] = []  # when, late blocks of the other deck so far
        recovered = threading.Event()

        def count() -> None:
            while not recovered.wait(0.005):
                late.append((time.monotonic(), instrument.meter("deck/2/late")))

        counter = threading.Thread(target=count, daemon=True)
        with Machine(tmp_path) as machine:
            counter.start()
            kill(host_of(instrument, 1))
            until(lambda: instrument.meter("deck/1/state") != 2, 3, "the deck's death noticed")
            until(lambda: instrument.meter("deck/1/peak/l") < 1e-3, 5, "deck 1 silent")
            assert instrument.meter("deck/2/state") == 2
            until(lambda: instrument.meter("deck/1/state") == 2, 20, f"deck 1 back; {instrument.log()}")
            until(lambda: instrument.meter("deck/1/peak/l") > 1e-3, 5, "deck 1 heard again")
            recovered.set()
            counter.join()
        frames = instrument.meter("frames")
        until(lambda: instrument.meter("frames") > frames + RATE, 10, "a second of both")
        audio = listener.heard(enough=True)["audio"]
        pairs = itertools.pairwise(late)
        ours = sum(after - before for (_, before), (at, after) in pairs if not machine.was_away(at, 0.03))
        assert ours <= 3
        instrument.end()
    parts = audio[: len(audio) // RATE * RATE].reshape(-1, RATE, 2)
    assert min(level(part) for part in parts) > 1e-4  # the other deck played all the time
    assert np.abs(np.diff(audio, axis=0)).max() < 0.5


def test_three_crashes_disable_the_deck(jack: Jack, runtime: Path) -> None:
    with playing(runtime) as instrument:
        instrument.wait_live(1, 2)
        for _ in range(3):
            kill(host_of(instrument, 1))
            until(lambda: instrument.meter("deck/1/state") != 2, 3, "noticed")
            until(lambda: instrument.meter("deck/1/state") in (2, 3), 20, "back, or given up")
        assert instrument.meter("deck/1/state") == 3
        assert "three times in a minute" in instrument.client.status().decks[0].error
        assert instrument.meter("deck/2/state") == 2
        instrument.end()


def test_the_mixer_the_recorder_and_the_midi_process(jack: Jack, runtime: Path) -> None:
    with playing(runtime) as instrument:
        instrument.wait_live(1, 2)
        first = instrument.client.ask(StartRecording()).value
        until(lambda: instrument.meter("take/frames") > RATE, 10, "a second of take")
        for module, *words in (
            ("perform.audio.mixer_process", "device"),
            ("perform.recorder.recorder_process",),
            ("perform.control.control_process",),
            ("perform.audio.mixer_process", "clock"),
        ):
            pid = instrument.child(module, *words)
            kill(pid)
            until(
                lambda m=module, w=words, p=pid: _another(instrument, m, w, p),
                10,
                f"another {module} {words}",
            )
            frames = instrument.meter("frames")
            until(lambda f=frames: instrument.meter("frames") > f + RATE, 10, "a second of sound")
        until(lambda: instrument.meter("owner") == DEVICE, 10, "the device again")
        assert instrument.client.ask(StopRecording()).value == first
        parts = sorted(Path(first).parent.glob("*.wav"))
        assert len(parts) == 2  # the recorder's death cost a new file and nothing else
        assert sum(len(read_take(str(part))) for part in parts) > 5 * RATE
        instrument.end()


def _another(instrument: Instrument, module: str, words: list[str], pid: int) -> bool:
    try:
        return instrument.child(module, *words) != pid
    except AssertionError:
        return False


@pytest.mark.parametrize("all_at_once", [False, True], ids=["alone", "with all its processes"])
def test_the_stage_while_recording(jack: Jack, runtime: Path, tmp_path: Path, all_at_once: bool) -> None:
    """At random moments of all kinds of takes: what every file lacks; its sound is what was mixed."""
    dice = random.Random(int(all_at_once))
    lost: list[float] = []
    lost_after_repair: list[float] = []
    for n in range(KILLS):
        takes = tmp_path / f"takes{n}"
        os.environ["PERFORM_TAKES"] = str(takes)
        plan = PLANS[n % len(PLANS)]
        with playing(runtime, *plan) as instrument:
            tape = instrument.arena.history
            instrument.wait_live(1)
            path = Path(instrument.client.ask(StartRecording()).value)
            moment = tape.written + dice.randrange(RATE // 4, 3 * RATE)
            until(lambda tape=tape, moment=moment: tape.written >= moment, 10, "the moment")
            stage, children = instrument.process.pid, instrument.children()
            end = tape.written
            for pid in (stage, *children) if all_at_once else (stage,):
                kill(pid)
            instrument.process.communicate()
            until(lambda pids=children: all(gone(pid) for pid in pids), 10, "the end of its processes")
            tracks = instrument.arena.tracks
            position = gesture_log.read(path.with_suffix(gesture_log.SUFFIX)).header.position
            files = {track: track_path(path, track) for track in tracks if track_path(path, track).exists()}
            assert {"master", "pre", "deck1"} <= set(files) if plan else set(files) == {"master"}
            lost += [(end - position - wav_repair.inspect(file).claimed) / RATE for file in files.values()]
            for track, file in files.items():
                for read in READERS:
                    heard = read(file)
                    made, missed = tracks[track].read(position, len(heard))
                    assert not missed
                    assert np.array_equal(heard, steps(np.clip(made, -1, 1 - 2**-23)))
            assert perform("takes", "repair").returncode == 0
            assert wav_repair.unfinished(takes) == []
            lost_after_repair += [
                (end - position - wav_repair.inspect(f).claimed) / RATE for f in files.values()
            ]
            assert level(read_take(str(path)) / 2**23) > 1e-4
    print(
        f"{KILLS} kills, {len(lost)} files, seconds lost: worst {max(lost):.3f}, mean {np.mean(lost):.3f};",
        end=" ",
    )
    print(f"more than 0.3 in {sum(s > 0.3 for s in lost)};", end=" ")
    print(f"after repair: worst {max(lost_after_repair):.3f}, mean {np.mean(lost_after_repair):.3f}")
    assert max(lost_after_repair) <= 0.5
