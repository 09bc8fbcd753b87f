"""Writing a take: names, parts on other disks at the exact frame, silence for lost frames."""

from __future__ import annotations

import errno
import os
import shutil
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorder_rig import RATE, feed, header, steps, track_steps
from wav_readers import floats_with_soundfile, with_soundfile, with_wave

from perform.core.arena import Arena
from perform.core.messages.recorder_messages import TakeFailed, TakeOpened
from perform.recorder import take_writer as take_module
from perform.recorder import wav_format, wav_writer
from perform.recorder.recent_events import RecentEvents
from perform.recorder.take_names import numbered_paths, part_name, safe_name, take_name, track_path
from perform.recorder.take_writer import CHUNK, OVERWRITTEN, TakePlan, TakeWriter


class Reports(list):
    def of(self, kind):
        return [report for report in self if isinstance(report, kind)]

    def files(self):
        return [Path(report.path) for report in self.of(TakeOpened)]


@pytest.fixture
def reports():
    return Reports()


def begin(arena: Arena, reports: Reports, *folders: Path, **more) -> TakeWriter:
    position = more.pop("position", arena.history.written)
    tracks = {name: arena.tracks[name] for name in more.pop("tracks", ["master"])}
    plan = TakePlan(tracks, folders, "demo", header(list(tracks), more.pop("samples", "pcm24")))
    return TakeWriter(plan, RecentEvents(arena, 60), reports.append, position=position, **more)


def whole(files: list[Path]) -> np.ndarray:
    return np.concatenate([with_wave(path) for path in files])


# ---- names


def test_file_names():
    when = datetime(2026, 11, 22, 21, 3, 11)
    assert take_name("demo", when) == "2026-11-22_21-03-11_demo"
    assert part_name("x_demo", 1) == "x_demo"
    assert part_name("x_demo", 2) == "x_demo_part2"
    names = numbered_paths(Path("t"), "x")
    assert [next(names).name for _ in range(3)] == ["x.wav", "x_2.wav", "x_3.wav"]


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("demo", "demo"),
        ("Late Night", "Late-Night"),
        ('a/b\\c:d*e?f"g<h>i|j', "a-b-c-d-e-f-g-h-i-j"),
        ("../../etc/passwd", "etc-passwd"),
        ("Größe é 夜 हिन्दी", "Größe-é-夜-हिन्दी"),
        ("e\u0301", "é"),
        ("x\0\n\x7f\udc80y", "x-y"),
        ("...", "take"),
        ("", "take"),
        ("CON.", "CON"),
        ("ü" * 200, "ü" * 40),
    ],
)
def test_safe_names(name, safe):
    assert safe_name(name) == safe


@given(st.text())
def test_any_set_name_makes_a_file_name(name):
    safe = safe_name(name)
    assert 0 < len(safe.encode()) <= 80
    assert not set(safe) & set('<>:"/\\|?*. \0')


def test_an_existing_name_gets_a_number(arena, reports, tmp_path):
    (tmp_path / "demo.wav").write_bytes(b"precious")
    one, two = begin(arena, reports, tmp_path), begin(arena, reports, tmp_path)
    assert [path.name for path in reports.files()] == ["demo_2.wav", "demo_3.wav"]
    assert (tmp_path / "demo.wav").read_bytes() == b"precious"
    one.close(0)
    two.close(0)


# ---- from the history buffer to the file


def test_a_take_equals_the_history(arena, reports, tmp_path):
    feed(arena, 5000)
    take = begin(arena, reports, tmp_path / "new" / "folder")
    for frames in (1, 4096, 0, 77, 3 * CHUNK + 5):
        feed(arena, frames)
        take.advance(arena.history.written)
        assert take.position == arena.history.written
    end = arena.history.written
    feed(arena, 1000)
    take.close(end)
    assert (take.safe, take.missed) == (end - 5000, 0)
    assert np.array_equal(whole(reports.files()), steps(5000, end - 5000))
    assert reports.of(TakeOpened) == [
        TakeOpened(
            path=str(reports.files()[0]),
            position=5000,
            part=1,
            take=str(take.first),
            began=5000,
            tracks=("master",),
            samples="pcm24",
        )
    ]


def test_lost_frames_are_silent_and_counted(arena, reports, tmp_path):
    take = begin(arena, reports, tmp_path)
    feed(arena, 10_000)
    take.advance(10_000)
    end = arena.history.capacity + 200_000
    feed(arena, end - 10_000)
    take.advance(end)
    lost = end - arena.history.capacity + OVERWRITTEN - 10_000
    assert take.missed == lost
    feed(arena, 5000)
    take.close(end + 5000)
    assert (take.missed, take.safe) == (lost, end + 5000)
    expected = steps(0, end + 5000)
    expected[10_000 : 10_000 + lost] = 0
    assert np.array_equal(whole(reports.files()), expected)


def test_a_long_stall_of_the_disk_loses_nothing(arena, reports, tmp_path):
    take = begin(arena, reports, tmp_path)
    feed(arena, 40 * RATE)
    take.close(arena.history.written)
    assert take.missed == 0
    assert np.array_equal(whole(reports.files()), steps(0, 40 * RATE))


# ---- other disks


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT])
def test_a_take_continues_in_the_next_folder_after_a_failed_write(
    arena, reports, tmp_path, monkeypatch, code
):
    take = begin(arena, reports, tmp_path / "a", tmp_path / "b")
    feed(arena, 20_000)
    take.advance(10_000)
    real, left = wav_writer._write_at, [30_001]  # bytes until the disk is full, in the middle of a frame

    def full(fd, data, at):
        if at < wav_format.HEADER or not left:
            return real(fd, data, at)
        if left[0] == 0:
            left.clear()
            raise OSError(code, os.strerror(code))
        done = real(fd, data[: left[0]], at)
        left[0] -= done
        return done

    monkeypatch.setattr(wav_writer, "_write_at", full)
    take.close(20_000)
    files = reports.files()
    assert [path.relative_to(tmp_path).as_posix() for path in files] == ["a/demo.wav", "b/demo_part2.wav"]
    assert [len(with_wave(path)) for path in files] == [15_000, 5000]
    assert np.array_equal(whole(files), steps(0, 20_000))
    assert [type(report) for report in reports] == [TakeOpened, TakeFailed, TakeOpened]
    assert reports.of(TakeFailed)[0].path == str(files[0])
    assert reports.of(TakeOpened)[1].position == 15_000
    assert reports.of(TakeOpened)[1].take == str(files[0])


def test_a_failed_sync_writes_the_lost_frames_again(arena, reports, tmp_path, monkeypatch):
    monkeypatch.setattr(take_module, "SYNC_S", 0.0)
    take = begin(arena, reports, tmp_path / "a", tmp_path / "b")
    feed(arena, 10_000)
    take.advance(10_000)
    real, broken = wav_writer._flush, [True]

    def flush(fd):
        if broken:
            broken.clear()
            raise OSError(errno.EIO, "Input/output error")
        real(fd)

    feed(arena, 5000)
    monkeypatch.setattr(wav_writer, "_flush", flush)
    take.close(15_000)
    assert [len(with_wave(path)) for path in reports.files()] == [10_000, 5000]
    assert np.array_equal(whole(reports.files()), steps(0, 15_000))
    assert (take.safe, take.missed) == (15_000, 0)


def test_without_a_working_folder_the_take_waits_and_loses_nothing(arena, reports, tmp_path, monkeypatch):
    monkeypatch.setattr(take_module, "RETRY_S", 0.0)
    blocked = tmp_path / "blocked"
    blocked.touch()  # a file where a folder should be
    take = begin(arena, reports, blocked)
    for _ in range(5):
        feed(arena, 4 * RATE)
        take.advance(arena.history.written)
    assert (take.folder, take.safe, take.first) == (None, 0, None)
    assert [type(report) for report in reports] == [TakeFailed]
    blocked.unlink()
    take.advance(arena.history.written)
    take.close(arena.history.written)
    assert [type(report) for report in reports] == [TakeFailed, TakeOpened]
    assert take.missed == 0
    assert np.array_equal(whole(reports.files()), steps(0, 20 * RATE))


def test_full_disks_that_still_accept_files_are_reported_once_and_the_loss_while_it_happens(
    arena, reports, tmp_path, monkeypatch
):
    monkeypatch.setattr(take_module, "RETRY_S", 0.0)
    monkeypatch.setattr(take_module, "SYNC_S", 0.0)
    take = begin(arena, reports, tmp_path / "a", tmp_path / "b")
    feed(arena, RATE)
    take.advance(RATE)
    real, full = wav_writer._write_at, [True]

    def write(fd, data, at):
        if full and at >= wav_format.HEADER and any(bytes(data)):  # a trial with zeros succeeds
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(fd, data, at)

    monkeypatch.setattr(wav_writer, "_write_at", write)
    tries = iter(range(8))
    monkeypatch.setattr(take, "_is_open", lambda real=take._is_open: next(tries, None) is not None and real())
    feed(arena, 4 * RATE)
    take.advance(5 * RATE)
    assert (take.folder, take.waiting, take.missed) == (None, 4 * RATE, 0)
    capacity = arena.history.capacity - OVERWRITTEN
    feed(arena, capacity)
    assert (take.waiting, take.missed) == (capacity, 4 * RATE), "known while it happens"
    assert [type(report) for report in reports] == [TakeOpened, TakeFailed, TakeOpened, TakeFailed]
    monkeypatch.undo()
    end = arena.history.written
    take.advance(end, sync=True)
    assert type(reports[-1]) is TakeOpened
    assert (take.waiting, take.missed) == (0, 4 * RATE)
    take.close(end)
    assert (take.safe, take.missed) == (end, 4 * RATE)


def test_a_take_without_any_folder_counts_all_frames_as_missed(arena, reports, tmp_path):
    (tmp_path / "blocked").touch()
    take = begin(arena, reports, tmp_path / "blocked")
    feed(arena, 1000)
    take.close(1000)
    assert (take.safe, take.missed, take.first) == (0, 1000, None)


def test_a_take_continues_when_its_folder_is_deleted(arena, reports, tmp_path):
    take = begin(arena, reports, tmp_path / "a")
    feed(arena, 10_000)
    take.advance(10_000, sync=True)
    shutil.rmtree(tmp_path / "a")
    feed(arena, 5000)
    take.close(15_000)
    assert "deleted" in reports.of(TakeFailed)[0].error
    assert np.array_equal(with_soundfile(reports.files()[1]), steps(10_000, 5000))


# ---- tracks and markers

TRACKS = ["master", "pre", "deck1", "deck8"]


def check_tracks(arena: Arena, files: list[Path], end: int) -> None:
    for track in TRACKS:
        whole_track = np.concatenate([with_wave(track_path(path, track)) for path in files])
        assert np.array_equal(whole_track, track_steps(arena, track, 0, end))
    for path in files:
        assert len({len(with_wave(track_path(path, track))) for track in TRACKS}) == 1


def test_all_tracks_are_aligned_frame_by_frame(arena, reports, tmp_path):
    arena.set_meter("tracks/on", 1)
    take = begin(arena, reports, tmp_path, tracks=TRACKS)
    for frames in (1, 77, 3 * CHUNK + 5):
        feed(arena, frames)
        take.advance(arena.history.written)
    take.close(arena.history.written)
    assert {path.name for path in tmp_path.glob("demo*")} == {
        "demo.wav",
        "demo_pre.wav",
        "demo_deck1.wav",
        "demo_deck8.wav",
        "demo.gestures",
    }
    check_tracks(arena, reports.files(), arena.history.written)


@pytest.mark.parametrize("full", TRACKS)
def test_when_one_track_fails_all_continue_in_the_next_folder(arena, reports, tmp_path, monkeypatch, full):
    arena.set_meter("tracks/on", 1)
    take = begin(arena, reports, tmp_path / "a", tmp_path / "b", tracks=TRACKS)
    feed(arena, 20_000)
    take.advance(10_000, sync=True)
    real, broken = wav_writer.WavWriter.append, [True]

    def append(self, data):
        if broken and self.path == track_path(tmp_path / "a" / "demo.wav", full):
            broken.clear()
            real(self, data[: 1001 * 6])
            raise OSError(errno.ENOSPC, "No space left on device")
        real(self, data)

    monkeypatch.setattr(wav_writer.WavWriter, "append", append)
    take.close(20_000)
    assert len(reports.files()) == 2
    assert reports.of(TakeOpened)[1].position == (11_001 if full == TRACKS[-1] else 10_000)
    check_tracks(arena, reports.files(), 20_000)
    assert (take.safe, take.missed) == (20_000, 0)


def test_lost_frames_of_one_track_are_silent_in_that_track_only(arena, reports, tmp_path):
    arena.set_meter("tracks/on", 1)
    take = begin(arena, reports, tmp_path, tracks=TRACKS)
    capacity = arena.tracks["pre"].capacity
    feed(arena, capacity + 100_000)
    take.close(capacity + 100_000)
    lost = 100_000 + OVERWRITTEN
    assert take.missed == lost
    assert np.array_equal(with_wave(take.first), steps(0, capacity + 100_000))
    pre = with_wave(track_path(take.first, "pre"))
    assert not pre[:lost].any()
    assert np.array_equal(pre[lost:], track_steps(arena, "pre", lost, capacity + 100_000 - lost))


def test_a_float_take_does_not_clip(arena, reports, tmp_path):
    take = begin(arena, reports, tmp_path, samples="float32")
    loud = np.linspace(-4, 4, 2000, dtype=np.float32).reshape(-1, 2)
    arena.history.write(loud)
    take.close(1000)
    assert np.array_equal(floats_with_soundfile(take.first), loud)


def test_a_name_is_not_used_if_a_track_or_log_has_it(arena, reports, tmp_path):
    (tmp_path / "demo_pre.wav").write_bytes(b"precious")
    (tmp_path / "demo_2.gestures").write_bytes(b"precious")
    take = begin(arena, reports, tmp_path, tracks=["master", "pre"])
    take.close(0)
    assert take.first.name == "demo_3.wav"
    assert not (tmp_path / "demo.wav").exists()
    assert not (tmp_path / "demo_2.wav").exists()


def test_each_part_has_its_markers_and_lists(arena, reports, tmp_path, monkeypatch):
    take = begin(arena, reports, tmp_path / "a", tmp_path / "b")
    feed(arena, 30_000)
    take.mark(0, "First light")
    take.mark(9000, "scene 2")
    take.mark(20_000, "Größe")
    take.advance(10_000, sync=True)
    real, broken = wav_writer._flush, [True]

    def flush(fd):
        if broken:
            broken.clear()
            raise OSError(errno.EIO, "Input/output error")
        real(fd)

    monkeypatch.setattr(wav_writer, "_flush", flush)
    take.close(30_000)
    one, two = reports.files()
    assert one.with_suffix(".txt").read_text() == "0:00:00.000  First light\n0:00:00.188  scene 2\n"
    assert two.with_suffix(".txt").read_text() == "0:00:00.208  Größe\n"
    assert one.with_suffix(".cue").read_text().splitlines() == [
        'TITLE "demo"',
        'FILE "demo.wav" WAVE',
        "  TRACK 01 AUDIO",
        '    TITLE "First light"',
        "    INDEX 01 00:00:00",
        "  TRACK 02 AUDIO",
        '    TITLE "scene 2"',
        "    INDEX 01 00:00:14",
    ]
    assert np.array_equal(whole([one, two]), steps(0, 30_000))
