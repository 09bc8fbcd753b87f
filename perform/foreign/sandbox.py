"""What a process gives up before it loads a stranger's model: files, network, other programs, endless memory.

On Linux, by the kernel (`enter`): Landlock takes every file and TCP away, and signals to other processes; a
seccomp filter takes sockets and new programs; limits take new descriptors, memory and core dumps. What is
open already (the stage's shared memory, the two pipes, the log) goes on working; all else that will be needed
comes before, imports too. Elsewhere only the limits hold, where there are any, and the process itself is the
wall.

Landlock holds for the thread that enters and for those it starts, so enter on the thread that will load and
run the model, before torch has started any of its own. Sources: Linux' landlock(7) and seccomp(2).
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys
import time
from dataclasses import dataclass
from pathlib import Path

if sys.platform != "win32":
    import resource  # here, as nothing can be imported once inside

MEMORY = 4 << 30  #: bytes a model may take beyond what its process has when it enters
CPU_S = 5  #: seconds of processor time until `Allowance.renew` is called again

_LANDLOCK_CREATE, _LANDLOCK_RESTRICT = 444, 446  # the same on every architecture
_LANDLOCK_VERSION = 1
_FILE_RIGHTS = {
    1: 13,
    2: 14,
    3: 15,
    4: 15,
    5: 16,
}  # by Landlock's version: how many rights over files it knows
_NO_NEW_PRIVILEGES, _SECCOMP_FILTER, _ALL_THREADS = 38, 1, 1
# socket, connect, bind, socketpair, execve, execveat, kill, ptrace, process_vm_readv, process_vm_writev,
# io_uring_setup, bpf, mount, unshare, setns, fchmodat, fchownat, utimensat, and x86's chmod, chown, lchown
_CALLS = {  # machine -> its name for the kernel, the call that installs the filter, the calls refused
    "x86_64": (
        *(0xC000003E, 317),
        (41, 42, 49, 53, 59, 322, 62, 101, 310, 311, 425, 321, 165, 272, 308, 268, 260, 280, 90, 92, 94),
    ),
    "aarch64": (
        *(0xC00000B7, 277),
        (198, 203, 200, 199, 221, 281, 129, 117, 270, 271, 425, 280, 40, 97, 268, 53, 54, 88),
    ),
}
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06  # of classic BPF
_X32 = 0x40000000  # calls of this number and up are x86's second set: nobody here needs them
_ALLOW, _DENY = 0x7FFF0000, 0x00050000 | errno.EPERM


@dataclass(frozen=True)
class Walls:
    """What keeps a model in here."""

    files: bool = False  #: it can open none
    network: bool = False  #: it can reach nobody
    memory: bool = False  #: it cannot take all there is

    @property
    def whole(self) -> bool:
        """Nothing is missing."""
        return self.files and self.network and self.memory

    def __str__(self) -> str:
        if self.whole:
            return "the system keeps it from files, network and other programs"
        missing = [word for word, held in (("files", self.files), ("network", self.network)) if not held]
        return f"this system cannot keep it from {' and '.join(missing) or 'taking all memory'}"


def possible() -> Walls:
    """What `enter` would achieve here; nothing changes."""
    linux = sys.platform == "linux"
    return Walls(linux and _landlock_version() > 0, linux and _known_calls(), memory=linux)


def enter(memory: int = MEMORY) -> Walls:
    """[render] Give it all up, for good; says what that achieved.

    memory : bytes that may be taken from here on; more is a MemoryError, or an error of torch's
    """
    files = network = False
    size = _size()  # while it can still be read
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0:
            files, network = _landlock(libc), _filter(libc)
    return Walls(
        files, network, _limit(size + memory)
    )  # the limits last: Landlock needs a descriptor for a moment


class Allowance:
    """[render] Processor time: a frame that takes more than so many seconds of it ends the process (SIGXCPU).

    It needs no watcher, and no handler that a busy loop would never let run.
    """

    def __init__(self, seconds: int = CPU_S) -> None:
        self._seconds, self._due = seconds, 0.0

    def renew(self) -> None:
        """Call between frames; cheap where little time has passed."""
        now = time.monotonic()
        if now < self._due or sys.platform == "win32":
            return
        self._due = now + 1.0
        used = resource.getrusage(resource.RUSAGE_SELF)
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        wanted = int(used.ru_utime + used.ru_stime) + self._seconds
        resource.setrlimit(resource.RLIMIT_CPU, (wanted, hard))


def _size() -> int:
    """Bytes of this process's address space; 0 where that is not known."""
    if sys.platform != "linux":
        return 0
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _limit(size: int) -> bool:
    """No new descriptors, no core dumps, no larger address space than `size`."""
    if sys.platform == "win32":
        return False
    limits = [(resource.RLIMIT_CORE, 0), (resource.RLIMIT_NOFILE, 0)]
    if sys.platform == "linux":
        limits.append((resource.RLIMIT_AS, size))
    for kind, value in limits:
        hard = resource.getrlimit(kind)[1]
        least = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (least, least))
    return sys.platform == "linux"


def _known_calls() -> bool:
    return platform.machine() in _CALLS and sys.maxsize > 1 << 32


def _landlock_version() -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    return int(libc.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), _LANDLOCK_VERSION))


def _landlock(libc: ctypes.CDLL) -> bool:
    """Restrict this thread by a ruleset that handles all it can and allows nothing."""
    version = _landlock_version()
    if version < 1:
        return False
    words = [(1 << _FILE_RIGHTS.get(version, 16)) - 1]
    if version >= 4:
        words.append(0b11)  # TCP: bind, connect
    if version >= 6:
        words.append(0b11)  # abstract sockets, signals
    rules = struct.pack(f"={len(words)}Q", *words)
    ruleset = libc.syscall(_LANDLOCK_CREATE, rules, ctypes.c_size_t(len(rules)), 0)
    if ruleset < 0:
        return False
    try:
        return bool(libc.syscall(_LANDLOCK_RESTRICT, ruleset, 0) == 0)
    finally:
        os.close(ruleset)


def _filter(libc: ctypes.CDLL) -> bool:
    """Refuse some system calls with EPERM, in every thread of this process."""
    if not _known_calls():
        return False
    architecture, seccomp, denied = _CALLS[platform.machine()]
    jumps = len(denied) + 1  # each refused call jumps to the last line of the program
    lines = [
        (_LOAD, 0, 0, 4),  # the call's architecture: another one's numbers mean other calls
        (_EQUAL, 0, jumps + 1 + 1, architecture),
        (_LOAD, 0, 0, 0),  # its number
        (_AT_LEAST, jumps, 0, _X32),
        *((_EQUAL, jumps - 1 - i, 0, number) for i, number in enumerate(denied)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _DENY),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in lines))
    program = struct.pack("@HP", len(lines), ctypes.addressof(code))
    return bool(libc.syscall(seccomp, _SECCOMP_FILTER, _ALL_THREADS, program) == 0)
