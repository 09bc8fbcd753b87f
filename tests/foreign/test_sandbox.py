"""A process in the sandbox can only compute. Each attempt to do more runs in a separate process."""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from perform.foreign import module_prints, sandbox

linux = pytest.mark.skipif(not sandbox.available().complete, reason="only Linux has a complete sandbox")

PROBE = """
import ctypes, json, os, platform, resource, signal, socket, subprocess, sys, threading, time
import _posixshmem
import numpy as np, torch
from perform.foreign import sandbox

pipe, answers = os.pipe(), os.dup(1)
log = open(sys.argv[1] + "/log", "w")
report = sandbox.enter(1 << 30)
held, done = {}, {}

def attempt(name, what):
    try:
        what()
        done[name] = True
    except BaseException as error:
        held[name] = type(error).__name__

NUMBERS = {
    "tgkill": (234, 131), "clone": (56, 220), "clone3": (435, 435), "ptrace": (101, 117), "shmget": (29, 194)
}
libc = ctypes.CDLL(None, use_errno=True)

def call(name, *arguments):
    found = libc.syscall(NUMBERS[name][platform.machine() == "aarch64"], *arguments)
    if found < 0:
        raise OSError(ctypes.get_errno(), name)
    return found

folder = sys.argv[1]
attempts = {
    "read": lambda: open("/etc/passwd").read(),
    "read ours": lambda: open(folder + "/secret").read(),
    "torch reads": lambda: torch.from_file(folder + "/secret", size=4, dtype=torch.uint8),
    "torch writes": lambda: torch.save(torch.zeros(1), folder + "/new.pt"),
    "map": lambda: np.memmap(folder + "/secret"),
    "write": lambda: open(folder + "/new", "w"),
    "append": lambda: open(folder + "/secret", "a"),
    "remove": lambda: os.unlink(folder + "/secret"),
    "rename": lambda: os.rename(folder + "/secret", folder + "/public"),
    "truncate": lambda: os.truncate(folder + "/secret", 0),
    "make a folder": lambda: os.mkdir(folder + "/new"),
    "link": lambda: os.symlink("/etc/passwd", folder + "/link"),
    "hard link": lambda: os.link(folder + "/secret", folder + "/link"),
    "list": lambda: os.listdir(folder),
    "mode": lambda: os.chmod(folder + "/secret", 0o777),
    "tcp": lambda: socket.create_connection(("127.0.0.1", 9), 1),
    "udp": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
    "unix": lambda: socket.socket(socket.AF_UNIX),
    "pair": lambda: socket.socketpair(),
    "program": lambda: subprocess.run(["true"]),
    "become": lambda: os.execv("/bin/true", ["true"]),
    "signal": lambda: os.kill(os.getppid(), 0),
    "signal to a thread": lambda: call("tgkill", os.getppid(), os.getppid(), 0),
    "fork": lambda: os.fork() or os._exit(0),
    "a process by clone": lambda: call("clone", signal.SIGCHLD, 0, 0, 0, 0) or os._exit(0),
    "a process by clone3": lambda: call("clone3", ctypes.create_string_buffer(88), 88) or os._exit(0),
    "memory of this process": lambda: open("/proc/self/mem", "rb"),
    "memory of another": lambda: open(f"/proc/{os.getppid()}/mem", "rb"),
    "environment of another": lambda: open(f"/proc/{os.getppid()}/environ").read(),
    "descriptors of another": lambda: os.listdir(f"/proc/{os.getppid()}/fd"),
    "trace": lambda: call("ptrace", 16, os.getppid(), 0, 0),
    "limits of another": lambda: resource.prlimit(os.getppid(), resource.RLIMIT_CPU, (9, 9)),
    "the clock": lambda: time.clock_settime(time.CLOCK_REALTIME, time.clock_gettime(time.CLOCK_REALTIME)),
    "the name of the machine": lambda: socket.sethostname(socket.gethostname()),
    "shared memory by name": lambda: __import__("_posixshmem").shm_open("/evil", os.O_CREAT | os.O_RDWR),
    "shared memory by key": lambda: call("shmget", 1234, 4096, 0o1600),
    "an anonymous file": lambda: os.memfd_create("evil"),
    "a root": lambda: os.chroot("/"),
    "times": lambda: os.utime(folder + "/secret"),
    "a long log": lambda: [os.write(log.fileno(), b"x" * (20 << 20)) for _ in range(2)],
    "descriptors": lambda: os.dup(0),
    "import": lambda: __import__("turtle"),
    "2 GB": lambda: np.ones(1 << 28),
}
for name, what in attempts.items():
    attempt(name, what)
thread = threading.Thread(target=lambda: attempt("from a thread", attempts["read"]))
thread.start()
thread.join()
os.write(pipe[1], b"hello")
works = {
    "inference": torch.nn.functional.conv1d(torch.ones(1, 8, 64), torch.ones(8, 8, 3)).shape[2] == 62,
    "pipes": os.read(pipe[0], 5) == b"hello",
    "open files": log.write("still here") == 10,
    "memory": len(bytearray(100 << 20)) == 100 << 20,
}
print("this goes nowhere")
os.write(answers, json.dumps({"whole": report.complete, "held": held, "done": done, "works": works}).encode())
"""


def run(code: str, *args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", textwrap.dedent(code), *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@linux
def test_nothing_can_be_reached_and_inference_goes_on(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("four")
    done = run(PROBE, str(tmp_path))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["whole"]
    assert found["done"] == {}
    assert len(found["held"]) == 44
    assert all(found["works"].values()), found["works"]
    assert (tmp_path / "secret").read_text() == "four"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["log", "secret"]


@linux
def test_an_endless_loop_ends_by_its_processor_time() -> None:
    loop = "from perform.foreign.sandbox import Allowance\nAllowance(1).renew()\nwhile True: pass"
    assert run(loop).returncode == -signal.SIGXCPU


@linux
def test_an_allowance_that_is_renewed_is_no_limit() -> None:
    code = """
        import time
        from perform.foreign.sandbox import Allowance
        allowance, end = Allowance(2), time.process_time() + 3
        while time.process_time() < end:
            allowance.renew()
    """
    assert run(code).returncode == 0


def test_a_missing_part_of_the_sandbox_is_named() -> None:
    assert "files and network" in str(sandbox.SandboxReport(memory=True))
    assert "files" not in str(sandbox.SandboxReport(files=True, memory=True))
    assert not sandbox.SandboxReport(files=True, network=True).complete
    assert sandbox.SandboxReport(files=True, network=True, memory=True).complete


SPEAKER = """
import os, sys, time, warnings
import torch
from perform.foreign import sandbox

@torch.jit.script
def speak(x: torch.Tensor):
    print("\\x1b[31mprinted")
    warnings.warn("\\x1b[31mwarned")
    return x

logged = []
sandbox.enter(log=logged.append if sys.argv[2] == "log" else None)
for i in range(5000):
    speak(torch.zeros(1))
os.write(1, b"from C\\n")
while sys.argv[2] == "log" and not (logged and "more lines" in logged[-1]):
    time.sleep(0.01)
sys.stderr.write(repr(logged))
"""


IMPORT = "import sys; sys.path.insert(0, sys.argv[1]); import speaker"


def test_prints_and_warnings_of_a_module_reach_no_terminal(tmp_path: Path) -> None:
    """In `perform render` the process of a module has the player's terminal as its standard error."""
    (tmp_path / "speaker.py").write_text(SPEAKER)  # torch needs the source in a file
    done = run(IMPORT, str(tmp_path), "nothing")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "[]")


@pytest.mark.skipif(sys.platform == "win32", reason="its pipes wait")
def test_prints_of_a_module_are_logged_a_few_at_a_time_and_never_wait(tmp_path: Path) -> None:
    """5000 prints are more than the pipe holds. The first few are logged; no control character is."""
    (tmp_path / "speaker.py").write_text(SPEAKER)
    done = run(IMPORT, str(tmp_path), "log")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    *lines, more = ast.literal_eval(done.stderr)
    assert set(lines) == {"[31mprinted"} and len(lines) <= 2 * module_prints.LINES
    assert "more lines" in more


IDLE = """
import os, sys, threading, time
from perform.core.realtime import lower_priority
from perform.foreign import sandbox

lower_priority()
logged = []
sandbox.enter(log=logged.append)
os.write(1, b"hello\\n")
while not logged:
    time.sleep(0.01)
(prints,) = (thread for thread in threading.enumerate() if thread.name == "prints")
sys.stderr.write(f"{os.sched_getscheduler(0) == os.SCHED_IDLE} {os.sched_getscheduler(prints.native_id)}")
"""


@linux
def test_the_thread_of_the_prints_gets_processor_time_in_a_host_that_began_idle() -> None:
    """The host plays later. A thread that holds the interpreter but never runs would hold up its sound."""
    done = run(IDLE)
    assert done.stderr == f"True {os.SCHED_OTHER}"
