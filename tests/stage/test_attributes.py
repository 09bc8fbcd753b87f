"""A module's attributes, actions and prior on a real stage: from the song, changed, refused, recorded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from modules import Synth, export
from rig import Instrument, perform, playing, until

from perform.core import params
from perform.core.arena_layout import EMPTY, LIVE
from perform.core.errors import PerformError
from perform.core.params import SLOTS
from perform.core.spec import MODULE_DEFAULT
from perform.foreign import consent
from perform.foreign.scan.archive_scan import repack
from perform.library import sets
from perform.offline import replay
from perform.rave.archive import read
from perform.recorder import take_index
from perform.stage.commands import Go, KeepSong, Load, Save, SetText, StopRecording, Undo

pytestmark = [
    pytest.mark.usefixtures("tiny_models"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

SET = """
name = "strange"
margin = "safe"

[[songs]]
name = "one"
decks.1 = "{synth}"
[songs.words]
"deck/1/attribute/5" = ["noise"]
[songs.values]
"deck/1/attribute/1" = 0.0
"deck/1/attribute/5" = "own"
"deck/1/z/1/bias" = 0.5

[[songs]]
name = "two"
switch = "cut"
decks.2 = "{synth}"
[songs.words]
"deck/2/attribute/5" = ["sine", "noise"]
[songs.values]
"deck/2/attribute/2" = 0.0
"deck/2/attribute/5" = "noise"
"deck/2/z/1/bias" = 0.5
"""
GAIN, MUTE, PARTIALS, SHAPE = 1, 3, 4, 5  #: numbers of the attributes that are used here


@pytest.fixture
def strange(tmp_path: Path) -> Path:
    synth = export(Synth(), tmp_path / "synth.ts")
    consent.give(repack(read(synth)), "synth")
    path = tmp_path / "strange.toml"
    path.write_text(SET.format(synth=synth))
    return path


def settle(instrument: Instrument, deck: int, frames: int = 30) -> None:
    """Wait for so many of the deck's frames, in which its host has read the table."""
    before = instrument.meter(f"deck/{deck}/frames")
    until(lambda: instrument.meter(f"deck/{deck}/frames") > before + frames, 30, "it plays on")


def test_attributes_from_song_to_take(strange: Path, runtime: Path, tmp_path: Path) -> None:
    with playing(runtime, "--device", "null", "--record", set_name=str(strange)) as instrument:
        table, client = instrument.arena.table, instrument.client

        def put(number: int, value: float) -> None:
            params.set_value(table, f"deck/1/attribute/{number}", value)
            settle(instrument, 1)

        instrument.wait_live(1)
        assert instrument.meter("deck/1/peak/l") == 0, "the song's gain holds from the first frame on"
        assert instrument.meter("deck/1/peak/r") > 1e-2
        deck = client.status().decks[0]
        names = [attribute.name for attribute in deck.attributes]
        assert names == ["gain/0", "gain/1", "mute", "partials", "shape", "tilt", "sample"]
        assert (deck.actions, deck.has_prior) == (("reset_phase",), True)
        assert deck.texts == {"5": ("noise",)}
        assert params.SPECS["stage/margin"].text(table[SLOTS["stage/margin"]]) == "safe"

        put(GAIN, 0.5)
        assert instrument.meter("deck/1/peak/l") > 1e-2
        put(GAIN, -1.0)  # the module refuses it
        put(PARTIALS, 99.0)  # the module raises an error
        assert table[SLOTS[f"deck/1/attribute/{GAIN}"]] == 0.5, (
            "the table shows the value that the module has"
        )
        assert table[SLOTS[f"deck/1/attribute/{PARTIALS}"]] == MODULE_DEFAULT
        log = "\n".join(client.status().log)
        assert "deck 1: the model refuses [-1.0, 1.0] for its attribute 'gain'" in log
        assert "too many" in log
        assert instrument.meter("deck/1/state") == LIVE

        put(SHAPE, 0.0)
        client.ask(SetText(f"deck/1/attribute/{SHAPE}", "sine"))
        assert table[SLOTS[f"deck/1/attribute/{SHAPE}"]] == 1.0
        assert client.status().decks[0].texts == {"5": ("noise", "sine")}
        sounds = runtime.parent / "home" / "sounds"
        sounds.mkdir()
        soundfile.write(sounds / "rain.wav", np.zeros(4800), 48000)
        client.ask(SetText("deck/1/attribute/7", str(sounds / "rain.wav")))  # a buffer
        assert client.status().decks[0].texts["7"] == ("rain.wav",)
        with pytest.raises(PerformError, match="no such file"):
            client.ask(SetText("deck/1/attribute/7", "snow.wav"))
        client.ask(SetText("deck/1/attribute/6", "0 1 2"))  # a tensor of four
        until(lambda: "it takes 4 values, not 3" in "\n".join(client.status().log), 10, "it is refused")
        for address, says in (
            ("deck/1/attribute/1", "is a number"),
            ("deck/1/attribute/16", "is not an attribute"),
            ("deck/3/attribute/1", "is not an attribute"),
            ("deck/1/gain", "is not an attribute"),
        ):
            with pytest.raises(PerformError, match=says):
                client.ask(SetText(address, "loud"))
        put(PARTIALS, 4.0)
        params.trigger(table, "deck/1/action/1")
        params.set_value(table, "deck/1/source", params.SOURCES.index("prior"))
        settle(instrument, 1)
        places = {
            tuple(instrument.arena.deck_meters(1)[-params.LATENTS :][:2])
            for _ in range(3)
            if not settle(instrument, 1, 3)
        }
        assert len(places) == 3, "the prior wanders"
        take = client.ask(StopRecording()).value

        client.ask(KeepSong())
        saved = sets.read_set(Path(client.ask(Save()).value)).songs[0]
        assert saved.texts == {
            "deck/1/attribute/5": ["noise", "sine"],
            "deck/1/attribute/6": ["0 1 2"],
            "deck/1/attribute/7": ["rain.wav"],
        }
        kept = {n: saved.values.get(f"deck/1/attribute/{n}") for n in (GAIN, MUTE, PARTIALS, SHAPE)}
        assert kept == {GAIN: 0.5, MUTE: None, PARTIALS: 4.0, SHAPE: 1.0}

        until(lambda: client.status().songs.ready, 60, "the next song is warm")
        client.ask(Go())
        until(lambda: instrument.meter("deck/1/state") == EMPTY, 30, "song two")
        settle(instrument, 2, 60)
        assert instrument.meter("deck/2/peak/r") == 0, "the armed song renders ahead with its own attributes"
        assert instrument.meter("deck/2/peak/l") > 1e-2
        instrument.end()
    master = Path(take)
    replay.render(
        take_index.read(master), tmp_path / "again.wav", replay.ReplayOptions(), lambda seconds: None
    )
    took, made = (soundfile.read(path)[0] for path in (master, tmp_path / "again.wav"))
    assert took.any()
    assert 10 * np.log10(((took - made) ** 2).mean() / (took**2).mean() + 1e-30) < -90


def test_a_rendered_take_replays_bit_by_bit(strange: Path, tmp_path: Path) -> None:
    strange.write_text(strange.read_text().replace('"own"', '"noise"'))
    done = perform("render", str(strange), "--take", str(tmp_path / "takes"), "--seconds", "2")
    assert done.returncode == 0, done.stderr
    take = Path(done.stdout.strip())
    replay.render(take_index.read(take), tmp_path / "again.wav", replay.ReplayOptions(), lambda seconds: None)
    took, made = (soundfile.read(path)[0] for path in (take, tmp_path / "again.wav"))
    assert not took[:, 0].any(), "the song's gain"
    spectrum = np.abs(np.fft.rfft(took[48000:, 1]))
    assert spectrum.max() < 0.1 * spectrum.sum(), "the song's noise"
    assert np.array_equal(took, made)
    strange.write_text(strange.read_text().replace('/1" = 0.0', '/1" = -1.0'))
    done = perform("render", str(strange), "-o", str(tmp_path / "x.wav"), "--seconds", "2")
    assert done.returncode != 0
    assert "refuses [-1.0, 1.0] for its attribute 'gain'" in done.stderr


def test_another_model_begins_with_its_default_attributes(strange: Path, runtime: Path) -> None:
    with playing(runtime, "--device", "null", "--margin", "tight", set_name=str(strange)) as instrument:
        table, bank = instrument.arena.table, params.attribute_slots(1)
        instrument.wait_live(1)
        assert params.margin(table) == 0.003, "the player's option replaces the set's"
        instrument.client.ask(Load(deck=1, model="bells"))
        until(lambda: instrument.client.status().decks[0].model != "synth", 60, "another model")
        until(
            lambda: np.array_equal(table[bank], params.default_attributes()),
            30,
            "the default attributes",
        )
        assert not instrument.client.status().decks[0].attributes
        instrument.wait_live(1)
        instrument.client.ask(Undo())
        until(lambda: instrument.client.status().decks[0].attributes, 60, "the synth again")
        until(lambda: table[bank][0] == 0.0, 30, "with its values from before")
        instrument.wait_live(1)
        instrument.end()
