"""A device file: the ports, controls and lamps of one controller. It does not say what they move.

name = "Midi Fighter Twister"
ports = ["Midi Fighter Twister"]        # parts of the names of its ports
[controls."knob {1..16}"]
send = "cc {0..15}"                     # as a mapping writes a control
channel = 1
as = "absolute"                         # and `steps`, `accel`: see the mapping's keys
lamp = { send = "cc {0..15}", channel = 1, steps = [0, 127] }

Bytes are written as hexadecimal text: "F0 00 20 29 02 0D 0E 01 F7".
"""

from __future__ import annotations

import contextlib
import difflib
import functools
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from perform.control import number_ranges
from perform.control.binding import NOTHING, Binding
from perform.control.control_names import Kind, parse_control
from perform.control.mapping import matching_length
from perform.core.errors import WrongUse
from perform.core.paths import to_text
from perform.library import places

_SPEAKS = ("as", "steps", "accel")  #: keys of a control that a binding of it takes over


class Lamp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What lights a control, or moves its motor.

    send    : "note 60", "cc 16" or "bend" (of a motor fader); "": what the control sends
    channel : 1..16; None: the control's, or else 1
    off, on : values of a button's lamp
    steps   : values of a ring or a motor: first and last, or one for each of several steps
    follows : the control itself goes on from the value that it was sent, like a motor fader
    """

    send: str = ""
    channel: int | None = None
    off: int = 0
    on: int = 127
    steps: tuple[int, ...] = ()
    follows: bool = False

    def __post_init__(self) -> None:
        values = (self.off, self.on, *self.steps)
        if not all(0 <= value <= 127 for value in values):
            raise WrongUse("a lamp has a value beyond 0 to 127", hint="write 0 to 127")
        if self.channel is not None and not 1 <= self.channel <= 16:
            raise WrongUse(f"there is no MIDI channel {self.channel}", hint="use 1 to 16")
        if self.send and self.send.split(" ")[0] not in ("note", "cc", "bend"):
            raise WrongUse(f"{self.send!r} lights no lamp", hint='write "note 60", "cc 16" or "bend"')
        if len(self.steps) == 1:
            raise WrongUse("a lamp cannot have one step", hint="write the first and the last value")


class DeviceControl(msgspec.Struct, frozen=True):
    """One control of a device.

    binding : the keys that a binding of this control takes over: control, channel, as, steps, accel
    lamp    : None: it has none
    """

    name: str
    binding: dict[str, Any]
    lamp: Lamp | None

    @property
    def kind(self) -> Kind:
        """The kind of message that it sends."""
        return parse_control(self.binding["control"])[0]

    @property
    def channel(self) -> int | None:
        """The channel on which it sends, 1..16; None: any."""
        channel: int | None = self.binding.get("channel")
        return channel


class ControllerDevice(msgspec.Struct, frozen=True):
    """One kind of controller.

    ports    : parts of the names of the ports that it sends on
    outputs  : parts of the names of the ports that it receives on
    hello    : messages that it needs when it is connected
    goodbye  : messages that it needs at the end
    controls : by name
    announce : beginnings of messages by which it says that it shows other lamps now
    """

    name: str
    ports: tuple[str, ...]
    outputs: tuple[str, ...]
    hello: tuple[bytes, ...]
    goodbye: tuple[bytes, ...]
    announce: tuple[bytes, ...]
    controls: dict[str, DeviceControl]

    @property
    def has_lamps(self) -> bool:
        """Whether a control has a lamp."""
        return any(control.lamp for control in self.controls.values())

    def resolve(self, raw: dict[str, Any]) -> dict[str, Any]:
        """Return the table of a binding with the message of the control that it names.

        A table that names none of the controls stays as it is. WrongUse: a name that is nearly one of them.
        """
        name = str(raw.get("control"))
        if named := self.controls.get(name):
            return named.binding | raw | {"control": named.binding["control"]}
        near = difflib.get_close_matches(name, self.controls, n=3, cutoff=0.7)
        if near and not any(control.binding["control"] == name for control in self.controls.values()):
            hint = f"did you mean {', '.join(near)}?"
            raise WrongUse(f"{self.name} has no control {name!r}", hint=hint)
        return raw

    def controls_of(self, binding: Binding) -> list[DeviceControl]:
        """The controls that a binding binds: none if the device has no name for it."""
        return [
            control
            for control in self.controls.values()
            if control.binding["control"] == binding.control
            and (None in (control.channel, binding.channel) or control.channel == binding.channel)
        ]


class _RawControl(msgspec.Struct, forbid_unknown_fields=True, rename={"encoding": "as"}):
    send: str
    channel: int | None = None
    encoding: str | None = None
    steps: int | None = None
    accel: float | None = None
    lamp: Lamp | None = None


class _RawDevice(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    ports: tuple[str, ...]
    outputs: tuple[str, ...] = ()
    hello: tuple[str, ...] = ()
    goodbye: tuple[str, ...] = ()
    announce: tuple[str, ...] = ()
    controls: dict[str, dict[str, Any]] = {}


def load(path: Path) -> ControllerDevice:
    """[disk] Read a device's file; WrongUse names the file and the control."""
    try:
        raw = msgspec.convert(tomllib.loads(path.read_bytes().decode("utf-8-sig")), _RawDevice)
        controls = [control for name, table in raw.controls.items() for control in _controls(name, table)]
        return ControllerDevice(
            raw.name,
            raw.ports,
            raw.outputs or raw.ports,
            tuple(_bytes(text) for text in raw.hello),
            tuple(_bytes(text) for text in raw.goodbye),
            tuple(_bytes(text) for text in raw.announce),
            {control.name: control for control in controls},
        )
    except OSError as error:
        raise WrongUse(error.strerror or "cannot be read", where=str(path)) from error
    except (ValueError, RecursionError) as error:  # also msgspec's, tomllib's and those of UTF-8
        raise WrongUse(f"not a device: {error}".replace("\n", " "), where=str(path)) from error
    except WrongUse as error:
        raise WrongUse(error.what, where=str(path), hint=error.hint) from error


def _controls(name: str, table: dict[str, Any]) -> list[DeviceControl]:
    try:
        whole: dict[str, Any] = {"name": name, "table": table}
        picked = [number_ranges.pick(whole, index) for index in range(number_ranges.count(whole))]
        return [_control(str(one["name"]), one["table"]) for one in picked]
    except (WrongUse, msgspec.ValidationError) as error:
        what, hint = (error.what, error.hint) if isinstance(error, WrongUse) else (str(error), "")
        raise WrongUse(f"{name!r}: {what}", hint=hint) from error


def _control(name: str, table: dict[str, Any]) -> DeviceControl:
    raw = msgspec.convert(table, _RawControl)
    binding = {"control": raw.send} | {key: table[key] for key in ("channel", *_SPEAKS) if key in table}
    Binding(raw.send, NOTHING, channel=raw.channel)  # raises WrongUse
    return DeviceControl(name, binding, raw.lamp)


def _bytes(text: str) -> bytes:
    message = bytes.fromhex(text)
    if not message or message[0] < 0x80:
        raise WrongUse(f"{text!r} begins no MIDI message", hint="write bytes in hexadecimal, F0 first")
    return message


def bundled() -> Path:
    """Return the folder of the bundled devices."""
    return places.bundled("presets") / "controllers"


def available() -> dict[str, Path]:
    """[disk] Return the files of all devices, name -> file. The player's hides a bundled one of that name."""
    known: dict[str, Path] = {}
    for folder in (places.user("devices"), bundled()):
        for path in sorted(folder.glob("*.toml")):
            known.setdefault(to_text(path.stem), path)
    return known


def load_all() -> dict[str, ControllerDevice]:
    """[disk] Read all devices, those that cannot be read left out: a mapping that names one says why."""
    devices: dict[str, ControllerDevice] = {}
    for name, path in available().items():
        with contextlib.suppress(WrongUse):
            devices[name] = _load_bundled(path) if path.is_relative_to(bundled()) else load(path)
    return devices


@functools.lru_cache
def _load_bundled(path: Path) -> ControllerDevice:
    return load(path)


def find(name: str) -> ControllerDevice:
    """[disk] Read the file of a device; WrongUse lists the names."""
    known = available()
    if name not in known:
        raise WrongUse(f"no device is called {name!r}", hint=f"there are {', '.join(sorted(known))}")
    path = known[name]
    return _load_bundled(path) if path.is_relative_to(bundled()) else load(path)


def of_port(
    port: str, known: Sequence[str], devices: Mapping[str, ControllerDevice]
) -> ControllerDevice | None:
    """The device of a port, by the longest part of its name; None for an unknown device.

    known : all ports seen so far, including this one
    """
    fits = {
        stem: matching_length(port, it.ports, known, twins=True) for stem, it in devices.items() if it.ports
    }
    best = max(fits, key=lambda stem: fits[stem], default="")
    return devices[best] if best and fits[best] else None
