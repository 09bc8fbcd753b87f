"""Songs on a real stage, on its silent clock: NOW and NEXT, switching, models and mappings of songs."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from rig import playing, until
from stage_rig import go, song, states, value
from tiny import tiny_model

from perform.core import params
from perform.core.arena_layout import EMPTY, FAILED, LIVE
from perform.library import sets
from perform.library.cards import change_card, read_card
from perform.stage import commands


def test_songs_follow_each_other_without_a_gap(runtime: Path, tour: str, tmp_path: Path) -> None:
    model = Path(os.environ["PERFORM_HOME"]) / "models" / "bells.safetensors"
    count = read_card(model).latents
    change_card(model, {"latent_p01": [-1.0] * count, "latent_p99": [2.0] * count})
    with playing(runtime, "--device", "null", set_name=tour) as instrument:
        instrument.wait_live(1, 2)
        until(lambda: song(instrument).ready == song(instrument).wanted == 2, 20, "song two warm")
        bias, knobs = params.slot("deck/1/z/0/bias"), instrument.arena.knobs
        assert knobs.of(bias) == pytest.approx((-1.3, 2.3)), "the knob covers the corpus of bells"
        frames = instrument.meter("deck/1/frames")
        begun = instrument.arena.history.written
        go(instrument, 2)
        assert states(instrument) == [LIVE, EMPTY, LIVE]
        assert instrument.meter("deck/1/frames") >= frames  # the same voice, going on
        until(lambda: value(instrument, "deck/1/z/0/bias") == -1.0, 5, "the latent glided there")
        assert value(instrument, "xfade") == 0.25
        words = instrument.client.ask(commands.Arm(3)).value
        assert "ready" in words
        missing = song(instrument).lines[2].missing
        assert "nowhere" in missing[0]
        assert "https://models.example/nowhere" in missing[0]
        go(instrument, 3)
        until(lambda: states(instrument) == [LIVE, FAILED, EMPTY], 10, "song three, as far as it is there")
        assert "nowhere" in instrument.client.status().decks[1].error
        assert knobs.of(bias) == (-4.0, 4.0), "choir has no figures"
        until(lambda: instrument.arena.history.written > begun + 2 * 48000, 10, "two seconds")
        tape, lost = instrument.arena.history.read(begun, instrument.arena.history.written - begun)
        assert not lost
        level = np.sqrt((tape[: len(tape) // 4800 * 4800, 0].reshape(-1, 4800) ** 2).mean(axis=1))
        assert level.min() > 1e-4
        assert "internal error" not in instrument.log()
        instrument.end()


def test_the_table_can_arm_songs_and_switch_to_them(runtime: Path, tour: str) -> None:
    """What a program change and a footswitch do, through the table."""
    with playing(runtime, "--device", "null", set_name=tour) as instrument:
        instrument.wait_live(1, 2)
        table = instrument.arena.table
        params.set_value(table, "song/arm", 3)
        until(lambda: song(instrument).next == 3, 5, "song three armed")
        params.trigger(table, "song/previous")
        until(lambda: song(instrument).next == 2, 5, "song two armed")
        params.trigger(table, "song/go")
        until(lambda: song(instrument).now == 2, 20, "song two")
        params.set_value(table, "song/jump", 1)
        until(lambda: song(instrument).now == 1, 20, "song one")
        assert value(instrument, "song/jump") == 0
        instrument.end()


def test_a_song_finds_its_models_by_their_hashes(runtime: Path, tour: str, tmp_path: Path) -> None:
    library = Path(os.environ["PERFORM_HOME"]) / "models"
    for seed, name in enumerate(("bells", "choir"), 77):  # not on this computer a second time
        tiny_model(library / f"{name}.safetensors", seed=seed)
    with playing(runtime, "--device", "null", set_name=tour) as instrument:
        instrument.wait_live(1, 2)
        instrument.client.ask(commands.KeepSong())
        instrument.client.ask(commands.Save())
        instrument.end()
    (library / "bells.safetensors").rename(
        library / "glocken.safetensors"
    )  # the bundled bells have its name now
    (library / "choir.safetensors").unlink()  # so has the bundled choir; the song's own is gone
    os.utime(library / "glocken.safetensors", ns=(1, 1))  # nobody has read this file as it is
    with playing(runtime, "--device", "null", "--fresh", set_name=tour) as instrument:

        def stems() -> list[str]:
            return [Path(deck.path).stem for deck in instrument.client.status().decks[:2]]

        until(lambda: stems() == ["glocken", "choir"], 300, "the renamed model, once the library is hashed")
        instrument.wait_live(1, 2)
        until(lambda: song(instrument).lines[0].missing, 10, "a word about the other choir")
        assert "deck 2: 'choir' is another file here" in " ".join(song(instrument).lines[0].missing)
        instrument.end()


def test_no_song_replaces_a_mapping_given_at_the_start(runtime: Path, tour: str) -> None:
    text = Path(tour).read_text()
    for song_name, mapping in (("one", "generic"), ("two", "midimix")):
        text = text.replace(f'name = "{song_name}"', f'name = "{song_name}"\nmapping = "{mapping}"')
    Path(tour).write_text(text)
    for options, wanted in (((), "MIDImix"), (("--mapping", "nanokontrol2"), "nanoKONTROL2")):
        with playing(runtime, "--device", "null", "--fresh", *options, set_name=tour) as instrument:
            instrument.wait_live(1, 2)
            first = wanted if options else "generic"
            mapping = lambda i=instrument: i.client.status().mapping  # noqa: E731
            until(lambda m=mapping, first=first: m() == first, 10, f"the mapping {first}")
            go(instrument, 2)
            until(lambda m=mapping, wanted=wanted: m() == wanted, 10, f"the mapping {wanted}")
            instrument.end()


def test_a_missing_model_stays_in_the_song(runtime: Path, tour: str) -> None:
    with playing(runtime, "--device", "null", set_name=tour) as instrument:
        instrument.wait_live(1, 2)
        go(instrument, 3)
        until(lambda: instrument.meter("deck/2/state") == FAILED, 10, "deck 2 without its model")
        instrument.client.ask(commands.KeepSong())
        instrument.client.ask(commands.Save())
        kept = sets.load_set(tour).songs[2].models[2]
        assert (kept.name, kept.source) == ("nowhere", "https://models.example/nowhere")
        library = Path(os.environ["PERFORM_HOME"]) / "models"
        (library / "odd.safetensors").write_bytes(b"PK\x03\x04, and no archive")
        instrument.client.ask(commands.Load(2, "odd"))
        until(lambda: "odd" in instrument.client.status().decks[1].error, 20, "it is refused")
        instrument.client.ask(commands.KeepSong())
        instrument.client.ask(commands.Save())
        assert sets.load_set(tour).songs[2].models[2].name == "odd"
        instrument.end()
