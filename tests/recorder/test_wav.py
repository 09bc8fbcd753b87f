"""The WAV file: bit-exact in every reader, intact after a crash, RF64 past 4 GiB, overwrites nothing."""

from __future__ import annotations

import importlib.util
import os
import struct
import sys
import tempfile
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from recorder_rig import RATE, source, steps
from wav_readers import FLOAT_READERS, READERS, with_soundfile, with_wave

from perform.core.errors import WrongUse
from perform.recorder import markers, wav_format, wav_repair, wav_writer
from perform.recorder.markers import Marker


@pytest.mark.parametrize("read", READERS)
def test_every_reader_reads_the_same_24_bit_samples(tmp_path, read):
    path = tmp_path / "a.wav"
    writer = wav_writer.WavWriter(path, RATE)
    writer.write(source(0, 10_001))
    writer.close()
    assert np.array_equal(read(path), steps(0, 10_001))
    assert path.stat().st_size == wav_format.HEADER + 10_001 * wav_format.PCM24.frame_bytes
    assert soundfile.info(path).samplerate == RATE


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 9000), st.booleans()), max_size=12))
def test_any_block_sizes_and_syncs_give_the_same_file(blocks):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.wav"
        writer = wav_writer.WavWriter(path, 44_100)
        for frames, sync in blocks:
            writer.write(source(writer.frames, frames))
            if sync:
                writer.sync()
                assert writer.safe == writer.frames == soundfile.info(path).frames
        writer.close()
        assert np.array_equal(with_wave(path), steps(0, sum(frames for frames, _ in blocks)))


@pytest.mark.parametrize("read", FLOAT_READERS)
def test_every_reader_reads_the_same_floats(tmp_path, read):
    loud = 3.7 * source(0, 10_001)  # a float file clips nothing
    writer = wav_writer.WavWriter(tmp_path / "a.wav", RATE, wav_format.FLOAT32)
    writer.write(loud)
    writer.close(marks=[Marker(7, "x")])
    assert np.array_equal(read(tmp_path / "a.wav"), loud)
    assert soundfile.info(tmp_path / "a.wav").subtype == "FLOAT"


MARKS = [Marker(0, "First light"), Marker(4321, "Größe"), Marker(10_000, 'a "b"'), Marker(10_000, "")]


def tail(path: Path) -> list[Marker]:
    found = wav_repair.inspect(path)
    return markers.unpack(path.read_bytes()[wav_format.HEADER + found.form.frame_bytes * found.held :])


@pytest.mark.parametrize("read", READERS)
def test_markers_follow_the_sound(tmp_path, read):
    path = tmp_path / "a.wav"
    writer = wav_writer.WavWriter(path, RATE)
    writer.write(source(0, 10_000))
    writer.close(marks=[*MARKS, Marker(10_001, "past the end"), Marker(-1, "before it")])
    assert np.array_equal(read(path), steps(0, 10_000))
    assert tail(path) == MARKS
    data = path.read_bytes()
    assert int.from_bytes(data[4:8], "little") == len(data) - 8
    assert wav_repair.unfinished(tmp_path) == []
    assert wav_repair.repair(path) == 10_000
    assert path.read_bytes() == data


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.text(max_size=60)), min_size=1, max_size=20))
def test_any_markers_are_packed_and_unpacked_unchanged(marks):
    marks = [Marker(at, name.rstrip("\0")) for at, name in marks if "\0" not in name and name.isprintable()]
    assert markers.unpack(markers.pack(marks, 2**33)) == marks


def test_a_writer_killed_at_any_byte_of_the_markers(tmp_path):
    """The sound is intact, no bytes of markers are read as sound, and a repair writes the markers again."""
    path = tmp_path / "a.wav"
    writer = wav_writer.WavWriter(path, RATE)
    writer.write(source(0, 1000))
    writer.close(marks=[Marker(0, "First light"), Marker(5, "x")])
    whole = path.read_bytes()
    sound = wav_format.HEADER + 1000 * wav_format.PCM24.frame_bytes
    for cut in range(sound, len(whole) + 1):
        path.write_bytes(wav_format.header(RATE, 1000) + whole[wav_format.HEADER : cut])
        assert np.array_equal(with_wave(path), steps(0, 1000))
        if cut >= sound + 4:  # less is part of a frame like any other
            assert wav_repair.unfinished(tmp_path) == [path]
            assert wav_repair.repair(path, [Marker(0, "First light"), Marker(5, "x")]) == 1000
            assert path.read_bytes() == whole


def test_rounding_and_clipping():
    step = 2.0**-23
    top, low = (1 << 23) - 1, -(1 << 23)
    cases = {
        0.0: 0,
        step: 1,
        -step: -1,
        0.5 * step: 0,  # ties to even
        1.5 * step: 2,
        -0.5 * step: 0,
        -1.5 * step: -2,
        0.51 * step: 1,
        -0.51 * step: -1,
        1.0 - step: top,
        1.0 - step / 2: top,
        1.0: top,
        -1.0: low,
        -1.0 + step: low + 1,
        1.5: top,
        -1.5: low,
        3e38: top,
        np.inf: top,
        -np.inf: low,
        np.nan: 0,
    }
    audio = np.array([[x, 0.0] for x in cases], np.float32)
    raw = np.frombuffer(wav_format.encode(audio), np.uint8).reshape(-1, 6)
    got = [int.from_bytes(bytes(frame[:3]), "little", signed=True) for frame in raw]
    assert got == list(cases.values())


@given(st.floats(width=32, allow_nan=False))
def test_rounding_is_to_the_nearest(x):
    got = int.from_bytes(wav_format.encode(np.array([[x, 0]], np.float32))[:3], "little", signed=True)
    assert got == min(max(round(min(max(x, -2.0), 2.0) * 2**23), -(2**23)), 2**23 - 1)


def test_audio_in_any_memory_order_is_encoded(tmp_path):
    audio = source(0, 1000)
    assert wav_format.encode(np.asfortranarray(audio)) == wav_format.encode(audio)
    assert wav_format.encode(np.repeat(audio, 2, axis=0)[::2]) == wav_format.encode(audio)


def test_a_new_file_overwrites_nothing(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(b"precious")
    with pytest.raises(FileExistsError):
        wav_writer.WavWriter(path, RATE)
    assert path.read_bytes() == b"precious"


def test_the_header_claims_only_what_was_synced(tmp_path, monkeypatch):
    path = tmp_path / "a.wav"
    writer = wav_writer.WavWriter(path, RATE)
    writer.write(source(0, 1000))
    assert soundfile.info(path).frames == 0
    claims = []
    monkeypatch.setattr(wav_writer, "_flush", lambda fd: claims.append(soundfile.info(path).frames))
    writer.sync()
    assert claims == [0, 1000]  # data flushed before the header, the header flushed after it
    writer.close()


def test_a_failed_sync_drops_the_frames_that_it_did_not_flush(tmp_path, monkeypatch):
    path = tmp_path / "a.wav"
    writer = wav_writer.WavWriter(path, RATE)
    writer.write(source(0, 1000))
    writer.sync()
    writer.write(source(1000, 500))

    def broken(fd: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(wav_writer, "_flush", broken)
    with pytest.raises(OSError):
        writer.sync()
    monkeypatch.undo()  # the kernel reports a lost page once: a second flush would seem to succeed
    writer.close()
    assert writer.safe == 1000
    assert np.array_equal(with_wave(path), steps(0, 1000))


def test_a_file_becomes_rf64_at_4_gib(tmp_path):
    path = tmp_path / "long.wav"
    writer = wav_writer.WavWriter(path, RATE)
    last = (0xFFFF_FFFF - wav_format.HEADER + 8) // wav_format.PCM24.frame_bytes - 1
    begin = last - 5000
    os.truncate(
        path, wav_format.HEADER + wav_format.PCM24.frame_bytes * begin
    )  # a hole in the file: 4 GiB that take no space
    writer.frames = begin
    writer.write(source(begin, last - begin))
    writer.sync()
    assert _magic(path) == b"RIFF"
    assert soundfile.info(path).frames == last
    writer.write(source(last, 9000))
    writer.sync()
    assert _magic(path) == b"RF64"
    assert soundfile.info(path).frames == last + 9000
    assert np.array_equal(_tail(path, begin), steps(begin, 14_000))
    writer.write(source(last + 9000, 10))  # killed here
    os.close(writer._fd)
    assert wav_repair.unfinished(tmp_path) == [path]
    assert wav_repair.repair(path, [Marker(last, "past 4 GiB")]) == last + 9010
    assert np.array_equal(_tail(path, begin), steps(begin, 14_010))
    with path.open("rb") as file:
        file.seek(wav_format.HEADER + wav_format.PCM24.frame_bytes * (last + 9010))
        assert markers.unpack(file.read()) == [Marker(last, "past 4 GiB")]
    found = wav_repair.inspect(path)
    assert (found.claimed, found.held, found.missing, found.unfinished) == (
        last + 9010,
        last + 9010,
        0,
        False,
    )


def _magic(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4)


def _tail(path: Path, begin: int) -> np.ndarray:
    with soundfile.SoundFile(path) as file:
        file.seek(begin)
        return file.read(dtype="int32") >> 8


def test_repair_claims_whole_frames(tmp_path):
    path = tmp_path / "a.wav"
    writer = wav_writer.WavWriter(path, RATE)
    writer.write(source(0, 1000))
    writer.sync()
    writer.write(source(1000, 777))
    with path.open("ab") as file:
        file.write(b"torn")  # part of a frame
    os.close(writer._fd)
    assert np.array_equal(with_soundfile(path), steps(0, 1000))
    assert wav_repair.unfinished(tmp_path) == [path]
    assert wav_repair.repair(path) == 1777
    assert wav_repair.unfinished(tmp_path) == []
    assert wav_repair.repair(path) == 1777
    for read in READERS:
        assert np.array_equal(read(path), steps(0, 1777))


def test_a_file_that_is_being_written_is_not_repaired(tmp_path):
    writer = wav_writer.WavWriter(tmp_path / "a.wav", RATE)
    writer.write(source(0, 1000))
    assert wav_repair.unfinished(tmp_path) == []
    os.close(writer._fd)
    assert wav_repair.unfinished(tmp_path) == [tmp_path / "a.wav"]


def test_files_of_other_programs_are_not_changed(tmp_path):
    soundfile.write(tmp_path / "other.wav", source(0, 100), RATE, subtype="PCM_24")
    (tmp_path / "short.wav").write_bytes(b"RIFF")
    (tmp_path / "empty.wav").touch()
    (tmp_path / "folder.wav").mkdir()
    ours = bytearray(wav_format.header(RATE, 5) + bytes(600))
    ours[4:8] = struct.pack("<I", 9999)  # sizes that do not agree: someone edited it
    (tmp_path / "edited.wav").write_bytes(ours)
    (tmp_path / "ahead.wav").write_bytes(wav_format.header(RATE, 500) + bytes(600))  # a copy under way
    before = {p: p.read_bytes() for p in tmp_path.iterdir() if p.is_file()}
    assert wav_repair.unfinished(tmp_path) == []
    for name in ("other.wav", "short.wav", "empty.wav", "edited.wav"):
        with pytest.raises(WrongUse, match=name):
            wav_repair.repair(tmp_path / name)
    wav_repair.repair(tmp_path / "ahead.wav")
    assert before == {p: p.read_bytes() for p in tmp_path.iterdir() if p.is_file()}
    assert wav_repair.unfinished(tmp_path / "nowhere") == []


def load_again(module: ModuleType) -> ModuleType:
    """A second copy of a module, loaded under the patched system."""
    assert module.__file__
    spec = importlib.util.spec_from_file_location(f"{module.__name__}_again", module.__file__)
    assert spec and spec.loader
    copy = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(copy)
    return copy


def test_a_system_without_pwrite_fdatasync_and_locks(tmp_path, monkeypatch):
    """As on Windows: the same bytes, and an unlocked file counts as being written for a while."""
    for name in ("pwrite", "fdatasync"):
        monkeypatch.delattr(os, name, raising=False)
    monkeypatch.setitem(sys.modules, "fcntl", None)
    monkeypatch.setattr(sys, "platform", "win32")
    other_writer = load_again(wav_writer)
    monkeypatch.setitem(sys.modules, wav_writer.__name__, other_writer)
    other_repair = load_again(wav_repair)
    assert other_repair.finish is other_writer.finish
    path = tmp_path / "a.wav"
    writer = other_writer.WavWriter(path, RATE)
    writer.write(source(0, 300))
    writer.sync()
    writer.write(source(300, 300))
    os.close(writer._fd)
    assert other_repair.unfinished(tmp_path) == []
    os.utime(path, (1e9, 1e9))
    assert other_repair.unfinished(tmp_path) == [path]
    assert other_repair.repair(path) == 600
    assert np.array_equal(with_wave(path), steps(0, 600))


@given(st.text(max_size=300))
@settings(max_examples=50, derandomize=True)
def test_a_long_name_of_a_marker_is_cut_between_characters(name: str) -> None:
    name = "é" * 120 + name.replace("\0", "")
    (found,) = markers.unpack(markers.pack([Marker(5, name)], 10))
    assert found.frame == 5 and name.encode(errors="replace").decode().startswith(found.name.rstrip("\0"))
    assert len(found.name) >= 100
