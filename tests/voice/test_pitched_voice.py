"""A pitched model on a deck: keys and input play its pitch, and a note that ends does not slide."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from test_sources import RATE, Rig
from tiny import tiny_model

from perform.core import params
from perform.core.arena import Arena
from perform.core.arena_layout import METER_SLOTS
from perform.engine.compiled_model import CompiledModel
from perform.library.cards import read_card

PITCHED = {"encoder": "pitched", "decoder": "harmonic", "bottleneck": "pitched", "harmonics": 8}
PITCHED |= {"noise_ratios": (4,), "noise_taps": 3}


def test_the_input_plays_the_pitch_and_holds_it_when_the_gate_closes(arena: Arena, tmp_path: Path) -> None:
    path = tiny_model(tmp_path / "flute.safetensors", latents=8, **PITCHED)
    assert read_card(path).labels[:4] == ["pitch", "loudness", "noise", "timbre 1"]
    rig = Rig(arena, CompiledModel(path))
    rig.source(1, "input")
    rig.put(input_open=1, input_gate=-50)
    time = np.arange(RATE // 2) / RATE
    tone = 0.2 * np.sin(2 * np.pi * 330 * time).astype(np.float32)
    rig.play(tone)
    z = rig.z(1)
    assert z[-40:, 0] == pytest.approx(math.log2(330 / 220), abs=0.005)
    assert z[-40:, 2].max() < 0.05
    rig.play(np.zeros(RATE // 2, np.float32))
    assert not arena.meters[METER_SLOTS["input/gate"]]
    z = rig.z(1)
    assert z[-1, 1] < -4, "it is silent"
    assert z[len(z) // 2 :, 0] == pytest.approx(math.log2(330 / 220), abs=0.02), "the pitch stays"


def test_a_pitch_is_played_by_hand(arena: Arena, tmp_path: Path) -> None:
    rig = Rig(arena, CompiledModel(tiny_model(tmp_path / "flute.safetensors", latents=8, **PITCHED)))
    params.set_value(arena.table, "deck/1/z/0/bias", 1.0)
    y = rig.play(np.zeros(RATE, np.float32))[RATE // 2 :, 0]
    spectrum = np.abs(np.fft.rfft(y * np.hanning(len(y))))
    lines = np.flatnonzero(spectrum > 0.1 * spectrum.max()) * RATE / len(y)
    assert np.abs(lines / 440 - np.round(lines / 440)).max() < 0.02, "A4 and its harmonics, and nothing else"
