"""The sandbox for third-party modules: a process without files, network and programs, with limited memory.

On Linux the kernel enforces it. Landlock forbids every file, TCP, and signals to other processes. A seccomp
filter forbids sockets, programs, new processes, and calls that reach other processes or the machine. Limits
forbid new descriptors and core dumps, and bound the memory and the log. Descriptors and mappings that are
already open keep working: shared memory, the pipes, the log. Load everything else before `enter`, imports
too. Other systems than Linux have only the limits, if any.

Landlock holds for the thread that calls `enter` and for threads it starts later. So call it on the thread
that loads and runs the module, before torch starts threads. Sources: Linux' landlock(7) and seccomp(2).
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import stat
import struct
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

from perform.core.memory_limit import address_space, limit_address_space
from perform.foreign.module_prints import ModulePrints

if sys.platform != "win32":
    import resource  # here: nothing can be imported in the sandbox

MEMORY = 4 << 30  #: bytes a module may take, beyond the size of its process on entry
MORE_LOG = 1 << 20  #: bytes that it may add to the log on descriptor 2
CPU_S = 5  #: seconds of processor time between two calls of `Allowance.renew`

_LANDLOCK_CREATE, _LANDLOCK_RESTRICT = 444, 446  # the same on every architecture
_LANDLOCK_VERSION = 1
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # Landlock's version -> number of rights over files
_NO_NEW_PRIVILEGES, _SECCOMP_FILTER, _ALL_THREADS = 38, 1, 1
_CALLS = {  # what a module never needs -> the kernel's numbers on x86_64 and on aarch64
    "sockets: socket, socketpair, connect, bind": ((41, 53, 42, 49), (198, 199, 203, 200)),
    "programs: execve, execveat, fork, vfork": ((59, 322, 57, 58), (221, 281)),
    "signals: kill, tkill, sigqueueinfo, tgsigqueueinfo, pidfd_open, _send_signal, _getfd": (
        *((62, 200, 129, 297, 434, 424, 438), (129, 130, 138, 240, 434, 424, 438)),
    ),
    "others' memory: ptrace, process_vm_readv, _writev, kcmp, move_pages, migrate_pages, userfaultfd": (
        *((101, 310, 311, 312, 279, 256, 323), (117, 270, 271, 272, 239, 238, 282)),
    ),
    "System V and POSIX queues: shmget, shmat, shmctl, msgget, msgsnd, semget, semop, mq_open": (
        *((29, 30, 31, 68, 69, 64, 65, 240), (194, 196, 195, 186, 189, 190, 193, 180)),
    ),
    "the kernel: io_uring_setup, bpf, perf_event_open, keyctl, add_key, request_key, syslog, fanotify_init": (
        *((425, 321, 298, 250, 248, 249, 103, 300), (425, 280, 241, 219, 217, 218, 116, 262)),
    ),
    "the clock: clock_settime, settimeofday, adjtimex, clock_adjtime": (
        *((227, 164, 159, 305), (112, 170, 171, 266)),
    ),
    "the machine: sethostname, setdomainname, reboot, init_module, finit_module, delete_module, kexec_load, "
    "kexec_file_load, swapon, swapoff, acct, quotactl, personality, vhangup": (
        (170, 171, 169, 175, 313, 176, 246, 320, 167, 168, 163, 179, 135, 153),
        (161, 162, 142, 105, 273, 106, 104, 294, 224, 225, 89, 60, 92, 58),
    ),
    "mounts: mount, umount2, pivot_root, chroot, unshare, setns, open_tree, move_mount, fsopen, fsconfig, "
    "fsmount, mount_setattr, name_to_handle_at, open_by_handle_at": (
        (165, 166, 155, 161, 272, 308, 428, 429, 430, 431, 432, 442, 303, 304),
        (40, 39, 41, 51, 97, 268, 428, 429, 430, 431, 432, 442, 264, 265),
    ),
    "modes, owners, times, attributes: fchmodat, fchmodat2, fchownat, utimensat, setxattr, lsetxattr, "
    "removexattr, lremovexattr; on x86 chmod, chown, lchown, utime, utimes, futimesat, iopl, ioperm": (
        (268, 452, 260, 280, 188, 189, 197, 198, 90, 92, 94, 132, 235, 261, 172, 173),
        (53, 452, 54, 88, 5, 6, 14, 15),
    ),
}
_MACHINES = {  # machine -> its column above, its architecture, seccomp, clone, clone3, prlimit64, tgkill
    "x86_64": (0, 0xC000003E, 317, 56, 435, 302, 234),
    "aarch64": (1, 0xC00000B7, 277, 220, 435, 261, 131),
}
_THREAD = 0x10000  # flag of clone: a thread, no process
_LOAD, _EQUAL, _AT_LEAST, _HAS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # of classic BPF
_X32 = 0x40000000  # first call of the x32 set, which is refused whole
_ALLOW, _DENY, _MISSING = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS


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


def enter(memory: int = MEMORY, log: Callable[[str], None] | None = None) -> SandboxReport:
    """[render] Enter the sandbox for the life of the process. Return the limits in force.

    memory : bytes that may be allocated from here on; more is a MemoryError, or an error of torch's
    log    : takes some lines of what the module prints, without control characters; None: drop them
    """
    warnings.simplefilter("ignore")  # torch passes a module's warnings to Python
    prints = None
    if log and sys.platform != "win32":  # there a print into a full pipe waits
        prints = ModulePrints(log)
    else:
        _silence_prints()
    files = network = False
    size = address_space()  # read now: /proc is out of reach later
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0:
            files, network = _landlock(libc), _filter(libc)
    bounded = _limit(size + memory)  # the limits last: Landlock needs a descriptor for a moment
    if prints:
        prints.start()
    return SandboxReport(files, network, bounded)


def _silence_prints() -> None:
    """Drop the prints of the module: they could steer a terminal, or fill the disk."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    sys.stdout = os.fdopen(nowhere, "w")


class Allowance:
    """[render] Ends the process by SIGXCPU when a frame takes too many seconds of processor time.

    The kernel does it: a module in an endless loop would never let a signal handler run.
    """

    def __init__(self, seconds: int = CPU_S) -> None:
        self._seconds, self._due = seconds, 0.0

    def renew(self) -> None:
        """Allow the next frame its time. Call between frames; it works at most once a second."""
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + 1.0
        if sys.platform != "win32":
            used = resource.getrusage(resource.RUSAGE_SELF)
            hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
            wanted = int(used.ru_utime + used.ru_stime) + self._seconds
            resource.setrlimit(resource.RLIMIT_CPU, (wanted, hard))


def _limit(size: int) -> bool:
    """Forbid new descriptors and core dumps; bound the address space. Return whether memory is bounded."""
    if sys.platform != "win32":
        for kind, most in (
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_NOFILE, 0),
            (resource.RLIMIT_FSIZE, _log_size() + MORE_LOG),
        ):
            resource.setrlimit(kind, (most, most))
    return limit_address_space(size)


def _log_size() -> int:
    """Return the size of the file that descriptor 2 leads to; 0 if it is none."""
    try:
        status = os.fstat(2)
    except OSError:
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else 0


def _known_calls() -> bool:
    return platform.machine() in _MACHINES and sys.maxsize > 1 << 32


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
    column, architecture, seccomp, clone, clone3, prlimit, tgkill = _MACHINES[platform.machine()]
    denied = [number for numbers in _CALLS.values() for number in numbers[column]]
    lines = [
        (_LOAD, 0, 0, 4),  # the architecture: on another one the numbers mean other calls
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _DENY),
        (_LOAD, 0, 0, 0),  # the call's number
        (_EQUAL, 0, 1, clone3),  # its flags cannot be read: the C library takes clone instead
        (_RETURN, 0, 0, _MISSING),
        *_only_if(clone, _HAS, _THREAD),
        *_only_if(prlimit, _EQUAL, 0),  # of this process
        *_only_if(tgkill, _EQUAL, os.getpid()),
        (_AT_LEAST, len(denied) + 1, 0, _X32),
        *((_EQUAL, len(denied) - i, 0, number) for i, number in enumerate(denied)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _DENY),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in lines))
    program = struct.pack("@HP", len(lines), ctypes.addressof(code))
    return bool(libc.syscall(seccomp, _SECCOMP_FILTER, _ALL_THREADS, program) == 0)


def _only_if(call: int, test: int, value: int) -> list[tuple[int, int, int, int]]:
    """Return the lines that allow a call only if its first argument passes a test."""
    return [
        (_EQUAL, 0, 4, call),  # another call: go on behind these lines
        (_LOAD, 0, 0, 16),  # the lower half of the first argument
        (test, 0, 1, value),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _DENY),
    ]
