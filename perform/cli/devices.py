"""`devices`: list audio devices and MIDI ports."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from perform.cli import completion
from perform.cli.completion import completes
from perform.cli.output import echo, echo_json, json_option

if TYPE_CHECKING:
    from perform.audio.device import Device


@click.command()
@click.option(
    "--device",
    shell_complete=completes(completion.audio_devices, files=False),
    metavar="D",
    help="Show which audio device `perform play --device D` would use.",
)
@json_option
def devices(device: str | None, as_json: bool) -> None:
    """List audio devices and MIDI ports, and show which will be used and why.

    \b
        perform devices --json
    """
    from dataclasses import asdict

    from perform.audio import device as audio
    from perform.control.midi_ports import list_ports

    found, inputs, chosen, why, error = [], [], None, "", ""
    try:
        portaudio = audio.portaudio()
        found, inputs = audio.devices(portaudio), audio.inputs(portaudio)
        chosen, why = audio.choose(portaudio, device)
    except audio.NoDevice as nothing:
        error = str(nothing)
    ports, midi_error = list_ports()
    if as_json:
        report = {
            "audio": [asdict(d) for d in found],
            "inputs": [asdict(d) for d in inputs],
            "use": asdict(chosen) if chosen else None,
            "why": why or error,
            "midi": ports,
            "midi_error": midi_error,
        }
        echo_json(report, indent=2)
        return
    for d in found:
        mark = "*" if d == chosen else " "
        echo(f"{mark} {d.index:3} {d}  ({_facts(d, 'outputs')})")
    echo(f"* will be used: {why}" if chosen else f"{error}: the instrument plays on a silent clock")
    for d in inputs:
        echo(f"  {d.index:3} {d}  ({_facts(d, 'inputs')})")
    for port in ports:
        echo(f"  MIDI {port}")
    if not ports:
        echo(midi_error or "no MIDI controller is connected")


def _facts(device: Device, way: str) -> str:
    """Channels, rate, and the latency that the driver proposes: `2 outputs, 48000 Hz, 8.7 ms`."""
    return f"{device.channels} {way}, {device.rate:.0f} Hz, {1000 * device.latency:.1f} ms"
