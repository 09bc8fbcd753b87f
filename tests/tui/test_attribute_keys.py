"""Keys move and type the attributes of a module, run its actions, and restore the module default."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
import soundfile
from hands import playing
from stand_in import FakeStage, deck, status

from perform.core import params
from perform.core.attributes import Attribute
from perform.core.params import SOURCES
from perform.core.spec import MODULE_DEFAULT
from perform.stage.commands import SetText

ATTRIBUTES = (
    Attribute("level", "float", 0.5),
    Attribute("mute", "bool", 0.0),
    Attribute("partials", "int", 1.0, 0.0, 10.0),
    Attribute("shape", "str", "sine"),
    Attribute("grain", "buffer", "sound"),
)


@pytest.fixture
def synth(tmp_path) -> FakeStage:  # type: ignore[no-untyped-def]
    words = msgspec.structs.replace(
        deck("synth", 2),
        attributes=ATTRIBUTES,
        texts={"4": ("noise", "saw")},
        actions=("reset_phase",),
        has_prior=True,
    )
    return FakeStage(tmp_path, status(words, deck("bells", 2)))


def at(number: int) -> str:
    return f"deck/1/attribute/{number}"


async def select(hands, name: str) -> None:  # type: ignore[no-untyped-def]
    """Down to the row of this label."""
    await hands.until(lambda: hands.app.read_frame().deck(1).attributes)
    labels = [row.label for row in hands.app.read_frame().rows(1)]
    await hands.press(
        "1", *["down"] * ((labels.index(name) - hands.app.read_frame().cursor(1)) % len(labels))
    )
    assert hands.app.read_frame().selected.label == name


async def test_arrows_begin_at_the_module_default(synth, clock):
    async with playing(synth, clock) as hands:
        await select(hands, "level")
        assert "deck 1 level  0.5 (default)" in hands.text()
        await hands.press("shift+right")
        assert hands.value(at(1)) == pytest.approx(0.6)
        await hands.press(*["shift+right"] * 9)
        assert hands.value(at(1)) == 1.0, "its knob ends there"
        await hands.press("0")
        assert hands.value(at(1)) == MODULE_DEFAULT
        await select(hands, "mute")
        await hands.press("right")
        assert hands.value(at(2)) == 1.0
        await select(hands, "partials")
        await hands.press("right", "right")
        assert hands.value(at(3)) == 3.0
        await select(hands, "shape")
        for value, key in (
            (0.0, "right"),
            (1.0, "right"),
            (1.0, "right"),
            (0.0, "left"),
            (MODULE_DEFAULT, "left"),
        ):
            await hands.press(key)
            assert hands.value(at(4)) == value


async def test_values_beyond_the_knob_and_texts_are_typed(synth, clock):
    async with playing(synth, clock) as hands:
        await select(hands, "level")
        await hands.press("=", *"-7,5", "enter")
        assert hands.value(at(1)) == -7.5
        assert "-7.5" in hands.text()
        await hands.press("=", *"module", "space", *"default", "enter")
        assert hands.value(at(1)) == MODULE_DEFAULT
        await hands.press("=", "2", "enter")
        await hands.press("=", *"own", "enter")
        assert hands.value(at(1)) == MODULE_DEFAULT, "as set files have it"
        await hands.press("=", *"loud", "enter")
        assert "is not" in hands.text()
        await hands.press("escape")
        await select(hands, "shape")
        await hands.press("=", *"saw", "enter")
        assert hands.value(at(4)) == 1.0, "a word that is known is its number"
        await hands.press("=", *"pulse", "enter")
        await hands.until(lambda: SetText(at(4), "pulse") in synth.asked)


async def test_a_key_runs_an_action_of_the_module(synth, clock):
    async with playing(synth, clock) as hands:
        await select(hands, "reset_phase")
        await hands.press("right", "right", "left", "0")
        assert hands.value("deck/1/action/1") == 2


async def test_the_source_prior_is_offered_if_the_model_has_one(synth, clock):
    async with playing(synth, clock) as hands:
        await hands.until(lambda: hands.app.read_frame().deck(1).has_prior)
        for focused, last in (("1", "prior"), ("2", "walk")):
            await hands.press(focused)
            seen = []
            for _ in range(len(SOURCES)):
                await hands.press("a")
                seen.append(SOURCES[int(hands.value(f"deck/{focused}/source"))])
            assert last in seen
            assert ("prior" in seen) == (focused == "1")
        assert params.SPECS["deck/1/source"].choices == SOURCES


async def test_a_buffer_is_filled_from_a_file(synth, clock, home):
    (home / "sounds").mkdir()
    soundfile.write(home / "sounds" / "rain.wav", np.zeros(4800), 48000)
    async with playing(synth, clock) as hands:
        await select(hands, "grain")
        await hands.press("O")
        await hands.until(lambda: "rain.wav" in hands.text())
        await hands.press("enter")
        await hands.until(lambda: synth.asked[-1:] == [SetText(at(5), "rain.wav")])
