"""Finding models by their SHA-256: each file of the library is hashed once, until it changes."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from perform.core.errors import PerformError
from perform.core.file_lock import FileLock
from perform.library import hashes, places
from perform.library.deck_file_names import find_deck_file
from perform.library.former_voices import SUCCESSORS
from perform.library.song import ModelName, Song
from perform.library.song_files import model_file
from perform.stage.song_models import SongModels


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(places, "bundled", lambda kind: tmp_path / "bundled" / kind)
    folder = places.user("models")
    folder.mkdir(parents=True)
    for name in ("a", "b", "c"):
        (folder / f"{name}.safetensors").write_bytes(name.encode() * 100)
    return folder


def test_a_model_that_was_never_played_is_found_by_its_hash(library: Path) -> None:
    wanted = ModelName("lost", hashes.sha256(library / "b.safetensors"))
    with pytest.raises(PerformError, match="is not here"):
        model_file(wanted)
    assert model_file(wanted, scan=True) == library / "b.safetensors" == model_file(wanted)


def test_a_voice_that_is_no_longer_bundled_names_the_voice_of_its_kind(library: Path) -> None:
    models, says = SongModels(), "weather is no longer bundled: the voice of its kind is storm"
    models.find(1, Song("s", decks={"1": "weather"}))
    assert models.missing(1) == (f"deck 1: the model 'weather' is not here; {says}",)
    with pytest.raises(PerformError, match=r"drums is no longer bundled: .* kit; give its path"):
        find_deck_file("drums.ogg")
    (library / "weather.safetensors").write_bytes(b"a player's own")
    assert model_file(ModelName("weather")) == library / "weather.safetensors"


def test_every_former_voice_has_a_bundled_successor() -> None:
    bundled = {path.stem for path in places.bundled("models").glob("*.safetensors")}
    for former, kind in SUCCESSORS.items():
        assert kind in bundled and former not in bundled


def test_each_file_is_hashed_once_until_it_changes(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    whole = hashes.sha256
    monkeypatch.setattr(hashes, "sha256", lambda path: read.append(path.stem) or whole(path))
    assert hashes.scan() == 3 and read == ["a", "b", "c"]
    assert hashes.scan() == 0 and len(read) == 3
    (library / "b.safetensors").write_bytes(b"other")
    os.utime(library / "c.safetensors", ns=(1, 1))
    (library / "a.safetensors").unlink()
    assert hashes.scan() == 2 and read[3:] == ["b", "c"]
    assert hashes.find_or_scan("0" * 64) is None


def test_a_file_of_the_right_name_and_the_wrong_hash_gives_way(library: Path) -> None:
    wanted = ModelName("a", hashes.sha256(library / "b.safetensors"))
    assert model_file(wanted) == library / "a.safetensors", "nothing better is known yet"
    assert model_file(wanted, scan=True) == library / "b.safetensors"


def test_a_song_learns_of_its_models_in_the_background(library: Path) -> None:
    models = SongModels()
    wanted = ModelName("lost", hashes.sha256(library / "b.safetensors"))
    song = Song("s", decks={"1": wanted, "2": "a"})
    assert models.find(1, song).decks[1].path is None
    assert len(models.missing(1)) == 1
    (scanning,) = [thread for thread in threading.enumerate() if thread.name == "library"] or [None]
    if scanning:
        scanning.join(20)
    assert models.take_learnt() and not models.take_learnt()
    assert models.find(1, song).decks[1].path == library / "b.safetensors"
    assert not models.missing(1)


REMEMBER = """
import sys
from pathlib import Path
from perform.library import hashes
hashes._PATIENCE_S = 60  # on a busy machine it may take longer than a stage would wait
for path in sorted(Path(sys.argv[1]).iterdir()):
    hashes.remember(path, path.name)
"""


def test_processes_that_remember_at_once_lose_nothing(tmp_path: Path) -> None:
    """Several stages and verbs store hashes in one cache."""
    running = []
    for number in range(4):
        folder = tmp_path / str(number)
        folder.mkdir()
        for name in range(10):
            (folder / f"{number}-{name}").touch()
        running.append(subprocess.Popen([sys.executable, "-c", REMEMBER, str(folder)]))
    assert [process.wait() for process in running] == [0] * 4
    lost = [path for path in tmp_path.glob("[0-9]/*") if hashes.known(path) != path.name]
    assert not lost


@pytest.mark.skipif(sys.platform == "win32", reason="it has other locks")
def test_a_disk_without_locks_keeps_hashes_and_does_not_hold_up_the_stage(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import fcntl

    tries: list[int] = []

    def flock(file: int, kind: int) -> None:
        tries.append(file)
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    (tmp_path / "a").touch()
    hashes.remember(tmp_path / "a", "hash")
    assert hashes.known(tmp_path / "a") == "hash"
    assert len(tries) == 1, "it waits only for a lock that another process holds"


def test_a_hash_is_kept_where_another_process_holds_the_lock(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(hashes, "_PATIENCE_S", 0.0)
    other = FileLock(places.cache() / "hashes.lock")
    assert other.take()
    (tmp_path / "a").touch()
    hashes.remember(tmp_path / "a", "hash")
    assert hashes.known(tmp_path / "a") == "hash"
    other.release()


def test_a_cache_that_cannot_be_written_fails_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "cache").touch()
    monkeypatch.setattr(places, "cache", lambda: tmp_path / "cache")
    hashes.remember(tmp_path / "cache", "hash")
    assert hashes.known(tmp_path / "cache") == ""
