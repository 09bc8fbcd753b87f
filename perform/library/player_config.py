"""The player's config file: defaults for options and sets."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec
import platformdirs
from tomlkit.exceptions import TOMLKitError

from perform.core.errors import WrongUse
from perform.core.paths import expanded
from perform.library import places, toml_files

PAGE = "config"


class SoundConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[sound]: the audio device. None: `perform` chooses."""

    device: str | None = None  #: part of the output's name, its number, or "null" for silence
    input: str | None = None  #: part of the input's name, its number, or "default"
    cue: str = ""  #: first of two outputs for the cue, or the name of another device; "": no cue
    rate: int | None = None  #: Hz
    block: int | None = None  #: frames
    margin: Literal["tight", "normal", "safe"] | None = None  #: of just-in-time rendering


class MidiConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[midi]: the controllers."""

    ports: tuple[str, ...] = ()  #: use only ports whose name contains one of these; empty: all
    clock: str = ""  #: send MIDI clock to the port whose name contains this; "": to none


class OscConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[osc]: control by other programs."""

    listen: str = ""  #: "HOST:PORT" or "PORT"; "": no OSC


class RecordingConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"float32": "float"}):
    """[recording]: takes."""

    takes: str | None = None  #: folder of takes
    stems: bool = False  #: also record one file per deck
    pre: bool = False  #: also record the master before the limiter
    float32: bool = False  #: 32-bit float instead of 24-bit PCM
    retro: float = 5.0  #: minutes kept in memory


class ModelsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[models]: where models are found, and where they render."""

    catalogues: tuple[str, ...] = ()  #: addresses or paths of catalogues, besides the bundled one
    gpu: tuple[str, ...] = ()  #: names of the models that render on the GPU
    openvino: tuple[str, ...] = ()  #: names of the models that OpenVINO renders, in bfloat16


class ScreenConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """[screen]: what the screen looks like."""

    theme: str | None = None  #: name of a theme


class PlayerConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """config.toml."""

    sound: SoundConfig = SoundConfig()
    midi: MidiConfig = MidiConfig()
    osc: OscConfig = OscConfig()
    recording: RecordingConfig = RecordingConfig()
    models: ModelsConfig = ModelsConfig()
    screen: ScreenConfig = ScreenConfig()

    def stage_options(self) -> dict[str, Any]:
        """Return the defaults of the options that start a stage, by the names that `StageOptions` has."""
        recording = {name: getattr(self.recording, name) for name in ("stems", "pre", "float32", "retro")}
        return (
            msgspec.structs.asdict(self.sound)
            | {"ports": self.midi.ports, "osc": self.osc.listen, "clock_out": self.midi.clock}
            | {"gpu": self.models.gpu, "openvino": self.models.openvino}
            | recording
        )


def path() -> Path:
    """Return the path of config.toml; PERFORM_HOME moves it."""
    home = os.environ.get("PERFORM_HOME")
    folder = (
        Path(home)
        if home
        else places.at_home(lambda: platformdirs.user_config_dir("perform", appauthor=False))
    )
    return folder / "config.toml"


def keys_path() -> Path:
    """Return the path of keys.toml, the player's own keys, beside config.toml."""
    return path().with_name("keys.toml")


def read() -> PlayerConfig:
    """[disk] Read config.toml; the defaults where there is none. WrongUse: names the file and the fault."""
    return toml_files.read(path(), PlayerConfig, PAGE) if path().exists() else PlayerConfig()


def export_takes_folder(config: PlayerConfig) -> None:
    """Set PERFORM_TAKES for this process and its children to the folder of the config, unless it is set."""
    if config.recording.takes:
        os.environ.setdefault("PERFORM_TAKES", str(expanded(config.recording.takes)))


def keys() -> dict[str, Any]:
    """Return all keys, such as `sound.rate`, and the types of their values."""
    return {
        f"{table}.{field.encode_name}": get_type_hints(section)[field.name]
        for table, section in get_type_hints(PlayerConfig).items()
        for field in msgspec.structs.fields(section)
    }


def choices(key: str) -> tuple[str, ...]:
    """Return the only values that a key can have; () if it has others, or there is no such key."""
    kind = keys().get(key)
    if kind is bool:
        return "true", "false"
    literal = next((it for it in (kind, *get_args(kind)) if get_origin(it) is Literal), None)
    return get_args(literal)


def values(config: PlayerConfig) -> dict[str, Any]:
    """Return all values by their keys."""
    plain = msgspec.to_builtins(config)
    return {f"{table}.{name}": value for table, inner in plain.items() for name, value in inner.items()}


def change(key: str, words: tuple[str, ...]) -> PlayerConfig:
    """[disk] Set a key to a value given as text, or to its default without one; comments are kept.

    WrongUse: there is no such key, the value does not suit it, or the file is broken.
    """
    if key not in keys():
        raise WrongUse(f"the config has no key {key[:80]!r}", hint=f"its keys are {', '.join(keys())}")
    read()  # a broken file is not overwritten
    text = path().read_text("utf-8-sig") if path().exists() else ""
    plain = tomllib.loads(text)
    table, _, name = key.partition(".")
    plain.setdefault(table, {}).pop(name, None)
    if words:
        plain[table][name] = _value(key, words)
    try:
        made = msgspec.convert(plain, PlayerConfig)
    except msgspec.ValidationError as error:
        raise WrongUse(f"{key} cannot be {' '.join(words)!r}: {error}") from error
    try:
        toml_files.write(path(), toml_files.rewritten(text, plain))
    except TOMLKitError as error:
        raise WrongUse(f"invalid TOML: {error}", where=str(path())) from error
    return made


def _value(key: str, words: tuple[str, ...]) -> Any:
    kind = keys()[key]
    several = kind == tuple[str, ...]
    if kind is bool:
        words = tuple({"on": "true", "off": "false"}.get(word, word) for word in words)
    if not several and len(words) > 1:
        raise WrongUse(f"{key} takes one value", hint=f"put it in quotes: '{' '.join(words)}'")
    try:
        value = msgspec.convert(list(words) if several else words[0], kind, strict=False)
        return list(value) if several else value
    except msgspec.ValidationError:
        raise WrongUse(f"{key} cannot be {words[0][:80]!r}", hint=f"give {_wanted(kind)}") from None


def _wanted(kind: Any) -> str:
    """Say what the values of a type are."""
    kinds = [it for it in get_args(kind) if it is not NoneType] if NoneType in get_args(kind) else [kind]
    if get_origin(kinds[0]) is Literal:
        return f"one of {', '.join(get_args(kinds[0]))}"
    return {bool: "true or false", int: "a whole number", float: "a number"}.get(kinds[0], "a text")
