"""The bundled set `transfer`: dry and wet in time, and its controls by MIDI and OSC."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from perform.audio.mixer import Mixer
from perform.control import mapping_files
from perform.control.osc_router import OscRouter
from perform.control.port_routes import RoutedLayer
from perform.control.router import ControlRouter
from perform.core import params
from perform.core.arena import Arena
from perform.library import places, sets
from perform.library.song_files import model_file
from perform.library.toml_values import apply_song
from perform.offline.deck_render import DeckRender
from perform.offline.render import BLOCK, render

RATE = 48000
STEP = 48  #: frames of a step of an envelope: 1 ms


def envelope(sound: np.ndarray) -> np.ndarray:
    """How the level rises, a value for each millisecond."""
    power = np.convolve(np.square(sound).mean(axis=1), np.hanning(960), "same")[::STEP]
    return np.diff(np.sqrt(power)).clip(0)


def lag(dry: np.ndarray, wet: np.ndarray, most: int = 80) -> int:
    """Milliseconds from the onsets of one sound to those of another."""
    a, b = envelope(dry)[most:-most], envelope(wet)
    found = {d: float(np.corrcoef(a, b[most + d : len(b) - most + d])[0, 1]) for d in range(-most, most + 1)}
    at = max(found, key=lambda d: found[d])
    assert found[at] > 0.6, "they have the same onsets"
    return at


def test_the_onsets_of_dry_and_wet_coincide(tmp_path: Path, shared_cache: None) -> None:
    text = (places.bundled("presets") / "sets" / "transfer.toml").read_text()
    quiet, sounds = f'"deck/1/file/wet" = {params.SILENCE_DB}\n', []
    for name, values in (("wet", "-60"), ("dry", f"0\n{quiet}")):
        path = tmp_path / f"{name}.toml"
        path.write_text(text.replace('"deck/1/file/dry" = -15', f'"deck/1/file/dry" = {values}'))
        out = tmp_path / f"{name}.wav"
        render(str(path), out, 4.0, seed=None, rate=RATE, on_progress=lambda seconds: None)
        sounds.append(soundfile.read(out)[0])
    wet, dry = sounds
    file = soundfile.read(places.bundled("docs") / "sounds" / "kit.ogg")[0]
    assert np.corrcoef(dry[8000:90000, 0], file[8000 - 75 : 90000 - 75])[0, 1] > 0.99, "75 samples late"
    assert abs(lag(dry, wet)) <= 4


def test_play_stop_loop_and_gains_by_midi_and_osc(tmp_path: Path, shared_cache: None) -> None:
    opened = sets.load_set("transfer")
    song, arena = opened.songs[0], Arena.create(tmp_path / "test.arena")
    for meter, value in (("rate", RATE), ("block", BLOCK), ("burst", BLOCK)):
        arena.set_meter(meter, value)
    apply_song(song, arena.table)
    deck = DeckRender(arena, song, 1, model_file(song.models[1]), None, RATE, logged=False)
    deck.assignments.update({1: deck.assignment(song)}, {1}, deck.files(song))
    mapping = mapping_files.load(mapping_files.find(opened.mapping))
    midi = ControlRouter(arena.table, arena.meters, arena.hardware)
    midi.use({"nanoKONTROL2": [RoutedLayer(mapping.bindings, mapping.takeover)]})
    osc = OscRouter(arena.table)
    mixer = Mixer(arena, RATE, opening=(1.0, 1.0))

    def level(*messages: tuple[int, int] | tuple[str, float]) -> float:
        """The last 0.4 s of the 0.8 s after these messages: a CC and its value, or an address and its."""
        for control, value in messages:
            if isinstance(control, int):
                midi.handle("nanoKONTROL2", (0xB0, control, int(value)))
            else:
                osc.handle((control, (float(value),)), ("127.0.0.1", 9001))
        out = np.zeros((150 * BLOCK, 2), np.float32)
        for at in range(0, len(out), BLOCK):
            deck.fill(BLOCK)
            mixer.fill(out[at : at + BLOCK])
        return float(np.abs(out[75 * BLOCK :]).max())

    assert level() > 0.02
    assert level((42, 127), (42, 0)) < 1e-3, "STOP"
    assert level((41, 127), (41, 0)) > 0.02, "PLAY"
    assert level(("/deck/1/file/stop", 1)) < 1e-3
    assert level(("/deck/1/file/play", 1)) > 0.02
    for control, value in ((16, 127), (16, 0), (17, 127), (17, 0)):  # the knobs take over, then are at 0
        level((control, value))
    assert level() < 1e-6, "dry and wet are silent"
    assert level((16, 127)) > 0.02, "only dry"
    assert level((46, 127), (46, 0), (20, 127), (20, 2)) < 1e-3, "no loop: it ended"
    assert level((46, 127), (46, 0)) > 0.02, "it loops at its beginning"
