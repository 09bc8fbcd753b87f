"""Memory that processes share by a path: a file, or on macOS POSIX shared memory.

macOS writes the pages of any mapped file to its disk again and again. POSIX shared memory has no disk, but
its name is no path: the file holds that name only. Either outlives a killed process, until `remove`.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import sys
from pathlib import Path

POSIX = sys.platform == "darwin"  #: a stage uses POSIX shared memory; on Linux a file in /dev/shm has no disk
_PREFIX = b"/perform-"  # of a name; macOS allows 30 bytes in all


def create(path: Path, *, posix: bool) -> int:
    """Make empty memory, which only this user can open; return its file descriptor.

    posix : POSIX shared memory, not a file
    OSError: there is a file of this path, or no memory.
    """
    # on Windows, such a file is kept in memory as long as there is room
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_SHORT_LIVED", 0)
    fd = os.open(path, flags, 0o600)
    if not posix:
        return fd
    name = _PREFIX + secrets.token_hex(8).encode()
    try:
        os.write(fd, name)  # first, so that `remove` finds whatever a killed process has made
    finally:
        os.close(fd)
    return _shm_open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL)


def open_memory(path: Path) -> int:
    """Return the file descriptor of memory that was made here. OSError: there is none."""
    fd = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
    if name := _name(fd):
        os.close(fd)
        return _shm_open(name, os.O_RDWR)
    return fd


def remove(path: Path) -> None:
    """Remove memory; processes that have mapped it keep it. OSError: the file cannot be removed."""
    with contextlib.suppress(FileNotFoundError):
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        name = _name(fd)
        os.close(fd)
        if name:
            ctypes.CDLL(None).shm_unlink(name)  # it may be gone already
        path.unlink()


def _name(fd: int) -> bytes:
    """The name in a file of POSIX shared memory; b"" for other files, which are the memory themselves."""
    if os.fstat(fd).st_size > 64:
        return b""
    head = os.read(fd, 64)
    return head if head.startswith(_PREFIX) else b""


def _shm_open(name: bytes, flags: int) -> int:
    shm_open = ctypes.CDLL(None, use_errno=True).shm_open
    shm_open.argtypes = [ctypes.c_char_p, ctypes.c_int]  # of a variadic function: without the mode
    fd = int(shm_open(name, flags, ctypes.c_uint(0o600)))
    if fd < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), name.decode())
    os.set_inheritable(fd, False)
    return fd
