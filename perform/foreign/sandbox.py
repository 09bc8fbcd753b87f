"""The sandbox for third-party modules: a process without files, network and programs, with limited memory.

On Linux the kernel enforces it. Landlock forbids every file, TCP, and signals to other processes. A seccomp
filter forbids sockets and new programs. Limits forbid new descriptors and core dumps, and bound the memory.
Descriptors and mappings that are already open keep working: shared memory, the two pipes, the log. Load
everything else before `enter`, imports too. Other systems than Linux have only the limits, if any.

Landlock holds for the thread that calls `enter` and for threads it starts later. So call it on the thread
that loads and runs the module, before torch starts threads. Sources: Linux' landlock(7) and seccomp(2).
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

from perform.core.memory_limit import address_space, limit_address_space

if sys.platform != "win32":
    import resource  # here: nothing can be imported in the sandbox

MEMORY = 4 << 30  #: bytes a module may take, beyond the size of its process on entry
CPU_S = 5  #: seconds of processor time between two calls of `Allowance.renew`

_LANDLOCK_CREATE, _LANDLOCK_RESTRICT = 444, 446  # the same on every architecture
_LANDLOCK_VERSION = 1
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # Landlock's version -> number of rights over files
_NO_NEW_PRIVILEGES, _SECCOMP_FILTER, _ALL_THREADS = 38, 1, 1
# socket, connect, bind, socketpair, execve, execveat, kill, ptrace, process_vm_readv, process_vm_writev,
# io_uring_setup, bpf, mount, unshare, setns, fchmodat, fchownat, utimensat, and x86's chmod, chown, lchown
_CALLS = {  # machine -> the kernel's number for it, the call that installs the filter, the refused calls
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
_X32 = 0x40000000  # first call of the x32 set, which is refused whole
_ALLOW, _DENY = 0x7FFF0000, 0x00050000 | errno.EPERM


@dataclass(frozen=True)
class SandboxReport:
    """The limits of a sandbox."""

    files: bool = False  #: it can open no file
    network: bool = False  #: it can reach no network
    memory: bool = False  #: its memory is bounded

    @property
    def complete(self) -> bool:
        """Whether all three are enforced."""
        return self.files and self.network and self.memory

    def __str__(self) -> str:
        if self.complete:
            return "the system keeps it from files, network and other programs"
        missing = [name for name in ("files", "network") if not getattr(self, name)]
        return f"this system cannot keep it from {' and '.join(missing) or 'taking all memory'}"


def available() -> SandboxReport:
    """Report what `enter` would enforce on this system."""
    linux = sys.platform == "linux"
    return SandboxReport(linux and _landlock_version() > 0, linux and _known_calls(), memory=linux)


def enter(memory: int = MEMORY) -> SandboxReport:
    """[render] Enter the sandbox for the life of the process. Return the limits in force.

    memory : bytes that may be allocated from here on; more is a MemoryError, or an error of torch's
    """
    files = network = False
    size = address_space()  # read now: /proc is out of reach later
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0:
            files, network = _landlock(libc), _filter(libc)
    bounded = _limit(size + memory)  # the limits last: Landlock needs a descriptor for a moment
    return SandboxReport(files, network, bounded)


class Allowance:
    """[render] Ends the process by SIGXCPU when a frame takes too many seconds of processor time.

    The kernel does it: a module in an endless loop would never let a signal handler run.
    """

    def __init__(self, seconds: int = CPU_S) -> None:
        self._seconds, self._due = seconds, 0.0

    def renew(self) -> None:
        """Allow the next frame its time. Call between frames; it works at most once a second."""
        now = time.monotonic()
        if now < self._due or sys.platform == "win32":
            return
        self._due = now + 1.0
        used = resource.getrusage(resource.RUSAGE_SELF)
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        wanted = int(used.ru_utime + used.ru_stime) + self._seconds
        resource.setrlimit(resource.RLIMIT_CPU, (wanted, hard))


def _limit(size: int) -> bool:
    """Forbid new descriptors and core dumps; bound the address space. Return whether memory is bounded."""
    if sys.platform == "win32":
        return False
    for kind in (resource.RLIMIT_CORE, resource.RLIMIT_NOFILE):
        resource.setrlimit(kind, (0, 0))
    return limit_address_space(size)


def _known_calls() -> bool:
    return platform.machine() in _CALLS and sys.maxsize > 1 << 32


def _landlock_version() -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    return int(libc.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), _LANDLOCK_VERSION))


def _landlock(libc: ctypes.CDLL) -> bool:
    """Restrict this thread by a ruleset that handles every right and allows none."""
    version = _landlock_version()
    if version < 1:
        return False
    rights = [(1 << _FILE_RIGHTS.get(version, 16)) - 1]
    if version >= 4:
        rights.append(0b11)  # TCP: bind, connect
    if version >= 6:
        rights.append(0b11)  # abstract sockets, signals
    rules = struct.pack(f"={len(rights)}Q", *rights)
    ruleset = libc.syscall(_LANDLOCK_CREATE, rules, ctypes.c_size_t(len(rules)), 0)
    if ruleset < 0:
        return False
    try:
        return bool(libc.syscall(_LANDLOCK_RESTRICT, ruleset, 0) == 0)
    finally:
        os.close(ruleset)


def _filter(libc: ctypes.CDLL) -> bool:
    """Make the kernel refuse some system calls with EPERM, in every thread of this process."""
    if not _known_calls():
        return False
    architecture, seccomp, denied = _CALLS[platform.machine()]
    jumps = len(denied) + 1  # each refused call jumps to the last line of the program
    lines = [
        (_LOAD, 0, 0, 4),  # the architecture: on another one the numbers mean other calls
        (_EQUAL, 0, jumps + 1 + 1, architecture),
        (_LOAD, 0, 0, 0),  # the call's number
        (_AT_LEAST, jumps, 0, _X32),
        *((_EQUAL, jumps - 1 - i, 0, number) for i, number in enumerate(denied)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _DENY),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in lines))
    program = struct.pack("@HP", len(lines), ctypes.addressof(code))
    return bool(libc.syscall(seccomp, _SECCOMP_FILTER, _ALL_THREADS, program) == 0)
