"""Matrices: saving, loading, making by variance, learning."""

from __future__ import annotations

import math
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from perform.core.errors import WrongUse
from perform.library.cards import Card
from perform.library.matrices import LAG, LatentMatrix, MatrixSide, by_variance, learn, load, save

ENCODER, DECODER = MatrixSide("a", "a" * 64, 3), MatrixSide("b", "b" * 64, 2)
numbers = st.floats(-1e6, 1e6, width=32)


def card(latents: int, std: list[float], mean: list[float]) -> Card:
    return Card("m", 48000, 512, latents, 32, 0, mean, std, mean, mean, -23.0)


@settings(max_examples=40)
@given(st.data(), st.integers(1, 12), st.integers(1, 12), st.text(max_size=20), st.floats(-9, 1))
def test_a_saved_matrix_loads_unchanged(
    data: st.DataObject, from_latents: int, to_latents: int, name: str, fit: float
) -> None:
    weight = data.draw(arrays(np.float32, (to_latents, from_latents), elements=numbers))
    offset = data.draw(arrays(np.float32, to_latents, elements=numbers))
    matrix = LatentMatrix(
        MatrixSide(name, "1" * 64, from_latents), MatrixSide("b", "2" * 64, to_latents), weight, offset, fit
    )
    with TemporaryDirectory() as folder:
        path = Path(folder) / "x.matrix"
        save(path, matrix)
        found = load(path, "1" * 64, "2" * 64)
        with pytest.raises(WrongUse, match="already"):
            save(path, matrix)
    assert (found.encoder, found.decoder, found.fit) == (matrix.encoder, matrix.decoder, fit)
    assert np.array_equal(found.weight, weight)
    assert np.array_equal(found.offset, offset)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    matrix = LatentMatrix(ENCODER, DECODER, np.ones((2, 3), np.float32), np.zeros(2, np.float32))
    save(tmp_path / "x.matrix", matrix)
    assert math.isnan(load(tmp_path / "x.matrix", ENCODER.sha256, DECODER.sha256).fit)
    return tmp_path / "x.matrix"


@settings(max_examples=150)
@given(st.data())
def test_a_mangled_file_is_refused_in_one_line(data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "x.matrix"
        save(path, LatentMatrix(ENCODER, DECODER, np.ones((2, 3), np.float32), np.zeros(2, np.float32)))
        whole = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
        path.write_bytes(whole[: data.draw(st.integers(0, len(whole)))])
        try:
            found = load(path, ENCODER.sha256, DECODER.sha256)
        except WrongUse as error:
            assert "\n" not in str(error)
            assert "x.matrix" in str(error)
        else:  # the change hit the values, or a name
            assert found.apply(np.zeros(3)).shape == (2,)


@pytest.mark.parametrize("tensor", ["weight", "offset"])
def test_a_matrix_with_nan_is_refused(tensor: str) -> None:
    parts = {"weight": np.ones((2, 3), np.float32), "offset": np.zeros(2, np.float32)}
    parts[tensor].flat[0] = np.nan
    with pytest.raises(WrongUse, match="NaN or infinity"):
        LatentMatrix(ENCODER, DECODER, **parts)


def test_a_matrix_is_refused_for_other_models(saved: Path) -> None:
    for sides in ((DECODER, ENCODER), (ENCODER, ENCODER), (DECODER, DECODER)):
        with pytest.raises(WrongUse, match=r"maps (from|to) '[ab]'"):
            load(saved, *(side.sha256 for side in sides))
    with pytest.raises(WrongUse, match="cannot be read"):
        load(saved.with_name("nothing"), ENCODER.sha256, DECODER.sha256)


def test_the_most_important_latent_drives_the_most_important_one() -> None:
    ear, mouth = card(2, [2.0, 1.0], [0.5, 0.0]), card(3, [0.1, 3.0, 0.5], [1.0, 2.0, 3.0])
    matrix = by_variance(ear, "1", mouth, "2")
    assert matrix.apply(np.array([0.5, 0.0])) == pytest.approx([1.0, 2.0, 3.0])
    assert matrix.apply(np.array([2.5, 1.0])) == pytest.approx([1.0, 5.0, 3.5])  # a deviation of each
    fewer = by_variance(mouth, "2", ear, "1")
    assert fewer.apply(np.array([1.0, 5.0, 3.5])) == pytest.approx([2.5, 1.0])
    still = by_variance(card(1, [0.0], [0.0]), "1", mouth, "2")
    assert still.apply(np.array([9.0])) == pytest.approx([1.0, 2.0, 3.0])
    same = by_variance(ear, "1", ear, "1")
    assert same.apply(np.array([7.0, -3.0])) == pytest.approx([7.0, -3.0])


@pytest.mark.parametrize("lag", [-5, 0, 7])
def test_learning_finds_a_linear_map_at_any_lag(lag: int) -> None:
    random = np.random.default_rng(0)
    targets = random.standard_normal((400, 3))
    mix, offset = random.standard_normal((5, 3)), random.standard_normal(5)
    inputs = np.roll(targets @ mix.T + offset, lag, axis=0) + 0.01 * random.standard_normal((400, 5))
    sides = MatrixSide("a", "1", 5), MatrixSide("b", "2", 3)
    matrix = learn(inputs.astype(np.float32), targets.astype(np.float32), *sides)
    assert matrix.fit > 0.99
    mapped = matrix.apply(np.roll(inputs, -lag, axis=0))
    assert np.abs(mapped - targets)[LAG:-LAG].max() < 0.2


def test_learning_from_noise_reports_no_fit() -> None:
    random = np.random.default_rng(0)
    inputs, targets = random.standard_normal((2, 600, 4)).astype(np.float32)
    assert learn(inputs, targets, MatrixSide("a", "1", 4), MatrixSide("b", "2", 4)).fit < 0.1


@pytest.mark.parametrize("frames", [0, 1, 50])
def test_a_recording_that_is_too_short_is_refused(frames: int) -> None:
    z = np.random.default_rng(0).standard_normal((frames, 4)).astype(np.float32)
    with pytest.raises(WrongUse, match=f"only {frames} frames"):
        learn(z, z, MatrixSide("a", "1", 4), MatrixSide("b", "2", 4))
    still = np.ones((400, 4), np.float32)
    with pytest.raises(WrongUse, match="never change"):
        learn(still, still, MatrixSide("a", "1", 4), MatrixSide("b", "2", 4))
