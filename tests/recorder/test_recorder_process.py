"""The real process: killed at random moments, replaced, orphaned, terminated, on a full disk."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from recorder_rig import DEADLINE, RATE, feed, source, steps, until
from wav_readers import READERS, with_wave

from perform.recorder import wav

KILLS = int(os.environ.get("PERFORM_KILLS", "24"))
AT_ONCE = 6


def test_a_take_from_order_to_file(live, start, tmp_path):
    recorder = start(live, [tmp_path / "takes"])
    until(lambda: live.meter("take/left") > 0)  # also while idle
    recorder.order("record", set="Late Night")
    opened = recorder.wait("opened")
    path = Path(opened["path"])
    assert path.parent == tmp_path / "takes"
    assert path.name.endswith("_Late-Night.wav")
    until(lambda: live.meter("take/frames") > RATE // 2)
    assert live.meter("take/on") == 1
    assert wav.unfinished(tmp_path / "takes") == []  # it is being written
    recorder.order("stop")
    closed = recorder.wait("closed")
    assert live.meter("take/on") == 0
    frames = closed["frames"]
    assert closed == {
        "report": "closed",
        "path": str(path),
        "frames": frames,
        "seconds": frames / RATE,
        "missed": 0,
    }
    assert live.meter("take/frames") == frames
    for read in READERS:
        assert np.array_equal(read(path), steps(opened["position"], frames))
    recorder.order("record", set="Late Night")
    assert recorder.wait("opened")["path"] != str(path)


def test_sigkill_at_random_moments(live, start, tmp_path):
    """The header alone loses little; after repair next to nothing; what is there is what was played."""
    dice = random.Random(0)
    lost, lost_after_repair = [], []
    for round_ in range(-(-KILLS // AT_ONCE)):
        folders = [tmp_path / f"{round_}-{i}" for i in range(AT_ONCE)]
        recorders = [start(live, [folder]) for folder in folders]
        for recorder in recorders:
            recorder.order("record", set="kill")
        opened = [recorder.wait("opened") for recorder in recorders]
        moments = [live.tape.written + dice.randrange(RATE) for _ in recorders]
        ends = []
        for recorder, moment in sorted(zip(recorders, moments, strict=True), key=lambda pair: pair[1]):
            until(lambda moment=moment: live.tape.written >= moment)
            ends.append((recorder, live.tape.written))
            recorder.child.kill()
        for recorder, end in ends:
            recorder.child.wait(DEADLINE)
            report = opened[recorders.index(recorder)]
            path, position = Path(report["path"]), report["position"]
            before = with_wave(path)
            lost.append((end - position - len(before)) / RATE)
            assert wav.unfinished(path.parent) in ([path], [])
            frames = wav.repair(path)
            lost_after_repair.append((end - position - frames) / RATE)
            for read in READERS:
                assert np.array_equal(read(path), steps(position, frames))
            assert np.array_equal(before, steps(position, len(before)))
    print(f"{len(lost)} kills, seconds lost: worst {max(lost):.3f}, mean {np.mean(lost):.3f};", end=" ")
    print(f"after repair: worst {max(lost_after_repair):.3f}, mean {np.mean(lost_after_repair):.3f}")
    assert max(lost) <= 1.0
    assert max(lost_after_repair) <= 0.5


@pytest.mark.parametrize("say", ["path", "position"])
def test_a_replaced_recorder_goes_on_at_the_exact_frame(live, start, tmp_path, say):
    folder = tmp_path / "takes"
    first = start(live, [folder])
    first.order("record", set="demo")
    one = first.wait("opened")
    until(lambda: live.meter("take/frames") > RATE // 3)
    first.child.kill()
    first.child.wait(DEADLINE)
    order = {**one, "set": "demo", "part": one["part"] + 1}
    if say == "position":
        order["position"] = one["position"] + wav.repair(Path(order.pop("path")))
    second = start(live, [folder])
    second.order("record", **order)
    two = second.wait("opened")
    until(lambda: live.meter("take/frames") > RATE)
    second.order("stop")
    closed = second.wait("closed")
    parts = [Path(one["path"]), Path(two["path"])]
    assert parts[1].name == parts[0].stem + "_part2.wav"
    assert two["take"] == closed["path"] == str(parts[0])
    assert (two["part"], two["began"], closed["missed"]) == (2, one["position"], 0)
    both = np.concatenate([with_wave(path) for path in parts])
    assert len(both) == closed["frames"]
    assert np.array_equal(both, steps(one["position"], len(both)))


def test_goes_on_where_the_first_disk_is_gone(live, start, tmp_path):
    live.show("take/frames", 1000)
    feed(live, 5000)
    recorder = start(live, [tmp_path / "takes"])
    gone = str(tmp_path / "gone" / "x.wav")
    recorder.order("record", set="demo", path=gone, take=gone, part=2, position=100, began=100)
    assert recorder.wait("opened")["position"] == 1100


def test_repairs_what_an_earlier_run_left(arena, start, tmp_path):
    folders = [tmp_path / "a", tmp_path / "missing", tmp_path / "b"]
    for folder in (folders[0], folders[2]):
        folder.mkdir()
        writer = wav.Writer(folder / "old.wav", RATE)
        writer.write(source(0, 700))
        os.close(writer._fd)
    live_one = wav.Writer(tmp_path / "a" / "live.wav", RATE)
    live_one.write(source(0, 700))
    recorder = start(arena, folders)
    for folder in (folders[0], folders[2]):
        report = recorder.wait("repaired")
        assert (report["path"], report["frames"]) == (str(folder / "old.wav"), 700)
        assert np.array_equal(with_wave(folder / "old.wav"), steps(0, 700))
    assert len(with_wave(live_one.path)) == 0
    live_one.close()


@pytest.mark.parametrize("end", ["stage", "terminated"])
def test_the_take_is_finished_when(live, start, tmp_path, end):
    recorder = start(live, [tmp_path])
    recorder.order("record", set="demo")
    opened = recorder.wait("opened")
    until(lambda: live.meter("take/frames") > 0)
    if sys.platform != "win32":
        recorder.child.send_signal(signal.SIGINT)  # ctrl-C is for others
    at = live.tape.written
    until(lambda: live.meter("take/frames") > at - opened["position"])
    at = live.tape.written
    if end == "stage":
        recorder.child.stdin.close()
    else:
        recorder.child.terminate()
    assert recorder.child.wait(DEADLINE) == 0
    got = with_wave(Path(opened["path"]))
    assert len(got) >= at - opened["position"]
    assert np.array_equal(got, steps(opened["position"], len(got)))
    assert wav.unfinished(tmp_path) == []
    assert (tmp_path / "recorder.log").read_text() == ""


def test_low_space_is_reported(arena, start, tmp_path):
    arena.show("rate", 1e12)  # so no disk has 30 minutes
    recorder = start(arena, [tmp_path])
    report = recorder.wait("space")
    assert report["seconds_left"] < 1800
    assert report["bytes_left"] > 0


def _grow(arena, recorder, opened, frames):
    """Feed in pieces that the recorder keeps up with."""
    while frames > 0:
        n = min(frames, 40_000)
        feed(arena, n)
        frames -= n
        until(lambda: arena.meter("take/frames") >= arena.tape.written - opened["position"] - 20_000)


def _check_parts(recorder, least):
    closed = recorder.wait("closed")
    parts = [Path(r["path"]) for r in recorder.reports if r["report"] == "opened"]
    assert len(parts) >= least
    assert closed["missed"] == 0
    got = np.concatenate([with_wave(path) for path in parts])
    assert len(got) == closed["frames"]
    assert np.array_equal(got, steps(0, len(got)))
    return parts


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files")
def test_a_file_that_may_not_grow_goes_on_in_the_next(arena, start, tmp_path):
    """As on a FAT disk at 4 GiB: EFBIG, here from the process's own limit."""
    import resource

    limit = 1_000_003
    folders = [tmp_path / "a", tmp_path / "b"]
    recorder = start(
        arena, folders, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    )
    recorder.order("record", set="demo")
    opened = recorder.wait("opened")
    _grow(arena, recorder, opened, 600_000)
    recorder.order("stop")
    parts = _check_parts(recorder, 4)
    assert [path.parent for path in parts[:4]] == [folders[0], folders[1], folders[0], folders[1]]
    assert len(with_wave(parts[0])) == (limit - wav.HEADER) // wav.PCM24.frame


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 1 MiB, where this user may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "perform-test", str(disk)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("may not mount a disk here")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_goes_on_in_the_next_folder(arena, start, tmp_path, small_disk):
    recorder = start(arena, [small_disk, tmp_path / "b"])
    recorder.order("record", set="demo")
    opened = recorder.wait("opened")
    assert recorder.wait("space")["bytes_left"] < 1 << 20
    _grow(arena, recorder, opened, 300_000)
    recorder.order("stop")
    parts = _check_parts(recorder, 2)
    assert [path.parent for path in parts] == [small_disk, tmp_path / "b"]
    assert sum(r["report"] == "failed" for r in recorder.reports) == 1
