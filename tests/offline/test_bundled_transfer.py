"""Timbre transfer with the bundled models, alone and in pairs: loudness, timing and timbre."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from perform.engine.compiled_model import CompiledEncoder, CompiledModel
from perform.library.cards import read_card
from perform.offline.transfer import CEILING, Transfer

MODELS = Path(__file__).parents[2] / "models"
NAMES = ("bells", "choir", "kit")
PITCHED = ("cello", "flutes", "reeds", "singers", "strike", "tabla")
SAMPLES = Path(__file__).parents[2] / "docs" / "sounds"
FROM_SOUNDFONT = ["cello", "flutes", "reeds", "singers", "strike"]
MEGABYTE = 1_000_000
#: kind, voice and whose ears, where the colour of a sound is no nearer to the voice's than it was before
NO_NEARER = {
    ("choir", "bells", "bells"),
    ("choir", "bells", "choir"),
}
FAR = 0.5  #: octaves: what is as bright as the voice's corpus already cannot come nearer

sys.path.insert(0, str(MODELS / "recipes"))


@pytest.fixture(autouse=True)
def denormals_again() -> Iterator[None]:
    yield
    torch.set_flush_denormal(False)


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[CompiledEncoder, CompiledModel]]:
    """Encoder and decoder of each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PERFORM_HOME", str(tmp_path_factory.mktemp("home")))
        files = {name: MODELS / f"{name}.safetensors" for name in NAMES}
        return {name: (CompiledEncoder(path), CompiledModel(path)) for name, path in files.items()}


@pytest.fixture(scope="module")
def corpora() -> dict[str, np.ndarray]:
    """Ten seconds of each model's kind of sound that it was not trained on: of its recipe, or its sample."""
    from corpora import recorded

    made = {name: recorded(name, 10.0, np.random.default_rng([2, 0])) for name in NAMES[:2]}
    return made | {name: soundfile.read(SAMPLES / f"{name}.ogg")[0] for name in NAMES[2:]}


def sent(through: Transfer, x: np.ndarray) -> np.ndarray:
    """Transfer a sound (n,); return (n,)."""
    return np.concatenate([through.feed(x.astype(np.float32)[:, None]), through.finish()])[:, 0]


def envelope(x: np.ndarray) -> np.ndarray:
    """RMS of every tenth of a second at 48 kHz."""
    return np.sqrt(np.square(x[: len(x) // 4800 * 4800].reshape(-1, 4800)).mean(axis=1))


def centroid(x: np.ndarray) -> float:
    """The spectral centroid of the mean power spectrum, Hz."""
    frames = np.lib.stride_tricks.sliding_window_view(x, 2048)[::1024] * np.hanning(2048)
    power = np.square(np.abs(np.fft.rfft(frames))).mean(axis=0)
    return float((power * np.linspace(0, 24000, 1025)).sum() / power.sum())


def apart(x: np.ndarray, y: np.ndarray) -> float:
    """The difference of two mean spectra: mean over thirds of octaves of 50 Hz to 16 kHz, dB."""
    edges, frequencies = np.geomspace(50, 16000, 26), np.linspace(0, 24000, 1025)
    colours = []
    for sound in (x, y):
        frames = np.lib.stride_tricks.sliding_window_view(sound, 2048)[::1024] * np.hanning(2048)
        power = np.square(np.abs(np.fft.rfft(frames))).mean(axis=0)
        inside = [
            (frequencies >= low) & (frequencies < max(high, low + 24))
            for low, high in itertools.pairwise(edges)
        ]
        bands = np.array([power[band].sum() for band in inside])
        colours.append(np.maximum(10 * np.log10(bands / bands.sum() + 1e-12), -60))
    return float(np.abs(colours[0] - colours[1]).mean())


def brightness(x: np.ndarray) -> float:
    """The median spectral centroid of frames above -60 dBFS, octaves above 1 Hz."""
    frames = np.lib.stride_tricks.sliding_window_view(x, 2048)[::512] * np.hanning(2048)
    sizes = np.abs(np.fft.rfft(frames[np.square(frames).mean(axis=1) > 1e-6]))
    return float(np.log2(np.median(sizes @ np.linspace(0, 24000, 1025) / sizes.sum(axis=1))))


def test_all_bundled_models_are_present_and_small() -> None:
    files = sorted(MODELS.glob("*.safetensors"))
    assert [file.stem for file in files] == sorted([*NAMES, *PITCHED, "storm"])
    sizes = [file.stat().st_size for file in files]
    assert max(sizes) < 20 * MEGABYTE
    assert sum(sizes) < 80 * MEGABYTE
    cards = [read_card(file) for file in files]
    assert {card.licence for card in cards} == {"CC0-1.0", "MIT"}
    from_soundfont = [file.stem for file, card in zip(files, cards, strict=True) if card.licence == "MIT"]
    assert from_soundfont == FROM_SOUNDFONT
    assert len({card.ratio for card in cards}) == 3
    assert len({card.latents for card in cards}) > 1
    for file in files:
        assert f"]({file.stem}.png)" in file.with_suffix(".md").read_text()
        assert file.with_suffix(".png").exists()


@pytest.mark.parametrize("name", NAMES)
def test_a_model_keeps_loudness_timing_and_timbre_of_its_kind(
    ends: dict[str, tuple[CompiledEncoder, CompiledModel]], corpora: dict[str, np.ndarray], name: str
) -> None:
    x = corpora[name]
    y = sent(Transfer(*ends[name], 48000, 48000), x)
    follows = np.corrcoef(envelope(x), envelope(y))[0, 1]
    print(f"{name}: loudness {follows:.3f}, middle {centroid(x):.0f} to {centroid(y):.0f} Hz")
    assert follows >= 0.95
    assert abs(np.log2(centroid(y) / centroid(x))) < 0.4


@pytest.mark.parametrize("target", NAMES)
def test_a_decoder_brings_a_sound_closer_to_its_corpus(
    ends: dict[str, tuple[CompiledEncoder, CompiledModel]],
    corpora: dict[str, np.ndarray],
    target: str,
) -> None:
    """With any encoder: the same length, loudness over time kept, spectrum closer to the decoder's corpus."""
    before, after = [], []
    for source in sorted(set(NAMES) - {target}):
        x = corpora[source][: 6 * 48000]
        off, dull = apart(x, corpora[target]), abs(brightness(x) - brightness(corpora[target]))
        for encoder in (source, target):
            y = sent(Transfer(ends[encoder][0], ends[target][1], 48000, 48000), x)
            assert len(y) == len(x)
            assert np.isfinite(y).all()
            assert 1e-3 < np.abs(y).max() <= CEILING
            then, duller = apart(y, corpora[target]), abs(brightness(y) - brightness(corpora[target]))
            print(f"{source} as {target}, encoded by {encoder}: {off:.1f} dB off, then {then:.1f};", end=" ")
            print(f"{dull:.2f} octaves, then {duller:.2f}")
            assert then < off or (source, target, encoder) in NO_NEARER
            assert duller < dull or dull < FAR
            before.append(off)
            after.append(then)
        follows = np.corrcoef(envelope(x), envelope(y))[0, 1]
        assert follows > 0.2, "louder input gives louder output"
        print(f"loudness {follows:.2f}")
    assert np.mean(after) < 0.8 * np.mean(before)
