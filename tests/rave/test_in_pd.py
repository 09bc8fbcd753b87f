"""Exports play in Pure Data with nn~ itself, and sound there as torch plays them.

It needs Pure Data and curl with their headers, a C++ compiler, and the source of nn~ (no part of perform):

    apt install puredata-core puredata-dev libcurl4-openssl-dev nlohmann-json3-dev g++
    git clone --recursive https://github.com/acids-ircam/nn_tilde
    PERFORM_NN_TILDE=nn_tilde python -m pytest tests/rave/test_in_pd.py

PERFORM_NN_TILDE may also name a folder with a built `nn~.pd_linux`. Without it the tests are skipped:
test_nn_loader.py plays the same exports with libtorch alone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import platformdirs
import pytest
import soundfile
import torch
from family import built, with_prior
from nn_tilde import NnTilde

from perform.library.model_library import find_model
from perform.rave.export import torchscript
from perform.rave.model_files import load

NN_TILDE = Path(os.environ.get("PERFORM_NN_TILDE", ""))
FRAMES = 24
RATE = 48000
BUFFER = 4096  #: of a mono model's `forward`; nn~ uses it where the patch says 0
BEFORE = {"seed": "3", "reset": "1"}  #: attributes that are set first, so that the noise is the same

pytestmark = pytest.mark.skipif(
    "PERFORM_NN_TILDE" not in os.environ or not shutil.which("pd"), reason="Pure Data or nn~ is not here"
)


@pytest.fixture(scope="module")
def external() -> Path:
    """The folder of nn~.pd_linux, compiled against the libtorch of torch's wheel."""
    if (NN_TILDE / "nn~.pd_linux").exists():
        return NN_TILDE.resolve()
    package, source = Path(torch.__file__).parent, NN_TILDE.resolve() / "src"
    folder = platformdirs.user_cache_path(f"perform-test-nn-tilde/{torch.__version__}", ensure_exists=True)
    if not (folder / "nn~.pd_linux").exists():
        headers = [f"-I{package}/include", f"-I{package}/include/torch/csrc/api/include", "-I/usr/include/pd"]
        files = [
            "frontend/puredata/nn_tilde/nn_tilde.cpp",
            "backend/backend.cpp",
            "backend/parsing_utils.cpp",
        ]
        libraries = [
            f"-L{package}/lib",
            "-ltorch",
            "-ltorch_cpu",
            "-lc10",
            "-lcurl",
            f"-Wl,-rpath,{package}/lib",
        ]
        flags = ["-std=c++20", "-O1", "-fPIC", "-shared", '-DVERSION="test"']
        command = [
            "g++",
            *flags,
            *headers,
            *(str(source / file) for file in files),
            "-o",
            "nn~.part",
            *libraries,
        ]
        subprocess.run(command, cwd=folder, check=True)
        (folder / "nn~.part").rename(folder / "nn~.pd_linux")
    return folder


def patch(export: Path, method: str, inputs: int, outputs: int, frames: int) -> str:
    """Play the tables in0, in1... through nn~ without its thread, and write what comes to out.wav."""
    folder = export.parent
    tables = [f"in{i}" for i in range(inputs)], [f"out{i}" for i in range(outputs)]
    objects = [
        "obj loadbang",
        "obj t b b b b",
        f"msg read {folder}/in.wav {' '.join(tables[0])}",
        "obj soundfiler",
        r"msg \; pd dsp 1",
        f"obj delay {1000 * frames / RATE + 50:g}",
        "obj t b b",
        f"msg write -wave -bytes 4 {folder}/out.wav {' '.join(tables[1])}",
        r"msg \; pd quit",
        f"obj nn~ {export} {method} 0",
        *(f"msg set {name} {value}" for name, value in BEFORE.items()),
    ]
    nn = 9
    wires = [(0, 0, 1, 0), (1, 3, 2, 0), (2, 0, 3, 0), (1, 2, 4, 0), (1, 0, 5, 0), (5, 0, 6, 0)]
    wires += [(6, 1, 7, 0), (7, 0, 3, 0), (6, 0, 8, 0)]
    wires += [wire for at in range(nn + 1, len(objects)) for wire in ((1, 3, at, 0), (at, 0, nn, 0))]
    for way, names in enumerate(tables):
        for channel, name in enumerate(names):
            objects += [f"obj table {name} {frames}", f"obj {('tabplay~', 'tabwrite~')[way]} {name}"]
            signal = len(objects) - 1
            wires += [(1, 1, signal, 0), (signal, 0, nn, channel) if way == 0 else (nn, channel, signal, 0)]
    lines = ["#N canvas 0 0 450 300 12"]
    for number, text in enumerate(objects):
        kind, _, rest = text.partition(" ")
        lines.append(f"#X {kind} 10 {20 * number} {rest}")
    lines += ["#X connect " + " ".join(map(str, wire)) for wire in wires]
    return "".join(f"{line};\n" for line in lines)


def played_in_pd(export: Path, method: str, x: np.ndarray, outputs: int, external: Path) -> np.ndarray:
    """Play (inputs, n) through Pd; return (outputs, n)."""
    folder = export.parent
    soundfile.write(folder / "in.wav", x.T, RATE, "FLOAT")
    (folder / "play.pd").write_text(patch(export, method, len(x), outputs, x.shape[1]))
    command = ["pd", "-batch", "-nogui", "-r", str(RATE), "-path", str(external), str(folder / "play.pd")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 0 and (folder / "out.wav").exists(), said
    made = soundfile.read(folder / "out.wav", always_2d=True)[0].T
    (folder / "out.wav").unlink()
    return np.asarray(made)


MODELS = ("bells", "strike", "choir", "storm", "reeds", "v3", "discrete", "stereo", "noise", "prior")


@pytest.mark.parametrize("name", MODELS)
def test_an_export_sounds_in_pd_as_in_torch(name: str, tmp_path: Path, external: Path) -> None:
    bundled = name in MODELS[:5]
    model = load(find_model(name)) if bundled else with_prior() if name == "prior" else built(name)
    path = tmp_path / "x.ts"
    path.write_bytes(torchscript(model, 1))
    for method in NnTilde(path).methods:
        host = NnTilde(path, method, optimised=False)
        size = host.buffer
        frames = max(FRAMES, 6 * BUFFER // size)
        x = np.random.default_rng(0).uniform(0.1, 0.5, (host.inputs, frames)).astype(np.float32)
        x = x.repeat(size, axis=1)
        if host.in_ratio == 1:  # sound, not latents
            x *= np.random.default_rng(1).uniform(-1, 1, x.shape[1]).astype(np.float32)
        for attribute, value in BEFORE.items():
            assert host.set(attribute, value)
        wanted = host.play(x[None], [size])[0]
        got = played_in_pd(path, method, x, host.outputs, external)
        late = int(np.argmax(np.abs(got).max(axis=0) > 0)) // 64 * 64  # Pd's block
        error = np.abs(got[:, late:] - wanted[:, : wanted.shape[1] - late]).max()
        print(f"{name} {method}: {late} samples later, at most {error:.2g} away")
        assert error < 2e-6 * max(1.0, float(np.abs(wanted).max()))
        assert np.ptp(got) > 1e-3
