"""`doctor`: check this computer before a show, and say what to do about each problem."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import click

from perform.cli.output import echo, echo_json, json_option
from perform.core.errors import PerformError

State = Literal["ok", "note", "problem"]
MARKS: dict[State, str] = {"ok": "✓", "note": "·", "problem": "▲"}

PACKAGES = ("numpy", "textual", "sounddevice", "soundfile", "soxr", "mido", "python-rtmidi")
DISK_GB = 10  #: free space below which a long set may fill the disk: an hour of master and stems takes 7 GB
MEMORY_MB = 64  #: of /dev/shm: the arena, its buffers and a long history
COLUMNS, LINES = 80, 24  #: the smallest terminal that the screen is made for
SIGNS = "⣿⡇⠒ █▆▂ ━┿◆● ▲↻∿"  #: characters of each kind that the screen draws


class Finding(NamedTuple):
    """One line of the report. `advice` says what to do; "" where nothing has to be done."""

    topic: str
    state: State
    text: str
    advice: str = ""


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """Check this computer before a show: sound, MIDI, real time, terminal, disk, packages.

    Each line says what was found, and what to do where something is missing. Exit code 1: there is a problem.
    --json prints a list of lines. Each has four texts: topic; state, which is ok, note or problem; text; and
    advice, which is empty where nothing has to be done.

    \b
        perform doctor
    """
    found = [finding for check in CHECKS for finding in check()]
    if as_json:
        echo_json([finding._asdict() for finding in found], indent=2)
    else:
        for finding in found:
            echo(f"{MARKS[finding.state]} {finding.topic:<16} {finding.text}")
            if finding.advice:
                echo(f"{'':18} → {finding.advice}")
    if any(finding.state == "problem" for finding in found):
        sys.exit(1)


def _python() -> Iterator[Finding]:
    yield Finding("Python", "ok", f"{platform.python_version()} on {platform.platform(terse=True)}")
    for name in PACKAGES:
        try:
            yield Finding(name, "ok", importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield _missing(name)
    yield from _onnx_runtime()
    if importlib.util.find_spec("torch"):
        yield Finding("torch", "ok", importlib.metadata.version("torch"))
    else:
        text = "not installed: models play; training, export and modules from others do not"
        yield Finding("torch", "note", text, f"{sys.executable} -m pip install torch")
    silent = os.environ.get("ORT_DISABLE_TELEMETRY") == "1"
    state: State = "ok" if silent else "problem"
    advice = "" if silent else "unset ORT_DISABLE_TELEMETRY, or set it to 1"
    yield Finding("telemetry", state, f"of ONNX Runtime: {'off' if silent else 'on'}", advice)


def _onnx_runtime() -> Iterator[Finding]:
    if not importlib.util.find_spec("onnxruntime"):
        yield _missing("onnxruntime")
        return
    try:
        from perform.engine import gpu
    except ImportError as error:
        advice = f"{sys.executable} -m pip install --force-reinstall onnxruntime"
        if sys.platform == "win32":
            advice += "; it also needs the Visual C++ Redistributable"
        yield Finding("onnxruntime", "problem", f"cannot be loaded: {error}", advice)
        return
    name, version = gpu.package()
    yield Finding("onnxruntime", "ok", f"{version}, from the package {name}")
    there = gpu.providers()
    text = f"ONNX Runtime has the providers {', '.join(there)}"
    advice = "" if "CUDA" in there else "with an NVIDIA GPU: perform docs install"
    yield Finding("GPU", "ok" if "CUDA" in there else "note", text, advice)


def _missing(package: str) -> Finding:
    if package == "python-rtmidi":
        from perform.control.midi_library import how_to_install

        return Finding(package, "problem", "not installed: perform plays without MIDI", how_to_install())
    return Finding(package, "problem", "not installed", f"{sys.executable} -m pip install {package}")


def _sound() -> Iterator[Finding]:
    from perform.audio import device

    try:
        portaudio = device.portaudio()
        outputs = device.devices(portaudio)
        apis = ", ".join(api["name"] for api in portaudio.query_hostapis())
        yield Finding("PortAudio", "ok", f"{portaudio.get_portaudio_version()[1].partition(',')[0]}: {apis}")
        chosen, why = device.choose(portaudio, None)
        yield Finding("audio output", "ok", f"{chosen}, {chosen.rate:.0f} Hz: {why}; {len(outputs)} in all")
    except device.NoDevice as error:
        advice = "connect an interface, or start a JACK or PipeWire server; until then a silent clock plays"
        yield Finding("audio output", "problem", str(error), advice)
    except PerformError as error:
        yield Finding("PortAudio", "problem", str(error))


def _midi() -> Iterator[Finding]:
    from perform.control.midi_library import reason
    from perform.control.midi_ports import list_ports

    ports, error = list_ports()
    if ports:
        yield Finding("MIDI", "ok", ", ".join(ports))
    else:
        silent = not error or reason()  # nothing to do, or said at python-rtmidi
        advice = "" if silent else "on Linux: load snd-seq (`modprobe snd-seq`) or start a JACK server"
        yield Finding("MIDI", "note", error or "no controller is connected", advice)


def _real_time() -> Iterator[Finding]:
    from perform.core.realtime import AUDIO_PRIORITY

    if sys.platform != "linux":
        yield Finding("real time", "ok", "the system gives perform's threads a high priority by itself")
        return
    import resource

    limit = resource.getrlimit(resource.RLIMIT_RTPRIO)[0]
    granted = os.geteuid() == 0 or limit == resource.RLIM_INFINITY or limit >= AUDIO_PRIORITY
    advice = (
        f"add `@audio - rtprio {AUDIO_PRIORITY + 10}` to /etc/security/limits.d/audio.conf, and log in again"
    )
    text = f"priority {AUDIO_PRIORITY} is {'granted' if granted else f'refused (the limit is {limit})'}"
    yield Finding("real time", "ok" if granted else "problem", text, "" if granted else advice)
    locked = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0]
    size = "unlimited" if locked == resource.RLIM_INFINITY else f"{locked // 2**20} MiB"
    yield Finding("locked memory", "ok", f"{size} (JACK needs it, perform does not)")


def _processor() -> Iterator[Finding]:
    yield Finding("processor", "ok", f"{platform.machine()}, {os.cpu_count()} cores")
    path = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    if path.is_file():
        governor = path.read_text().strip()
        slow = governor not in ("performance", "schedutil")
        advice = "cpupower frequency-set -g performance" if slow else ""
        yield Finding("governor", "note" if slow else "ok", governor, advice)


def _memory() -> Iterator[Finding]:
    from perform.library import places

    folder = places.memory()
    free = shutil.disk_usage(folder).free
    state: State = "ok" if free > MEMORY_MB * 2**20 else "problem"
    advice = "" if state == "ok" else f"make room in {folder}: other programs' files lie there"
    yield Finding("shared memory", state, f"{free / 2**30:.1f} GiB free in {folder}", advice)


def _sandbox() -> Iterator[Finding]:
    from perform.foreign.sandbox import available

    report = available()
    advice = (
        "" if report.complete else "play only modules whose makers you trust; RAVE exports need no sandbox"
    )
    yield Finding(
        "sandbox", "ok" if report.complete else "note", f"for modules from others: {report}", advice
    )


def _terminal() -> Iterator[Finding]:
    if not sys.stdout.isatty():
        yield Finding("terminal", "note", "the output is not a terminal, so that its size is not known")
        return
    columns, lines = shutil.get_terminal_size()
    small = columns < COLUMNS or lines < LINES
    advice = f"the screen needs {COLUMNS}x{LINES}; 120x40 shows all decks" if small else ""
    yield Finding("terminal", "problem" if small else "ok", f"{columns}x{lines}", advice)
    colours = os.environ.get("COLORTERM", "")
    full = colours in ("truecolor", "24bit")
    advice = "" if full else "a terminal with true colour shows the decks' hues better"
    yield Finding("colours", "ok" if full else "note", colours or os.environ.get("TERM", "unknown"), advice)
    if "UTF" not in (sys.stdout.encoding or "").upper():
        yield Finding("characters", "problem", f"{sys.stdout.encoding}", "use a UTF-8 locale: LANG=C.UTF-8")
    else:
        advice = "if one is a box or a question mark: choose another font, such as DejaVu Sans Mono"
        yield Finding("signs", "note", SIGNS, advice)
    yield _function_keys()


def _function_keys() -> Finding:
    """Name the terminals that are known to use F-keys themselves; a program cannot ask a terminal."""
    if sys.platform == "darwin":
        advice = "hold fn with them, or have the system use them as standard function keys"
        return Finding("F-keys", "note", "macOS takes them for brightness, volume and so on", advice)
    if "VTE_VERSION" in os.environ:  # GNOME Terminal and its relatives
        advice = "switch its shortcuts off, or choose other keys: perform docs keys"
        return Finding("F-keys", "note", "this terminal may take F1, F10 and F11 for itself", advice)
    return Finding("F-keys", "ok", "this terminal is not known to take any")


def _disk() -> Iterator[Finding]:
    from perform.library import places, player_config

    for topic, folder in (("takes", places.takes()), ("cache", places.cache())):
        there = next(parent for parent in (folder, *folder.parents) if parent.exists())
        free = shutil.disk_usage(there).free / 1e9
        writable = os.access(there, os.W_OK)
        full = topic == "takes" and free < DISK_GB
        other = f"make {there} writable for you, or name another folder with PERFORM_HOME"
        advice = "perform config recording.takes FOLDER" if topic == "takes" else other
        state: State = "problem" if not writable else "note" if full else "ok"
        text = f"{folder}: {free:.0f} GB free{'' if writable else ', but it cannot be written'}"
        yield Finding(topic, state, text, "" if state == "ok" else advice)
    path = player_config.path()
    yield Finding("config", "ok", f"{path}{'' if path.exists() else ' (not there yet)'}")


#: in the order of the report
CHECKS: tuple[Callable[[], Iterator[Finding]], ...] = (
    *(_sound, _midi, _real_time, _processor, _memory, _terminal, _disk, _sandbox, _python),
)
