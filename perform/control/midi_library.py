"""The library python-rtmidi, or a stand-in without any MIDI system where it is not installed.

Python 3.13 and later have no wheel of it: there it must be built. Without it the instrument plays, and the
control process says what is missing.
"""

from __future__ import annotations

import sys


class NoRtmidi:
    """[any] Has no MIDI system, so that no port is ever opened."""

    API_LINUX_ALSA, API_UNIX_JACK, API_MACOSX_CORE, API_WINDOWS_MM = range(-4, 0)
    RtMidiError = OSError

    @staticmethod
    def get_compiled_api() -> list[int]:
        """Return the MIDI systems that are built in: none."""
        return []


try:
    import rtmidi as rtmidi  # noqa: PLC0414  # others import it from here
except ImportError:  # not installed, or built for another system
    rtmidi = NoRtmidi

_BUILDERS = {
    "linux": "on Debian or Ubuntu, after `sudo apt install build-essential python3-dev libasound2-dev "
    "libjack-jackd2-dev`",
    "darwin": "after `xcode-select --install`",
    "win32": "after the Visual Studio Build Tools for C++ are installed",
}


def reason() -> str:
    """Return why no MIDI system is there; "" where python-rtmidi is installed and has one."""
    if rtmidi is NoRtmidi:
        return "python-rtmidi is not installed; `perform doctor` says how to install it"
    return "" if rtmidi.get_compiled_api() else "none was built into python-rtmidi"


def how_to_install() -> str:
    """Return the command that installs python-rtmidi, and what must be there before."""
    command = f"{sys.executable} -m pip install python-rtmidi"
    if sys.version_info < (3, 13):
        return command
    builder = _BUILDERS.get(sys.platform, "after a C++ compiler is installed")
    return f"{command}: it is built, {builder}. Python 3.12 needs no compiler"
