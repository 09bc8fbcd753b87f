"""Files of an earlier version load and play as before: set, mapping, models, autosave, takes."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tomllib
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import soundfile

from perform.control import mapping_files
from perform.control.binding import Binding
from perform.control.port_routes import RoutedLayer
from perform.control.router import ControlRouter
from perform.core import params
from perform.core.arena_layout import METER_SLOTS
from perform.library import sets
from perform.library.cards import read_card
from perform.library.song_files import model_file
from perform.library.toml_values import apply_song
from perform.offline import replay
from perform.recorder import take_check, take_index
from perform.recorder.take_names import track_path
from perform.stage import autosave

BEFORE = Path(__file__).parent.parent / "fixtures" / "before"
NOTE = tomllib.loads((BEFORE / "NOTE.toml").read_text())
RECORDED = BEFORE / "recorded"

# Matrix kernels add in an order that depends on the CPU and the version of ONNX Runtime. The sums of such an
# order differ by about 1e-7, so that a sample may round to the neighbouring step of 24 bits: no more.
LSB = 2.0**-23


def cpu() -> str:
    """The CPU as the note names it; "" on a system that has no /proc/cpuinfo."""
    path = Path("/proc/cpuinfo")
    text = path.read_text() if path.exists() else ""
    found = [
        re.search(rf"^{key}\s*: (.*)$", text, re.MULTILINE) for key in ("vendor_id", "cpu family", "model")
    ]
    if not all(found):
        return ""
    vendor, family, model = (match[1] for match in found if match)
    return f"{vendor} family {family} model {model}"


def same_machine() -> bool:
    return (version("onnxruntime"), cpu()) == (NOTE["onnxruntime"], NOTE["cpu"])


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """The takes as the recorder wrote them: WAV files, unpacked from FLAC."""
    folder = tmp_path / "recorded"
    folder.mkdir()
    for path in RECORDED.iterdir():
        if path.suffix == ".flac":
            chunks = path.with_suffix(".chunks").read_bytes()
            samples = soundfile.read(path, dtype="int32", always_2d=True)[
                0
            ]  # 24 bits in the upper three bytes
            data = samples.astype("<i4").reshape(-1, 1).view(np.uint8)[:, 1:].tobytes()
            (folder / path.name).with_suffix(".wav").write_bytes(chunks[:80] + data + chunks[80:])
        elif path.suffix != ".chunks":
            shutil.copy(path, folder)
    for name, sha256 in NOTE["sha256"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == sha256, name
    return folder


@pytest.fixture
def models(own_places: Path) -> Path:
    return Path(shutil.copytree(BEFORE / "models", own_places / "home" / "models"))


@pytest.mark.parametrize("name", ["stems", "float", "live"])
def test_an_old_take_renders_as_before(name: str, recorded: Path, models: Path, tmp_path: Path) -> None:
    take = take_index.read(recorded / f"{name}.wav")
    assert take_check.verify(take) == []
    assert take.tracks == (("master", "deck1", "deck2") if name == "stems" else ("master",))
    out = tmp_path / "again.wav"
    options = replay.ReplayOptions(stems=name == "stems")
    assert replay.render(take, out, options, lambda seconds: None).lost == 0
    for track in take.tracks:
        kept, made = track_path(take.path, track), track_path(out, track)
        one, other = (soundfile.read(path, always_2d=True)[0] for path in (kept, made))
        assert one.shape == other.shape
        assert np.abs(one).max() > 0.05
        assert np.abs(one - other).max() <= LSB
        if same_machine():
            assert np.array_equal(one, other)
    if same_machine():
        assert out.read_bytes() == take.path.read_bytes()


def test_the_markers_of_an_old_take_are_read(recorded: Path) -> None:
    take = take_index.read(recorded / "live.wav")
    assert [mark.name for mark in take.marks] == ["First light", "scene 1 dawn", "a bend", "Second"]
    assert [mark.frame for mark in take.marks] == [0, 54016, 54016, 73472]


def test_an_old_set_plays_as_before(models: Path, tmp_path: Path) -> None:
    loaded = sets.read_set(BEFORE / "before.toml")
    first, second = loaded.songs
    assert (loaded.name, loaded.mapping) == ("before", "nanokontrol2")
    assert (first.name, first.tempo, second.switch, second.fade) == ("First light", 90.0, "crossfade", 0.5)
    assert first.models[2].name == "slow"
    assert model_file(first.models[2]) == models / "slow.safetensors"
    assert (first.scenes["1"].name, first.scenes["1"].glide, first.scenes["1"].beats) == ("dawn", 2.0, True)
    table = params.defaults()
    apply_song(second, table)
    assert params.SOURCES[int(table[params.slot("deck/3/source")])] == "deck"
    assert table[params.slot("deck/3/from")] == 0
    assert table[params.slot("deck/1/z/1/smooth")] == 0.2
    saved = tmp_path / "saved.toml"
    sets.save_set(loaded, saved, like=BEFORE / "before.toml")
    assert saved.read_text() == (BEFORE / "before.toml").read_text()


def test_an_old_mapping_loads() -> None:
    loaded = mapping_files.load(BEFORE / "nanokontrol2.toml")
    first = loaded.bindings[0]
    assert (loaded.name, loaded.ports) == ("nanoKONTROL2", ("nanoKONTROL2",))
    assert (first.control, first.to, first.range) == ("cc 16", "focus/z/0/bias", (2.0, -1.0))
    latents = [Binding(f"cc {16 + i}", f"focus/z/{i}/bias", range=(-3.0, 3.0)) for i in range(1, 8)]
    assert list(loaded.bindings[1:8]) == latents
    assert (
        loaded.bindings[8:] == mapping_files.load(mapping_files.bundled() / "nanokontrol2.toml").bindings[8:]
    )


def test_an_old_mapping_plays_as_before() -> None:
    """Ends and presses are the same; between the ends half a step may differ: CC 64 is the middle now."""
    written = tomllib.loads((BEFORE / "nanokontrol2.values.toml").read_text())
    mapping, port = mapping_files.load(BEFORE / "nanokontrol2.toml"), "nanoKONTROL2"
    assert [f"{it.control} {it.to}" for it in mapping.bindings] == list(written["values"])
    for binding, wanted in zip(mapping.bindings, written["values"].values(), strict=True):
        table = params.defaults()
        router = ControlRouter(table, np.zeros(len(METER_SLOTS)), np.full_like(table, np.nan))
        router.use({port: [RoutedLayer(mapping.bindings, mapping.takeover)]})
        slot, got = params.slot(binding.to.replace("focus/", "deck/1/")), []
        for value in written["sent"]:
            router.handle(port, (0xB0, binding.number, value))
            got.append(float(table[slot]))
        half = (max(wanted) - min(wanted)) / 254 if binding.is_continuous else 0.0
        for sent, new, old in list(zip(written["sent"], got, wanted, strict=True))[1:]:  # it takes over first
            assert abs(new - old) <= (0.0 if sent in (0, 127) else half + 1e-9), (binding, sent)


def test_old_model_files_load(models: Path) -> None:
    for name, rate in (("glass", 48000), ("slow", 44100)):
        card = read_card(models / f"{name}.safetensors")
        assert (card.sample_rate, card.ratio, card.latents) == (rate, 128, 4)


def test_an_old_autosave_loads() -> None:
    state = Path(os.environ["PERFORM_HOME"]) / "state"
    state.mkdir(parents=True)
    shutil.copy(BEFORE / "autosave.json", state)
    saved = autosave.read()
    assert saved
    assert saved.set == sets.read_set(BEFORE / "before.toml")
    assert (saved.now, saved.played, saved.clean, saved.changed) == (1, 1.3, True, False)
    assert {deck: Path(path).name for deck, path in saved.decks.items()} == {
        "1": "glass.safetensors",
        "3": "slow.safetensors",
    }
    table = saved.table()
    for address, value in (("deck/1/z/1/smooth", 0.2), ("deck/3/gain", 6.0), ("tempo", 90.0)):
        assert table[params.slot(address)] == pytest.approx(value)
    assert params.SOURCES[int(table[params.slot("deck/1/source")])] == "loop"
