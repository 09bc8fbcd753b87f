"""The socket and the shared memory are the user's alone."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from perform.core.arena import Arena
from perform.core.errors import PerformError
from perform.core.files import atomic_path
from perform.core.private_folder import make_private, why_not_private
from perform.library import places
from perform.stage.client import running
from perform.stage.lock import Lock
from perform.stage.server import Server

if sys.platform == "win32":
    pytest.skip("Windows has other rights", allow_module_level=True)

NOBODY = 65534
root = pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")

INTRUDER = """
import os, socket, sys
from pathlib import Path
runtime, done = Path(sys.argv[1]), []
for name, what in {
    "list": lambda: os.listdir(runtime),
    "read": lambda: (runtime / "test.arena").read_bytes(),
    "write": lambda: (runtime / "test.arena").open("r+b"),
    "make": lambda: (runtime / "new").touch(),
    "connect": lambda: socket.socket(socket.AF_UNIX).connect(str(runtime / "socket")),
}.items():
    try:
        what()
    except PermissionError:
        continue
    done.append(name)
print(",".join(done))
"""


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that every user may enter, as /dev/shm is one."""
    with tempfile.TemporaryDirectory(dir=places.memory()) as folder:
        Path(folder).chmod(0o1777)
        yield Path(folder)


def as_nobody(code: str, *args: object) -> str:
    done = subprocess.run(
        ["/usr/bin/env", "python3", "-c", code, *map(str, args)],
        user=NOBODY, group=NOBODY, extra_groups=[], cwd="/", capture_output=True, text=True, check=True,
        env={"PATH": os.defpath},
    )  # fmt: skip
    return done.stdout.strip()


@root
def test_another_user_reaches_neither_the_socket_nor_the_memory(shared: Path) -> None:
    runtime = shared / "run"
    make_private(runtime)
    Arena.create(runtime / "test.arena")
    server = Server(runtime, lambda command, reply: None)
    try:
        assert as_nobody(INTRUDER, runtime) == ""
        runtime.chmod(0o755)  # a folder that the player has chosen
        assert as_nobody(INTRUDER, runtime) == "list"
    finally:
        server.close()


@root
def test_a_folder_that_another_user_has_made_first_is_refused(shared: Path) -> None:
    for name, make in (("folder", "os.mkdir(p)"), ("link", "os.symlink('/root', p)")):
        runtime = shared / name
        as_nobody(f"import os, sys; p = sys.argv[1]; {make}", runtime)
        for step in (make_private, lambda path: Lock(path).take()):
            with pytest.raises(PerformError, match="belongs to another user"):
                step(runtime)
        assert not running(runtime)


def test_a_folder_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(PerformError, match="other users may write"):
        make_private(folder)
    folder.chmod(0o755)
    make_private(folder)
    make_private(tmp_path / "new" / "one")
    assert (tmp_path / "new" / "one").stat().st_mode & 0o777 == 0o700
    assert not why_not_private(tmp_path / "new" / "one")


def test_the_name_of_a_temporary_file_cannot_be_guessed(tmp_path: Path) -> None:
    names = set()
    for _ in range(20):
        with atomic_path(tmp_path / "a.txt") as part:
            part.touch()
            names.add(part.name)
    assert len(names) == 20
