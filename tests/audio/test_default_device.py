"""The output that plays without a choice: a JACK server, WASAPI on Windows, else the system's default."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import cast

import pytest

from perform.audio import device

MME, WASAPI, JACK = "MME", "Windows WASAPI", "JACK Audio Connection Kit"


def portaudio(*apis: str) -> ModuleType:
    """A PortAudio with one output for each host API; the first is the system's default."""
    outputs = [
        {
            "name": "Speakers",
            "hostapi": i,
            "max_output_channels": 2,
            "default_samplerate": 48000.0,
            "default_low_output_latency": 0.01,
        }
        for i in range(len(apis))
    ]
    hosts = [{"name": name, "default_output_device": i} for i, name in enumerate(apis)]
    there = SimpleNamespace(
        query_hostapis=lambda: hosts, query_devices=lambda: outputs, default=SimpleNamespace(device=(-1, 0))
    )
    return cast(ModuleType, there)


@pytest.mark.parametrize(
    ("apis", "chosen"),
    [
        ((MME, "Windows DirectSound", WASAPI), WASAPI),
        ((MME, WASAPI, JACK), JACK),
        (("Core Audio",), "Core Audio"),
        (("ALSA", "OSS"), "ALSA"),
    ],
)
def test_the_api_with_the_shortest_latency_is_the_default(apis: tuple[str, ...], chosen: str) -> None:
    assert device.choose(portaudio(*apis), None)[0].api == chosen


def test_a_device_that_is_named_wins() -> None:
    assert device.choose(portaudio(MME, WASAPI), "mme")[0].api == MME


def test_inputs_and_outputs_are_listed_apart() -> None:
    there = portaudio("ALSA", "OSS")
    for number, found in enumerate(there.query_devices()):
        found["max_input_channels"], found["default_low_input_latency"] = 4 * number, 0.004
    assert [(it.api, it.channels, it.latency) for it in device.inputs(there)] == [("OSS", 4, 0.004)]
    assert [it.channels for it in device.devices(there)] == [2, 2]
