"""Glides and loops, and how they yield to the player; undo; the autosave."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perform.core import params
from perform.core.errors import PerformError
from perform.core.params import SLOTS, SPEC_AT
from perform.core.spec import MODULE_DEFAULT
from perform.library.sets import Set
from perform.library.song import LoopGesture, Song
from perform.stage import autosave
from perform.stage.first_set import choose_first_set
from perform.stage.glides import ParameterGlides
from perform.stage.loops import STEPS, Loops, thinned
from perform.stage.options import StageOptions
from perform.stage.status import LoopStatus
from perform.stage.undo import QUIET_S, UndoHistory

slots = st.sampled_from(
    [i for i, a in enumerate(params.ADDRESSES) if not SPEC_AT[i].action and not params.never_stored(a)]
)
# no subnormals: a library that a live test has loaded may have turned them off in this process
moves = st.tuples(slots, st.floats(0, 1, allow_subnormal=False))
GAIN, SIDE = SLOTS["deck/1/gain"], SLOTS["deck/1/side"]


@given(st.lists(moves, min_size=1, max_size=8), st.floats(0.01, 5), st.integers(1, 40))
def test_a_glide_arrives_exactly_and_never_leaves_its_range(
    targets: list[tuple[int, float]], seconds: float, ticks: int
) -> None:
    table = params.defaults()
    glides = ParameterGlides(table)
    wanted = {slot: SPEC_AT[slot].value(position) for slot, position in targets}
    glides.begin(wanted, seconds, 100.0)
    for tick in range(1, ticks + 1):
        glides.tick(100.0 + seconds * tick / ticks * 0.999)
        for slot in wanted:
            assert SPEC_AT[slot].clamp(table[slot]) == table[slot]
    glides.tick(100.0 + seconds)
    glides.tick(101.0 + seconds)
    assert all(table[slot] == value for slot, value in wanted.items())
    assert not list(glides.slots)


def test_an_attribute_jumps_from_and_to_its_module_default() -> None:
    table, slot = params.defaults(), SLOTS["deck/1/attribute/1"]
    glides = ParameterGlides(table)
    glides.begin({slot: 2.0}, 1.0, 0.0)
    glides.tick(0.4)
    assert table[slot] == MODULE_DEFAULT
    glides.tick(0.6)
    assert table[slot] == pytest.approx(2.0, abs=1e-5)
    glides.tick(1.0)
    glides.begin({slot: 4.0}, 1.0, 1.0)
    glides.tick(1.5)
    assert table[slot] == pytest.approx(3.0, abs=1e-5)
    loops = Loops(table, lambda now: 1.7 * now + 0.3)
    loops.replace([LoopGesture("deck/1/attribute/1", 4.0, [(0.0, MODULE_DEFAULT), (2.0, 1.0)])], 0.0)
    for now, value in ((1.0, MODULE_DEFAULT), (2.5, 1.0), (5.0, MODULE_DEFAULT)):
        loops.tick(now)
        assert table[slot] == value


def test_the_player_stops_a_glide() -> None:
    table = params.defaults()
    glides = ParameterGlides(table)
    glides.begin({GAIN: -30.0, SIDE: 2.0}, 1.0, 0.0)
    glides.tick(0.25)
    assert -20 < table[GAIN] < -3 and table[SIDE] == 1.0
    table[GAIN] = 3.0
    glides.tick(0.6)
    assert (table[GAIN], table[SIDE]) == (3.0, 2.0)
    glides.tick(1.0)
    assert table[GAIN] == 3.0


undone_moves = moves.filter(lambda move: "/note/" not in params.ADDRESSES[move[0]])


def test_a_played_note_is_no_undo_step() -> None:
    table = params.defaults()
    history = UndoHistory(table)
    for now, value in ((1.0, 1.0), (3.0, 0.0), (5.0, 1.0)):
        table[[SLOTS["deck/1/note/1/gate"], SLOTS["deck/1/note/1/pitch"]]] = value
        history.tick(now, ())
    history.tick(9.0, ())
    assert history.undo() == "" and table[SLOTS["deck/1/note/1/gate"]] == 1.0


@settings(max_examples=50)
@given(st.lists(st.lists(undone_moves, min_size=1, max_size=4), min_size=1, max_size=12), st.data())
def test_undo_and_redo_restore_every_state(
    gestures: list[list[tuple[int, float]]], data: st.DataObject
) -> None:
    table = params.defaults()
    history, now = UndoHistory(table), 0.0
    states = [table.copy()]
    for gesture in gestures:
        for slot, position in gesture:
            table[slot] = SPEC_AT[slot].value(position)
            now += 0.05
            history.tick(now, ())
        now += QUIET_S + 0.1
        history.tick(now, ())
        if not np.array_equal(table, states[-1]):
            states.append(table.copy())
    at = len(states) - 1
    for _ in range(data.draw(st.integers(1, 30))):
        redo = data.draw(st.booleans())
        words = history.redo() if redo else history.undo()
        at += (1 if redo else -1) if words else 0
        assert np.array_equal(table, states[at])
    while history.undo():
        pass
    assert np.array_equal(table, states[0])


def test_a_movement_of_the_stage_is_no_undo_step() -> None:
    table = params.defaults()
    history = UndoHistory(table)
    table[GAIN] = -5.0
    history.tick(1.0, {GAIN})
    history.tick(9.0, ())
    assert history.undo_text == ""
    table[SLOTS["deck/1/pan"]] = 0.5
    history.tick(10.0, ())
    assert history.undo() == "deck/1/pan +0.00 to +0.50"
    assert table[GAIN] == -5.0


def test_a_loop_repeats_the_recorded_gesture() -> None:
    table = params.defaults()
    loops = Loops(table, lambda now: 1.7 * now + 0.3)
    assert loops.toggle("deck/1/gain", 0.0) == "recording"
    for step in range(50):
        table[GAIN] = -step / 2
        loops.tick(step * 0.02)
    assert loops.toggle("deck/1/gain", 1.0) == "looping"
    for turn in range(3):
        for step in range(1, 49):
            loops.tick(1.0 + turn + step * 0.02)
            assert table[GAIN] == pytest.approx(-step / 2, abs=0.3)
    gesture = loops.gestures()[0]
    other = Loops(params.defaults(), lambda now: 1.7 * now + 0.3)
    other.replace([gesture], 0.0)
    assert other.gestures() == [gesture]
    table[GAIN] = 6.0
    loops.tick(4.5)
    assert loops.status() == (LoopStatus("deck/1/gain", "stopped", 1.0),)
    with pytest.raises(Exception, match="cannot be looped"):
        loops.toggle("panic", 0.0)


@given(
    st.lists(
        st.tuples(st.floats(0.001, 5), st.floats(-1e3, 1e3, allow_subnormal=False)), min_size=1, max_size=200
    ),
    st.sampled_from([0, 1, 8]),
)
def test_a_thinned_gesture_is_the_same_within_a_step(moves: list[tuple[float, float]], digits: int) -> None:
    times = np.cumsum([gap for gap, _ in moves]).tolist()
    points = [(at, round(value, digits)) for at, (_, value) in zip(times, moves, strict=True)]
    kept = thinned(points)
    assert kept[0] == points[0] and kept[-1] == points[-1]
    assert set(kept) <= set(points)
    values = [value for _, value in points]
    heard = np.interp(times, *zip(*kept, strict=True))
    assert np.abs(heard - values).max() <= np.ptp(values) / STEPS * (1 + 1e-6) + 1e-9


def test_half_a_minute_of_a_knob_is_stored_as_few_points() -> None:
    table = params.defaults()
    loops = Loops(table, lambda now: 1.7 * now + 0.3)
    loops.toggle("deck/1/gain", 0.0)
    for tick in range(1, 2000):
        now = tick * 0.015
        table[GAIN] = round(127 * np.sin(now) ** 2) / 4 - 40  # as a controller sends it
        loops.tick(now)
    loops.toggle("deck/1/gain", 30.0)
    assert len(loops.gestures()[0].points) < 300


_SAVER = """
import sys, itertools
from perform.core import params
from perform.library.sets import Set
from perform.library.song import Song
from perform.stage import autosave
keep = autosave.Autosave()
for n in itertools.count():
    keep._write(autosave.msgspec.json.encode(autosave.Saved(
        Set("s", songs=[Song("x" * 5000)]), "", False, 0, float(n), {"xfade": 0.5}, {}, "s")))
    if not n:
        print("saving", flush=True)
"""


def test_a_kill_during_a_save_leaves_a_complete_autosave() -> None:
    """PERFORM_KILLS: how many kills to try."""
    chance = np.random.default_rng(1)
    for _ in range(int(os.environ.get("PERFORM_KILLS", "5"))):
        saver = subprocess.Popen([sys.executable, "-c", _SAVER], stdout=subprocess.PIPE, text=True)
        assert saver.stdout
        assert saver.stdout.readline() == "saving\n"
        time.sleep(chance.uniform(0, 0.05))
        os.kill(saver.pid, signal.SIGKILL)
        saver.wait()
        saved = autosave.read()
        assert saved is not None
        assert saved.set == Set("s", songs=[Song("x" * 5000)])
        assert saved.table()[SLOTS["xfade"]] == 0.5


def test_states_do_not_pile_up_while_the_disk_stalls(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, ended, written = threading.Event(), threading.Event(), list[bytes]()

    def write(self: autosave.Autosave, data: bytes) -> None:
        begun.set()
        assert ended.wait(20)
        written.append(data)

    monkeypatch.setattr(autosave.Autosave, "_write", write)
    keep = autosave.Autosave()
    saved = autosave.Saved(Set("s", songs=[Song("x")]), "", False, 0, 0.0, {}, {}, "s")
    keep.keep(saved)
    assert begun.wait(20)
    for played in range(1000):
        keep.keep(msgspec.structs.replace(saved, played=float(played)))
    assert keep._waiting.qsize() <= autosave.BACKLOG
    ended.set()
    keep.end(20)
    assert len(written) == 2 and b'"played":999.0' in written[1], "the newest is written"


def test_a_damaged_autosave_is_reported_and_kept(own_places: Path) -> None:
    path = own_places / "home" / "state" / "autosave.json"
    path.parent.mkdir(parents=True)
    half = b'{"set": {"name": "\xe9", "songs": []}}'
    for content in (b"", b"{", b"[]", b'{"set": 1}', b"\xff" * 100, half, half.replace(b"\xe9", b"\\ud800")):
        path.write_bytes(content)
        with pytest.raises(PerformError, match="the autosave is damaged"):
            autosave.read()
        assert autosave.read() is None
        kept = next(path.parent.glob("autosave-damaged-*.json"))
        assert kept.read_bytes() == content
        kept.unlink()
        path.write_bytes(content)
        first = choose_first_set(StageOptions())
        assert first.resumed is None and "the autosave is damaged" in first.problem
        next(path.parent.glob("autosave-damaged-*.json")).unlink()


def test_an_autosave_of_an_earlier_version_is_read(own_places: Path) -> None:
    path = own_places / "home" / "state" / "autosave.json"
    path.parent.mkdir(parents=True)
    path.write_text(
        '{"set":{"name":"s","songs":[{"name":"x"}]},"path":"","changed":false,"now":-1,"played":3.0,'
        '"numbers":{"xfade":0.5},"decks":{"1":"/m/bells.safetensors"},"asked":"s"}'
    )
    saved = autosave.read()
    assert saved is not None
    assert (saved.now, saved.outside, saved.files) == (-1, None, None)
    assert saved.table()[SLOTS["xfade"]] == 0.5


def test_loops_of_a_set_file_play(tmp_path: Path) -> None:
    table = params.defaults()
    loops = Loops(table, lambda now: 1.7 * now + 0.3)
    loops.replace([LoopGesture("deck/1/side", 1.0, [(0.0, 0.0), (0.5, 2.0)])], 0.0)
    for at, side in ((0.2, 0.0), (0.6, 2.0), (1.3, 0.0), (1.7, 2.0)):
        loops.tick(at)
        assert table[SIDE] == side
