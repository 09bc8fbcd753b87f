"""The take: names, parts on other disks at the exact frame, silence for what the tape lost."""

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
from recorder_rig import RATE, feed, header, steps
from wav_readers import with_soundfile, with_wave

from perform.recorder import take as take_module
from perform.recorder import wav
from perform.recorder.gestures import History
from perform.recorder.names import part_name, paths, safe_name, take_name
from perform.recorder.take import CHUNK, WET, Plan, Take
from perform.shared import Arena


class Reports(list):
    def __call__(self, kind, **fields):
        self.append((kind, fields))

    def of(self, kind):
        return [fields for k, fields in self if k == kind]

    def files(self):
        return [Path(fields["path"]) for fields in self.of("opened")]


@pytest.fixture
def told():
    return Reports()


def begin(arena: Arena, told: Reports, *folders: Path, **more) -> Take:
    position = more.pop("position", arena.tape.written)
    tracks = {name: arena.tracks[name] for name in more.pop("tracks", ["master"])}
    plan = Plan(tracks, folders, "demo", header(list(tracks), more.pop("samples", "pcm24")))
    return Take(plan, History(arena, 60), told, position=position, **more)


def whole(files: list[Path]) -> np.ndarray:
    return np.concatenate([with_wave(path) for path in files])


# ---- names


def test_names():
    when = datetime(2026, 11, 22, 21, 3, 11)
    assert take_name("demo", when) == "2026-11-22_21-03-11_demo"
    assert part_name("x_demo", 1) == "x_demo"
    assert part_name("x_demo", 2) == "x_demo_part2"
    names = paths(Path("t"), "x")
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
def test_any_name_makes_a_file(name):
    safe = safe_name(name)
    assert 0 < len(safe.encode()) <= 80
    assert not set(safe) & set('<>:"/\\|?*. \0')


def test_a_taken_name_gets_a_number(arena, told, tmp_path):
    (tmp_path / "demo.wav").write_bytes(b"precious")
    one, two = begin(arena, told, tmp_path), begin(arena, told, tmp_path)
    assert [path.name for path in told.files()] == ["demo_2.wav", "demo_3.wav"]
    assert (tmp_path / "demo.wav").read_bytes() == b"precious"
    one.close(0)
    two.close(0)


# ---- from the tape to the file


def test_the_take_is_the_tape(arena, told, tmp_path):
    feed(arena, 5000)
    take = begin(arena, told, tmp_path / "new" / "folder")
    for frames in (1, 4096, 0, 77, 3 * CHUNK + 5):
        feed(arena, frames)
        take.advance(arena.tape.written)
        assert take.position == arena.tape.written
    end = arena.tape.written
    feed(arena, 1000)
    take.close(end)
    assert (take.safe, take.missed) == (end - 5000, 0)
    assert np.array_equal(whole(told.files()), steps(5000, end - 5000))
    assert told.of("opened") == [
        {
            "path": str(told.files()[0]),
            "position": 5000,
            "part": 1,
            "take": str(take.first),
            "began": 5000,
            "tracks": ["master"],
            "samples": "pcm24",
        }
    ]


def test_a_lapped_tape_is_silence_and_counted(arena, told, tmp_path):
    take = begin(arena, told, tmp_path)
    feed(arena, 10_000)
    take.advance(10_000)
    end = arena.tape.capacity + 200_000
    feed(arena, end - 10_000)
    take.advance(end)
    lost = end - arena.tape.capacity + WET - 10_000
    assert take.missed == lost
    feed(arena, 5000)
    take.close(end + 5000)
    assert (take.missed, take.safe) == (lost, end + 5000)
    expected = steps(0, end + 5000)
    expected[10_000 : 10_000 + lost] = 0
    assert np.array_equal(whole(told.files()), expected)


def test_a_long_stall_of_the_disk_is_survived(arena, told, tmp_path):
    take = begin(arena, told, tmp_path)
    feed(arena, 40 * RATE)
    take.close(arena.tape.written)
    assert take.missed == 0
    assert np.array_equal(whole(told.files()), steps(0, 40 * RATE))


# ---- other disks


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT])
def test_a_failed_write_goes_on_in_the_next_folder(arena, told, tmp_path, monkeypatch, code):
    take = begin(arena, told, tmp_path / "a", tmp_path / "b")
    feed(arena, 20_000)
    take.advance(10_000)
    real, left = wav._write_at, [30_001]  # bytes until the disk is full, in the middle of a frame

    def full(fd, data, at):
        if at < wav.HEADER or not left:
            return real(fd, data, at)
        if left[0] == 0:
            left.clear()
            raise OSError(code, os.strerror(code))
        done = real(fd, data[: left[0]], at)
        left[0] -= done
        return done

    monkeypatch.setattr(wav, "_write_at", full)
    take.close(20_000)
    files = told.files()
    assert [path.relative_to(tmp_path).as_posix() for path in files] == ["a/demo.wav", "b/demo_part2.wav"]
    assert [len(with_wave(path)) for path in files] == [15_000, 5000]
    assert np.array_equal(whole(files), steps(0, 20_000))
    assert [kind for kind, _ in told] == ["opened", "failed", "opened"]
    assert told.of("failed")[0]["path"] == str(files[0])
    assert told.of("opened")[1]["position"] == 15_000
    assert told.of("opened")[1]["take"] == str(files[0])


def test_a_failed_sync_writes_the_lost_frames_again(arena, told, tmp_path, monkeypatch):
    monkeypatch.setattr(take_module, "SYNC", 0.0)
    take = begin(arena, told, tmp_path / "a", tmp_path / "b")
    feed(arena, 10_000)
    take.advance(10_000)
    real, broken = wav._flush, [True]

    def flush(fd):
        if broken:
            broken.clear()
            raise OSError(errno.EIO, "Input/output error")
        real(fd)

    feed(arena, 5000)
    monkeypatch.setattr(wav, "_flush", flush)
    take.close(15_000)
    assert [len(with_wave(path)) for path in told.files()] == [10_000, 5000]
    assert np.array_equal(whole(told.files()), steps(0, 15_000))
    assert (take.safe, take.missed) == (15_000, 0)


def test_no_folder_left_waits_without_loss(arena, told, tmp_path, monkeypatch):
    monkeypatch.setattr(take_module, "RETRY", 0.0)
    blocked = tmp_path / "blocked"
    blocked.touch()  # a file where a folder should be
    take = begin(arena, told, blocked)
    for _ in range(5):
        feed(arena, 4 * RATE)
        take.advance(arena.tape.written)
    assert (take.folder, take.safe, take.first) == (None, 0, None)
    assert [kind for kind, _ in told] == ["failed"]
    blocked.unlink()
    take.advance(arena.tape.written)
    take.close(arena.tape.written)
    assert [kind for kind, _ in told] == ["failed", "opened"]
    assert take.missed == 0
    assert np.array_equal(whole(told.files()), steps(0, 20 * RATE))


def test_nowhere_to_the_end_is_all_missed(arena, told, tmp_path):
    (tmp_path / "blocked").touch()
    take = begin(arena, told, tmp_path / "blocked")
    feed(arena, 1000)
    take.close(1000)
    assert (take.safe, take.missed, take.first) == (0, 1000, None)


def test_a_folder_deleted_under_the_take(arena, told, tmp_path):
    take = begin(arena, told, tmp_path / "a")
    feed(arena, 10_000)
    take.advance(10_000, sync=True)
    shutil.rmtree(tmp_path / "a")
    feed(arena, 5000)
    take.close(15_000)
    assert "deleted" in told.of("failed")[0]["error"]
    assert np.array_equal(with_soundfile(told.files()[1]), steps(10_000, 5000))
