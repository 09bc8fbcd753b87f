"""Atomic file writes."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import threading
from pathlib import Path

import pytest

from perform.core import files
from perform.core.files import atomic_path, write_atomically


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_and_no_temporary_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    write_atomically(path, b"one")
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert names(path.parent) == ["a.txt"]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_atomically(path, b"old")
    with pytest.raises(RuntimeError), atomic_path(path) as part:
        part.write_bytes(b"half")
        assert path.read_bytes() == b"old"
        raise RuntimeError
    assert (path.read_bytes(), names(tmp_path)) == (b"old", ["a.txt"])


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    write_atomically(path, b"old")

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, b"new")
    assert (path.read_bytes(), names(tmp_path)) == (b"old", ["a.txt"])


@pytest.mark.skipif(os.name == "nt", reason="Windows has no permission bits")
def test_a_file_has_the_users_default_permissions_or_is_private(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "shared", b"")
        write_atomically(tmp_path / "private", b"", private=True)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "shared").stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "private").stat().st_mode) == 0o600


def test_the_data_is_on_the_disk_before_the_new_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = []
    sync, replace = os.fsync, Path.replace

    def on_sync(fd: int) -> None:
        steps.append("folder" if stat.S_ISDIR(os.fstat(fd).st_mode) else "data")
        sync(fd)

    def on_replace(path: Path, target: Path) -> Path:
        steps.append("name")
        return replace(path, target)

    monkeypatch.setattr("os.fsync", on_sync)
    monkeypatch.setattr(Path, "replace", on_replace)
    write_atomically(tmp_path / "a.txt", b"new")
    assert steps == (["data", "name"] if os.name == "nt" else ["data", "name", "folder"])


def test_several_threads_can_write_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"

    def write(letter: bytes) -> None:
        for _ in range(20):
            write_atomically(path, letter * 100_000)
            found = path.read_bytes()
            assert len(found) == 100_000 and len(set(found)) == 1

    failed = []

    def run(letter: bytes) -> None:
        try:
            write(letter)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(letter,)) for letter in (b"a", b"b", b"c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert names(tmp_path) == ["a.bin"]


def test_the_temporary_file_of_a_killed_writer_is_removed_an_hour_later(tmp_path: Path) -> None:
    old, young = tmp_path / ".a.txt.4194304.part", tmp_path / ".a.txt.4194305.part"
    other = tmp_path / ".a.txt.notes.part"
    for path in (old, young, other):
        path.write_bytes(b"half")
    for path in (old, other):
        os.utime(path, (0, path.stat().st_mtime - files.ABANDONED_S - 1))
    write_atomically(tmp_path / "a.txt", b"new")
    assert names(tmp_path) == sorted(["a.txt", young.name, other.name])


@pytest.mark.parametrize(("system", "written"), [("win32", b"new"), ("linux", b"old")])
def test_windows_replaces_a_file_that_is_being_read_a_moment_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str, written: bytes
) -> None:
    """Elsewhere the refusal is of another kind, and raised at once."""
    path = tmp_path / "a.toml"
    path.write_bytes(b"old")
    refusals = iter([PermissionError(13, "in use")] * 2)
    replace = Path.replace

    def refusing(part: Path, target: Path) -> Path:
        if refusal := next(refusals, None):
            raise refusal
        return replace(part, target)

    monkeypatch.setattr(Path, "replace", refusing)
    monkeypatch.setattr(sys, "platform", system)
    with contextlib.suppress(PermissionError) if system == "linux" else contextlib.nullcontext():
        write_atomically(path, b"new")
    assert path.read_bytes() == written
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.toml"]
