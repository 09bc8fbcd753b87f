"""What the shell completes: sets, models, takes, mappings, audio devices, config keys and files."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable

import click
from click.shell_completion import CompletionItem

from perform.core.errors import PerformError

Completion = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def completes(*finders: Callable[[], Iterable[str]], files: bool = True) -> Completion:
    """Return a completion of the names that the finders return, and of files too."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        found: list[str] = []
        for finder in finders:
            with contextlib.suppress(PerformError, OSError):  # a shell has no place for an error
                found += [name for name in finder() if name.startswith(incomplete)]
        items = [CompletionItem(name) for name in sorted(set(found))]
        return [*items, CompletionItem(incomplete, type="file")] if files else items

    return complete


def sets() -> Iterable[str]:
    """Return the names of all sets."""
    from perform.library import sets

    return sets.available()


def models() -> Iterable[str]:
    """Return the names of all models of the library."""
    from perform.library import model_library

    return model_library.models()


def takes() -> Iterable[str]:
    """Return the names of all takes."""
    from perform.library import places
    from perform.recorder import take_index

    return [take.path.stem for take in take_index.takes(places.take_folders())]


def mappings() -> Iterable[str]:
    """Return the names of all mappings."""
    from perform.control import mapping_files

    return mapping_files.available()


def audio_devices() -> Iterable[str]:
    """Return the names of all audio outputs, and `null`."""
    from perform.audio import device

    with contextlib.suppress(PerformError):
        return ["null", *(str(found) for found in device.devices(device.portaudio()))]
    return ["null"]


def audio_inputs() -> Iterable[str]:
    """Return the names of all audio inputs, and `default`."""
    from perform.audio import device

    with contextlib.suppress(PerformError):
        return ["default", *(str(found) for found in device.inputs(device.portaudio()))]
    return ["default"]


def midi_ports() -> Iterable[str]:
    """Return the names of all MIDI input ports; most outputs have the name of an input."""
    from perform.control.midi_ports import list_ports

    return list_ports()[0]


def config_keys() -> Iterable[str]:
    """Return the keys of config.toml."""
    from perform.library import player_config

    return player_config.keys()


def themes() -> Iterable[str]:
    """Return the names of the screen's themes."""
    from perform.tui.themes import names

    return names()


def config_values(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the values of the config key that the line has: its choices, or the names of what is there."""
    from perform.library import player_config

    key = ctx.params.get("key") or ""
    if key == "recording.takes":
        return [CompletionItem(incomplete, type="dir")]
    finder = _OF_CONFIG.get(key, lambda: player_config.choices(key))
    return completes(finder, files=key == "models.catalogues")(ctx, param, incomplete)


_OF_CONFIG: dict[str, Callable[[], Iterable[str]]] = {
    "sound.device": audio_devices,
    "sound.input": audio_inputs,
    "sound.cue": audio_devices,
    "midi.ports": midi_ports,
    "midi.clock": midi_ports,
    "models.gpu": models,
    "models.openvino": models,
    "screen.theme": themes,
}
