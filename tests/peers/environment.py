"""Makes the environment that genuine upstream exports are built in, and builds them. Nothing of it ships.

    python tests/peers/environment.py            into the cache folder (`folder`), or $PERFORM_TEST_PEERS
    python tests/peers/environment.py v2_full    those exports alone; full-size ones are built only by name

The peers are acids-rave 2.3.1 and what it needs, in a virtual environment of their own beside the exports:
it asks for versions that perform cannot live with. Tests take exports from `export` and skip without them;
with PERFORM_TEST_PEERS=build they are built first, which takes two minutes or so.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import platformdirs
import pytest
from filelock import FileLock

HERE = Path(__file__).parent
RECIPE = HERE / "build.py"
SCRIPTS = HERE / "module_scripts.py"
PEERS = ("acids-rave==2.3.1", "cached-conv==2.5.0", "nn-tilde==1.6.0", "udls==1.1.4")
NEEDS = (
    *(
        "numpy",
        "scipy",
        "gin-config",
        "einops",
        "absl-py",
        "tqdm",
        "scikit-learn",
        "librosa",
        "lmdb",
        "GPUtil",
    ),
    *("pytorch-lightning<2", "protobuf<4", "flask", "dill", "pytz", "requests", "setuptools<81"),
)
TORCH_INDEX = "https://download.pytorch.org/whl/cpu"


def folder() -> Path:
    """Where environment and exports are."""
    named = os.environ.get("PERFORM_TEST_PEERS", "build")
    return platformdirs.user_cache_path("perform-test-peers") if named == "build" else Path(named)


def export(name: str) -> Path:
    """The genuine export called `name` (EXPORTS in build.py); the test is skipped where there is none."""
    if os.environ.get("PERFORM_TEST_PEERS") == "build":
        _make_all()
    path = folder() / "exports" / f"{name}.ts"
    if name.startswith("script_"):
        _make_scripts()
    elif not path.exists() or ("PERFORM_TEST_PEERS" not in os.environ and not _fresh()):
        pytest.skip("no genuine exports here: `python tests/peers/environment.py` builds them")
    return path


@cache
def _make_all() -> None:
    folder().mkdir(parents=True, exist_ok=True)
    with FileLock(folder() / "lock"):  # tests run in several processes
        make([])


def make(names: list[str]) -> None:
    """Environment and exports, what is there already left alone."""
    home = folder()
    python = home / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    torch = importlib.metadata.version("torch").partition("+")[0]
    recipe = " ".join((torch, *PEERS, *NEEDS))  # the environment is made again when this changes
    complete = home / "venv" / "complete"
    if not complete.exists() or complete.read_text() != recipe:
        subprocess.run([sys.executable, "-m", "venv", "--clear", home / "venv"], check=True)
        pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run(
            [*pip, "--no-deps", "--retries", "1", "--index-url", TORCH_INDEX, f"torch=={torch}"], check=True
        )
        subprocess.run([*pip, "--no-deps", *PEERS], check=True)
        subprocess.run([*pip, f"torch=={torch}", *NEEDS], check=True)
        complete.write_text(recipe)
    if not names and _fresh():
        return
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": ""}
    subprocess.run([python, RECIPE, home / "exports", *names], check=True, env=environment)
    if not names:
        _stamp().write_text(_digest())


@cache
def _make_scripts() -> None:
    """Script the modules of module_scripts.py, in a second; skip the test without the peers' environment."""
    made, python = folder() / "exports" / "scripts", folder() / "venv" / "bin" / "python"
    digest = hashlib.sha256(SCRIPTS.read_bytes()).hexdigest()
    if not (python.parents[1] / "complete").exists():
        pytest.skip("no peers here: `python tests/peers/environment.py` makes them")
    with FileLock(folder() / "lock"):
        if not made.exists() or made.read_text() != digest:
            environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": ""}
            subprocess.run([python, SCRIPTS, folder() / "exports"], check=True, env=environment)
            made.write_text(digest)


def _stamp() -> Path:
    return folder() / "exports" / "recipe"


def _fresh() -> bool:
    """Whether the exports are those of today's recipe."""
    return _stamp().exists() and _stamp().read_text() == _digest()


def _digest() -> str:
    return hashlib.sha256(RECIPE.read_bytes()).hexdigest()


if __name__ == "__main__":
    folder().mkdir(parents=True, exist_ok=True)
    with FileLock(folder() / "lock"):
        make(sys.argv[1:])
    print(folder() / "exports")
