"""Exports are played by libtorch alone, in C++ as in nn~, and hold only what libtorch 1.13 knows."""

from __future__ import annotations

import io
import re
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest
from family import built, with_prior
from nn_loader import loader
from nn_tilde import NnTilde

from perform.rave.export import torchscript

BATCH, BUFFER, BUFFERS = 2, 4096, 3
NEWEST_FORMAT = 10  #: of the archives that libtorch 1.13 reads
#: operators of libtorch 1.13 that exports use; one more is tried there before it comes here
_OPERATORS = (
    "RaiseException __and__ __derive_index __isnot__ __not__ __range_length __rshift__ __xor__ acos add "
    "add_ all amax append arange argmax argmin cat chunk clamp conj conv1d conv_transpose1d copy_ cos "
    "cummax cumprod cumsum device diagonal div dtype eq erf erfinv exp2 expand expand_as fft_irfft "
    "fft_rfft flatten flip gather ge gt index le leaky_relu leaky_relu_ len log10 log2 lt matmul maximum "
    "mean mul neg numpy_T one_hot ones_like pad permute pow rand randn reciprocal remainder "
    "repeat_interleave reshape select sigmoid sin size slice softmax split sqrt square stack sub sum tanh "
    "to transpose unbind unfold unsqueeze where zero_ zeros zeros_like "
)
OPERATORS = frozenset(_OPERATORS.split())
CALL = re.compile(r"\b(?:torch|ops\.\w+)\.(\w+)\(")


def export(name: str) -> bytes:
    return torchscript(with_prior() if name == "prior" else built(name), BATCH)


@pytest.mark.parametrize("name", ["live", "live_pitch", "v3", "discrete", "noise", "spherical", "prior"])
def test_libtorch_1_13_knows_all_that_an_export_holds(name: str) -> None:
    archive = zipfile.ZipFile(io.BytesIO(export(name)))
    (version,) = (archive.read(file) for file in archive.namelist() if file.endswith("/version"))
    assert int(version) <= NEWEST_FORMAT
    code = [archive.read(file).decode() for file in archive.namelist() if file.endswith(".py")]
    called = {operator for text in code for operator in CALL.findall(text)}
    assert "conv1d" in called and called <= OPERATORS, called - OPERATORS


@pytest.mark.parametrize("name", ["live", "v3", "discrete", "stereo", "resampled", "prior"])
def test_a_cpp_host_plays_it_as_python_does(name: str, tmp_path: Path) -> None:
    program, path = loader(), tmp_path / "x.ts"
    path.write_bytes(export(name))
    told = {"seed": "3", "reset": "1"}
    for method in NnTilde(path).methods:
        host = NnTilde(path, method, BATCH, optimised=False)
        shape = (BATCH, host.inputs, BUFFERS * BUFFER)
        x = np.random.default_rng(0).uniform(0.1, 0.5, shape).astype(np.float32)
        x.tofile(tmp_path / "in")
        for attribute, value in told.items():
            assert host.set(attribute, value)
        wanted = host.play(x, [BUFFER])
        words = [path, method, BATCH, BUFFER, 1, tmp_path / "in", tmp_path / "out"]
        values = [f"{attribute}={value}" for attribute, value in told.items()]
        done = subprocess.run(
            [program, *map(str, words), *values], check=True, capture_output=True, text=True
        )
        said = done.stdout.splitlines()
        methods = [f"method {name} " + " ".join(map(str, host.params(name))) for name in host.methods]
        assert said[: len(methods)] == methods
        assert [line.split()[1] for line in said[len(methods) :]] == host.attributes
        got = np.fromfile(tmp_path / "out", np.float32).reshape(wanted.shape)
        assert np.abs(got - wanted).max() < 2e-6 * max(1.0, float(np.abs(wanted).max()))
        assert np.ptp(got) > 1e-3
