"""The wheel, made from the sdist: far from this folder it plays, records and renders."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest
import soundfile

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(ROOT, tmp_path_factory.mktemp("sdist"), "sdist")


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that pip makes from the sdist, without the repository."""
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (unpacked,) = folder.iterdir()
    return built(unpacked, tmp_path_factory.mktemp("wheel"), "wheel")


def built(source: Path, folder: Path, kind: str) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(folder)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (made,) = folder.iterdir()
    return made


def test_what_is_in_wheel_and_sdist(wheel: Path, sdist: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for needed in (
        "models/bells.safetensors",
        "models/LICENSE",
        "presets/sets/demo.toml",
        "presets/sets/transfer.toml",
        "docs/sounds/kit.ogg",
        "docs/quickstart.md",
    ):
        assert f"perform/bundled/{needed}" in names
    metadata = next(name for name in names if name.endswith("/METADATA"))
    assert "License-Expression: MIT AND CC0-1.0" in zipfile.ZipFile(wheel).read(metadata).decode()
    licences = {name.partition("/licenses/")[2] for name in names if "/licenses/" in name}
    assert licences == {"LICENSE", "models/LICENSE", "models/LICENSE.cello"}
    with tarfile.open(sdist) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    assert {"setup.sh", "check.sh", "tests/test_package.py", "models/recipes/README.md"} <= packed
    assert "notebooks/train.ipynb" in packed
    assert not [name for name in packed if name.startswith((".venv", "takes", "runs"))]


def test_it_plays_records_and_renders(wheel: Path, tmp_path: Path) -> None:
    """The dependencies come from the environment of the tests: only perform itself is installed anew."""
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare], check=True)
    python = bare / ("Scripts" if os.name == "nt" else "bin") / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--no-deps", "--no-index"]
    subprocess.run([*pip, str(wheel)], check=True, capture_output=True)
    scheme = {"base": str(bare), "platbase": str(bare)}
    libraries = Path(sysconfig.get_path("purelib", vars=scheme))
    (libraries / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def verb(*words: str) -> str:
        return ran("-m", "perform", *words)

    def ran(*words: str) -> str:
        done = subprocess.run(
            [python, *words], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert ran("-c", "import perform; print(perform.__file__)").startswith(str(bare))
    assert "quickstart" in verb("docs")
    verb("render", "demo", "-o", "demo.wav", "--seconds", "1")
    take = verb("play", "demo", "--headless", "--device", "null", "--seconds", "2", "--record").strip()
    for path in (tmp_path / "demo.wav", Path(take)):
        assert abs(soundfile.read(path)[0]).max() > 1e-3
