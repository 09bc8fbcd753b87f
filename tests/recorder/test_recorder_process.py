"""The recorder process: killed, replaced, terminated, without its stage, on a full disk."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from recorder_rig import DEADLINE, RATE, feed, header, source, steps, track_steps, until
from wav_readers import FLOAT_READERS, READERS, with_wave

from perform.core.arena_layout import STEMS
from perform.recorder import gesture_log, markers, take_index, take_part, wav_format, wav_repair, wav_writer
from perform.recorder.recent_events import RecentEvents
from perform.recorder.retro import LastMinutes, LastMinutesTake
from perform.recorder.take_names import track_path

KILLS = int(os.environ.get("PERFORM_KILLS", "12"))  # of the recorder, at random moments: 200 for a long test
AT_ONCE = 6  #: files, and so recorders or tracks


def test_a_take_is_recorded_from_start_to_end(live, start, tmp_path):
    recorder = start(live, [tmp_path / "takes"])
    until(lambda: live.meter("take/left") > 0)  # also while idle
    recorder.order("StartTake", set="Late Night")
    opened = recorder.wait("TakeOpened")
    path = Path(opened["path"])
    assert path.parent == tmp_path / "takes"
    assert path.name.endswith("_Late-Night.wav")
    until(lambda: live.meter("take/frames") > RATE // 2)
    assert live.meter("take/on") == 1
    assert wav_repair.unfinished(tmp_path / "takes") == []  # it is being written
    recorder.order("EndTake")
    closed = recorder.wait("TakeClosed")
    assert live.meter("take/on") == 0
    frames = closed["frames"]
    assert closed == {
        "report": "TakeClosed",
        "path": str(path),
        "frames": frames,
        "seconds": frames / RATE,
        "missed": 0,
    }
    assert live.meter("take/frames") == frames
    for read in READERS:
        assert np.array_equal(read(path), steps(opened["position"], frames))
    recorder.order("StartTake", set="Late Night")
    assert recorder.wait("TakeOpened")["path"] != str(path)


PLANS = (
    {},
    {"samples": "float32"},
    {"tracks": ["master", "pre", *STEMS]},
    {"tracks": ["master", "deck1", "deck2"], "samples": "float32"},
)


def read_steps(read, path: Path, samples: str) -> np.ndarray:
    return read(path) if samples == "pcm24" else np.rint(read(path) * 2.0**23).astype(np.int32)


def test_a_recorder_killed_at_random_moments(live, start, tmp_path):
    """The files lose little, and after a repair almost nothing; what they hold is what was played."""
    dice = random.Random(0)
    lost, lost_after_repair, lost_of_log = [], [], []
    live.reserve_tracks()
    live.set_meter("tracks/on", 1)
    until(lambda: live.meter("tracks/from"))
    round_ = 0
    while len(lost_of_log) < KILLS:
        round_ += 1
        plan = PLANS[round_ % len(PLANS)]
        samples, tracks = plan.get("samples", "pcm24"), plan.get("tracks", ["master"])
        folders = [tmp_path / f"{round_}-{i}" for i in range(max(1, AT_ONCE // len(tracks)))]
        recorders = [start(live, [folder]) for folder in folders]
        for recorder in recorders:
            recorder.order("StartTake", set="kill", **plan)
        opened = [recorder.wait("TakeOpened") for recorder in recorders]
        marks = [report["position"] for report in opened]
        for recorder, position in zip(recorders, marks, strict=True):
            recorder.order("MarkTake", name="here", what="mark", position=position)
        moments = [live.history.written + dice.randrange(RATE) for _ in recorders]
        ends = []
        for recorder, moment in sorted(zip(recorders, moments, strict=True), key=lambda pair: pair[1]):
            until(lambda moment=moment: live.history.written >= moment)
            ends.append((recorder, live.history.written))
            recorder.child.kill()
        for recorder, end in ends:
            recorder.child.wait(DEADLINE)
            report = opened[recorders.index(recorder)]
            master, position = Path(report["path"]), report["position"]
            log = gesture_log.read(master.with_suffix(gesture_log.SUFFIX))
            for track in tracks:
                path = track_path(master, track)
                before = wav_repair.inspect(path).claimed
                lost.append((end - position - before) / RATE)
                frames = take_part.repair(path)
                lost_after_repair.append((end - position - frames) / RATE)
                expected = track_steps(live, track, position, frames)
                for read in READERS if samples == "pcm24" else FLOAT_READERS:
                    assert np.array_equal(read_steps(read, path, samples), expected)
                tail = wav_format.HEADER + wav_format.FORMATS[samples].frame_bytes * frames
                data = path.read_bytes()[tail:]
                assert markers.unpack(data) == log.marks()
            assert wav_repair.unfinished(master.parent) == []
            lost_of_log.append(not log.marks())
    print(f"{len(lost)} files, seconds lost: worst {max(lost):.3f}, mean {np.mean(lost):.3f};", end=" ")
    print(
        f"after repair: worst {max(lost_after_repair):.3f}, mean {np.mean(lost_after_repair):.3f};", end=" "
    )
    print(f"{sum(lost_of_log)} of {len(lost_of_log)} kills came before the marker was safe")
    assert max(lost) <= 1.0
    assert max(lost_after_repair) <= 0.5
    assert not all(lost_of_log)


@pytest.mark.parametrize("known", ["path", "position"])
def test_a_new_recorder_continues_at_the_exact_frame(live, start, tmp_path, known):
    folder = tmp_path / "takes"
    first = start(live, [folder])
    first.order("StartTake", set="demo")
    one = first.wait("TakeOpened")
    until(lambda: live.meter("take/frames") > RATE // 3)
    first.child.kill()
    first.child.wait(DEADLINE)
    order = {**{k: v for k, v in one.items() if k != "report"}, "set": "demo", "part": one["part"] + 1}
    if known == "position":
        order["position"] = one["position"] + wav_repair.repair(Path(order.pop("path")))
    second = start(live, [folder])
    second.order("ContinueTake", **order)
    two = second.wait("TakeOpened")
    until(lambda: live.meter("take/frames") > RATE)
    second.order("EndTake")
    closed = second.wait("TakeClosed")
    parts = [Path(one["path"]), Path(two["path"])]
    assert parts[1].name == parts[0].stem + "_part2.wav"
    assert two["take"] == closed["path"] == str(parts[0])
    assert (two["part"], two["began"], closed["missed"]) == (2, one["position"], 0)
    both = np.concatenate([with_wave(path) for path in parts])
    assert len(both) == closed["frames"]
    assert np.array_equal(both, steps(one["position"], len(both)))


def test_a_take_continues_when_the_first_disk_is_gone(live, start, tmp_path):
    live.set_meter("take/frames", 1000)
    feed(live, 5000)
    recorder = start(live, [tmp_path / "takes"])
    gone = str(tmp_path / "gone" / "x.wav")
    recorder.order("ContinueTake", set="demo", path=gone, take=gone, part=2, position=100, began=100)
    assert recorder.wait("TakeOpened")["position"] == 1100


def test_files_of_an_earlier_run_are_repaired(arena, start, tmp_path):
    folders = [tmp_path / "a", tmp_path / "missing", tmp_path / "b"]
    for folder in (folders[0], folders[2]):
        folder.mkdir()
        writer = wav_writer.WavWriter(folder / "old.wav", RATE)
        writer.write(source(0, 700))
        os.close(writer._fd)
    live_one = wav_writer.WavWriter(tmp_path / "a" / "live.wav", RATE)
    live_one.write(source(0, 700))
    recorder = start(arena, folders)
    for folder in (folders[0], folders[2]):
        report = recorder.wait("TakeRepaired")
        assert (report["path"], report["frames"]) == (str(folder / "old.wav"), 700)
        assert np.array_equal(with_wave(folder / "old.wav"), steps(0, 700))
    assert len(with_wave(live_one.path)) == 0
    live_one.close()


@pytest.mark.parametrize("end", ["stage", "terminated"])
def test_the_take_is_finished_when_the_recorder_ends(live, start, tmp_path, end):
    recorder = start(live, [tmp_path])
    recorder.order("StartTake", set="demo")
    opened = recorder.wait("TakeOpened")
    until(lambda: live.meter("take/frames") > 0)
    if sys.platform != "win32":
        recorder.child.send_signal(signal.SIGINT)  # ctrl-C is for others
    at = live.history.written
    until(lambda: live.meter("take/frames") > at - opened["position"])
    at = live.history.written
    if end == "stage":
        recorder.child.stdin.close()
    else:
        recorder.child.terminate()
    assert recorder.child.wait(DEADLINE) == 0
    got = with_wave(Path(opened["path"]))
    assert len(got) >= at - opened["position"]
    assert np.array_equal(got, steps(opened["position"], len(got)))
    assert wav_repair.unfinished(tmp_path) == []
    assert (tmp_path / "recorder.log").read_text() == ""


def test_low_disk_space_is_reported(arena, start, tmp_path):
    arena.set_meter("rate", 1e12)  # so no disk has 30 minutes
    recorder = start(arena, [tmp_path])
    report = recorder.wait("DiskLow")
    assert report["seconds_left"] < 1800
    assert report["bytes_left"] > 0


def _grow(arena, recorder, opened, frames):
    """Feed the source in pieces, no faster than the recorder writes."""
    while frames > 0:
        n = min(frames, 40_000)
        feed(arena, n)
        frames -= n
        until(lambda: arena.meter("take/frames") >= arena.history.written - opened["position"] - 20_000)


def _check_parts(recorder, least):
    closed = recorder.wait("TakeClosed")
    parts = [Path(r["path"]) for r in recorder.reports if r["report"] == "TakeOpened"]
    assert len(parts) >= least
    assert closed["missed"] == 0
    got = np.concatenate([with_wave(path) for path in parts])
    assert len(got) == closed["frames"]
    assert np.array_equal(got, steps(0, len(got)))
    return parts


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files")
def test_a_take_continues_when_a_file_cannot_grow(arena, start, tmp_path):
    """As on a FAT disk at 4 GiB: the system returns EFBIG, here because of a limit of the process."""
    import resource

    limit = 1_000_003
    folders = [tmp_path / "a", tmp_path / "b"]
    recorder = start(
        arena, folders, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    )
    recorder.order("StartTake", set="demo")
    opened = recorder.wait("TakeOpened")
    _grow(arena, recorder, opened, 600_000)
    recorder.order("EndTake")
    parts = _check_parts(recorder, 4)
    assert [path.parent for path in parts[:4]] == [folders[0], folders[1], folders[0], folders[1]]
    assert [list(take.files) for take in take_index.takes(folders)] == [parts]
    assert len(with_wave(parts[0])) == (limit - wav_format.HEADER) // wav_format.PCM24.frame_bytes


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 1 MiB, if this user may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "perform-test", str(disk)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("may not mount a disk here")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.parametrize("plan", PLANS)
def test_a_take_continues_in_the_next_folder_when_a_disk_is_full(arena, start, tmp_path, small_disk, plan):
    arena.reserve_tracks()
    arena.set_meter("tracks/on", 1)
    feed(arena, 1)
    recorder = start(arena, [small_disk, tmp_path / "b"])
    recorder.order("StartTake", set="demo", position=0, **plan)
    opened = recorder.wait("TakeOpened")
    assert recorder.wait("DiskLow")["bytes_left"] < 1 << 20
    _grow(arena, recorder, opened, 250_000)
    recorder.order("EndTake")
    closed = recorder.wait("TakeClosed")
    reports = [r for r in recorder.reports if r["report"] in ("TakeOpened", "TakeFailed")]
    assert [r["report"] for r in reports] == ["TakeOpened", "TakeFailed", "TakeOpened"] or len(
        plan.get("tracks", ())
    ) > 2
    parts = [Path(r["path"]) for r in reports if r["report"] == "TakeOpened"]
    assert parts[-1].parent == tmp_path / "b"
    assert (closed["missed"], closed["frames"]) == (0, 250_001)
    samples = plan.get("samples", "pcm24")
    read = with_wave if samples == "pcm24" else FLOAT_READERS[0]
    for track in plan.get("tracks", ["master"]):
        got = np.concatenate([read_steps(read, track_path(path, track), samples) for path in parts])
        assert np.array_equal(got, track_steps(arena, track, 0, 250_001))


def test_the_last_minutes_are_saved_though_nothing_was_recording(live, start, tmp_path):
    """They survive the death of a recorder; during a take, the minutes before it can be saved."""
    first = start(live, [tmp_path], retro=20.0)
    until(lambda: live.history.written > 2 * RATE)
    first.child.kill()
    first.child.wait(DEADLINE)
    recorder = start(live, [tmp_path], retro=20.0)
    until(lambda: live.meter("heartbeat/recorder"))
    recorder.order("MarkTake", name="before", what="mark", position=RATE)
    now = live.history.written
    recorder.order("WriteLastMinutes", set="Late Night")
    kept = recorder.wait("LastMinutesWritten")
    path = Path(kept["path"])
    assert kept["error"] == ""
    assert kept["frames"] / RATE == kept["seconds"]
    assert now - RATE // 5 < kept["frames"] <= live.history.written
    assert np.array_equal(with_wave(path), steps(0, kept["frames"]))
    assert path.with_suffix(".txt").read_text() == "0:00:01.000  before\n"
    assert gesture_log.read(path.with_suffix(gesture_log.SUFFIX)).header.position == 0
    recorder.order("StartTake", set="Late Night")
    opened = recorder.wait("TakeOpened")
    recorder.order("WriteLastMinutes", set="Late Night")
    kept = recorder.wait("LastMinutesWritten")
    assert kept["frames"] == opened["position"]
    assert np.array_equal(with_wave(Path(kept["path"])), steps(0, kept["frames"]))
    recorder.order("EndTake")
    closed = recorder.wait("TakeClosed")
    assert np.array_equal(with_wave(Path(closed["path"])), steps(opened["position"], closed["frames"]))


def test_only_the_last_seconds_are_saved(arena, start, tmp_path):
    recorder = start(arena, [tmp_path], retro=2.0)
    for _ in range(8):
        beat = arena.meter("heartbeat/recorder")
        feed(arena, RATE)
        until(lambda beat=beat: arena.meter("heartbeat/recorder") > beat + 2)
    recorder.order("WriteLastMinutes", set="demo")
    kept = recorder.wait("LastMinutesWritten")
    assert np.array_equal(with_wave(Path(kept["path"])), steps(6 * RATE, 2 * RATE))


def test_the_last_minutes_are_written_piece_by_piece(arena, tmp_path):
    """One sync of everything would take a slow disk so long that the stage would kill the recorder."""
    feed(arena, 25 * RATE)
    retro = LastMinutes(tmp_path / "past.retro", arena.history, RATE, 25.0)
    retro.follow()
    keeping = LastMinutesTake(
        retro, RecentEvents(arena, 25.0), [tmp_path], "kept", header(["master"]), 0, retro.end
    )
    claimed = []
    while not keeping.done:
        keeping.step()
        claimed.append(wav_repair.inspect(Path(keeping.path)).claimed)
    pieces = np.diff([0, *claimed])
    assert len(pieces) == 3
    assert pieces.max() < 11 * RATE
    assert claimed[-1] == 25 * RATE


def test_there_may_be_no_last_minutes(arena, start, tmp_path):
    recorder = start(arena, [tmp_path])
    recorder.order("WriteLastMinutes", set="demo")
    assert "--retro" in recorder.wait("LastMinutesWritten")["error"]


def test_the_last_minutes_go_to_the_next_folder_when_one_fails(arena, start, tmp_path, small_disk):
    recorder = start(arena, [small_disk, tmp_path / "b"], retro=20.0)
    until(lambda: arena.meter("heartbeat/recorder"))
    feed(arena, 20 * RATE)
    beat = arena.meter("heartbeat/recorder")
    until(lambda: arena.meter("heartbeat/recorder") > beat + 2)
    recorder.order("WriteLastMinutes", set="demo")
    kept = recorder.wait("LastMinutesWritten")
    assert Path(kept["path"]).parent == tmp_path / "b"
    assert np.array_equal(with_wave(Path(kept["path"])), steps(0, 20 * RATE))
    assert list(small_disk.iterdir()) == []
