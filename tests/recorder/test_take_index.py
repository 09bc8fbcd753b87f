"""Takes on disk: finding, checking, repairing, exporting, drawing."""

from __future__ import annotations

import os
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from recorder_rig import RATE, feed, full_at, header, source, steps, track_steps
from wav_readers import with_soundfile, with_wave

from perform.core.arena import Arena
from perform.core.errors import PerformError, WrongUse
from perform.core.event_log import FRAME_RENDERED, FrameEvent
from perform.recorder import (
    gesture_log,
    take_check,
    take_export,
    take_index,
    wav_format,
    wav_repair,
    wav_writer,
)
from perform.recorder.markers import Marker
from perform.recorder.recent_events import RecentEvents
from perform.recorder.take_names import track_path
from perform.recorder.take_writer import TakePlan, TakeWriter

TRACKS = ["master", "deck1"]


def record(arena: Arena, *folders: Path, name: str = "demo", **more) -> TakeWriter:
    """An unclosed take: half a second of all tracks, a marker in the middle, frames of a voice."""
    arena.set_meter("tracks/on", 1)
    start = arena.history.written
    plan = TakePlan({t: arena.tracks[t] for t in TRACKS}, folders, name, header(TRACKS, **more))
    take = TakeWriter(plan, RecentEvents(arena, 60), lambda report: None, position=start)
    for i in range(10):
        z = np.full(3, i, np.float32)
        arena.event_logs[2].append(FRAME_RENDERED, start + i * 2000, FrameEvent(0, i, 0, 1.0, z).pack())
    feed(arena, RATE // 2)
    take.mark(start + RATE // 4, "half")
    take._events.mark(gesture_log.mark_record(start + RATE // 4, "half", "mark"))
    take.advance(arena.history.written, sync=True)
    return take


def crash(take: TakeWriter) -> None:
    """Leave a take like a killed process: without a lock, not closed."""
    for file in take._files._files.values():
        os.close(file._fd)
    take._files._log._file.close()


@pytest.fixture
def whole(arena, tmp_path) -> take_index.Take:
    take = record(arena, tmp_path)
    take.close(arena.history.written)
    return take_index.read(tmp_path / "demo.wav")


def test_the_files_of_a_take_are_found_together(arena, whole, tmp_path):
    other = record(arena, tmp_path, name="other")
    soundfile.write(tmp_path / "foreign.wav", source(0, 100), RATE)
    soundfile.write(tmp_path / "odd_deck3.wav", source(0, 100), RATE)
    first, second = take_index.takes([tmp_path, tmp_path, tmp_path / "nowhere"])
    assert first == whole
    assert (first.tracks, first.frames, first.state, first.log) == (
        ("master", "deck1"),
        RATE // 2,
        "whole",
        True,
    )
    assert first.marks == (Marker(RATE // 4, "half"),)
    assert {p.name for p in first.all_files()} == {
        "demo.wav",
        "demo_deck1.wav",
        "demo.gestures",
        "demo.cue",
        "demo.txt",
    }
    assert second.state == "recording"
    with pytest.raises(WrongUse, match="is being recorded"):
        take_check.repair(second)
    other.close(arena.history.written)


@pytest.mark.parametrize("name", ["demo", "last", "{}/demo.wav", "{}/demo_deck1.wav", "{}/demo.gestures"])
def test_a_take_is_found_by(whole, tmp_path, name):
    assert take_index.find(name.format(tmp_path), [tmp_path]) == whole


def test_a_missing_take_is_refused_with_the_existing_ones(whole, tmp_path):
    with pytest.raises(WrongUse, match="no take is called 'x'; the latest are demo"):
        take_index.find("x", [tmp_path])
    with pytest.raises(WrongUse, match="there is none"):
        take_index.find("x", [])
    soundfile.write(tmp_path / "foreign.wav", source(0, 100), RATE)
    with pytest.raises(WrongUse, match="not a take of perform"):
        take_index.find(str(tmp_path / "foreign.wav"), [])


def test_an_unfinished_take_is_repaired_with_its_markers(arena, tmp_path):
    take = record(arena, tmp_path)
    feed(arena, 4000)
    take._copy(arena.history.written)
    crash(take)
    found = take_index.read(tmp_path / "demo.wav")
    assert found.state == "unfinished"
    assert sum("repair" in problem for problem in take_check.verify(found)) == 2
    mended = take_check.repair(found)
    assert mended == [(tmp_path / name, RATE // 2 + 4000) for name in ("demo.wav", "demo_deck1.wav")]
    again = take_index.read(tmp_path / "demo.wav")
    assert (again.state, again.marks, take_check.verify(again)) == ("whole", (Marker(RATE // 4, "half"),), [])
    assert wav_repair.inspect(tmp_path / "demo_deck1.wav").tail > 0
    assert (tmp_path / "demo.txt").read_text() == "0:00:00.250  half\n"
    for track in TRACKS:
        assert np.array_equal(
            with_wave(track_path(tmp_path / "demo.wav", track)), track_steps(arena, track, 0, again.frames)
        )


def test_verify_finds_every_problem(whole, tmp_path):
    assert take_check.verify(whole) == []
    stem = tmp_path / "demo_deck1.wav"
    os.truncate(stem, wav_format.HEADER + 600)
    log = tmp_path / "demo.gestures"
    os.truncate(log, log.stat().st_size - 3)
    problems = "\n".join(take_check.verify(whole))
    assert f"demo_deck1.wav: {RATE // 2 - 100} frames are missing" in problems
    assert "its tracks differ in length" in problems
    assert "bytes are unfinished" in problems
    log.unlink()
    stem.write_bytes(b"RIFF")
    problems = "\n".join(take_check.verify(whole))
    assert "gesture log" in problems
    assert "not a take of perform" in problems


def test_all_parts_are_one_take(arena, tmp_path):
    take = record(arena, tmp_path)
    crash(take)
    take_check.repair(take_index.read(tmp_path / "demo.wav"))
    plan = TakePlan({t: arena.tracks[t] for t in TRACKS}, [tmp_path], "demo", header(TRACKS))
    second = TakeWriter(
        plan, RecentEvents(arena, 60), lambda report: None, position=RATE // 2, part=2, began=0
    )
    feed(arena, 5000)
    second.close(arena.history.written)
    (found,) = take_index.takes([tmp_path])
    assert [path.name for path in found.files] == ["demo.wav", "demo_part2.wav"]
    assert take_check.verify(found) == []
    take_export.export(found, tmp_path / "all.wav")
    assert np.array_equal(with_wave(tmp_path / "all.wav"), steps(0, RATE // 2 + 5000))


def in_parts(arena: Arena, *folders: Path, frames: int = 5000) -> np.ndarray:
    """Make a take with a part in each folder; return its samples."""
    for number, folder in enumerate(folders, 1):
        plan = TakePlan({"master": arena.history}, [folder], "demo", header(["master"]))
        position = arena.history.written
        take = TakeWriter(
            plan, RecentEvents(arena, 60), lambda report: None, position=position, part=number, began=0
        )
        feed(arena, frames)
        take.close(arena.history.written)
    return steps(0, len(folders) * frames)


def test_parts_on_several_disks_are_one_take(arena, tmp_path):
    a, b = folders = [tmp_path / "a", tmp_path / "b"]
    played = in_parts(arena, a, b, a)
    (found,) = take_index.takes(folders)
    assert found.files == (a / "demo.wav", b / "demo_part2.wav", a / "demo_part3.wav")
    assert take_index.takes(folders[::-1]) == [found]
    assert {take_index.find(str(name), folders) for name in ("demo", "last", *found.files)} == {found}
    assert take_check.verify(found) == []
    take_export.export(found, tmp_path / "all.wav")
    assert np.array_equal(with_wave(tmp_path / "all.wav"), played)


def test_a_part_without_its_first_part_is_listed_as_a_problem(arena, tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    in_parts(arena, a, b, a)
    first, last = take_index.takes([a])
    assert [first.files, last.files] == [(a / "demo.wav",), (a / "demo_part3.wav",)]
    assert "the parts before this one" in take_check.verify(last)[0]
    assert take_index.find(str(a / "demo_part3.wav"), [a]) == last


def test_an_empty_file_is_not_taken_for_a_part(arena, tmp_path):
    """A recorder that dies while it opens a part leaves an empty file of that name."""
    wav_writer.WavWriter(tmp_path / "demo_part2.wav", RATE).close()
    played = in_parts(arena, tmp_path, tmp_path)
    found = take_index.find("demo", [tmp_path])
    assert [path.name for path in found.files] == ["demo.wav", "demo_part2_2.wav"]
    assert found.frames == len(played)


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_an_export_has_the_same_samples(whole, tmp_path, suffix):
    out = tmp_path / f"x{suffix}"
    take_export.export(whole, out)
    assert np.array_equal(with_soundfile(out), steps(0, RATE // 2))
    with pytest.raises(WrongUse, match="exists already"):
        take_export.export(whole, out)


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files")
@pytest.mark.parametrize("name", ["x.wav", "x.flac", "x.zip"])
def test_a_full_disk_leaves_nothing_of_an_export(whole, tmp_path, name):
    before = set(tmp_path.iterdir())
    everything = sum(path.stat().st_size for path in whole.all_files())
    room = [100_000, everything + 100] if name == "x.zip" else [100_000]  # nothing fits, or all but the end
    room += [wav_format.HEADER + wav_format.PCM24.frame_bytes * whole.frames + 10] if name == "x.wav" else []
    for size in room:
        with (
            full_at(size),
            pytest.raises(PerformError, match=rf"{name}: cannot be written .*free some space"),
        ):
            take_export.export(whole, tmp_path / name)
        assert set(tmp_path.iterdir()) == before
    take_export.export(whole, tmp_path / name)


def test_a_zip_holds_every_file(whole, tmp_path):
    take_export.export(whole, tmp_path / "x.zip")
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        assert archive.testzip() is None
        for path in whole.all_files():
            assert archive.read(path.name) == path.read_bytes()
        assert len(archive.namelist()) == 5


@pytest.mark.parametrize(
    ("out", "expected"), [("x.mp3", "'.mp3'"), ("x", "that"), ("nowhere/x.wav", "no such folder")]
)
def test_a_bad_export_path_is_refused(whole, tmp_path, out, expected):
    with pytest.raises(WrongUse, match=expected):
        take_export.export(whole, tmp_path / out)


def test_envelope_and_traces_match_the_take(whole):
    low, high = take_export.envelope(whole)
    assert len(low) <= take_export.WIDTH
    step = -(-whole.frames // take_export.WIDTH)
    first = source(0, step)
    assert (low[0], high[0]) == (first.min(), first.max())
    ((name, seconds, z),) = take_export.traces(whole)
    assert name == "deck 2"
    assert np.allclose(seconds, np.arange(10) * 2000 / RATE)
    assert np.array_equal(z, np.repeat(np.arange(10, dtype=np.float32)[:, None], 3, axis=1))


def test_a_picture_is_drawn(whole, tmp_path):
    pytest.importorskip("matplotlib")
    take_export.plot(whole, tmp_path / "x.png")
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_the_error_says_how_to_install_it(whole, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    with pytest.raises(PerformError, match=r"pip install matplotlib"):
        take_export.plot(whole, tmp_path / "x.png")
