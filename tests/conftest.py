"""Each test gets a separate home folder, runtime folder and takes folder."""

from __future__ import annotations

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before any test module imports onnxruntime

import shutil
import sys
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from short_run import left_out, unknown_names
from tiny import tiny_model

from perform.core.arena import Arena

settings.register_profile("perform", deadline=None)  # an example may wait for a busy machine
settings.load_profile("perform")

#: files that take longest, by seconds of computing: begun last, they would leave the other cores idle. Those
#: that compare with genuine exports are not here: they wait until `check.sh` has built these
SLOWEST = (
    "train/test_verb.py",
    "train/test_training.py",
    "tests/test_notebook.py",
    "rave/test_export.py",
    "rave/test_graph.py",
    "offline/test_bundled_transfer.py",
    "offline/test_replay.py",
    "control/test_control_process.py",
    "tui/test_song_keys.py",
    "tui/test_asking.py",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="also run what the usual run leaves out")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what only `--long` runs; put the slowest files first, the others in their order."""
    if not any("::" in argument for argument in config.args) and (names := unknown_names(items)):
        raise pytest.UsageError(f"tests/short_run.py names tests that do not exist: {names}")
    if not config.getoption("--long"):
        omitted = [item for item in items if left_out(item)]
        config.hook.pytest_deselected(items=omitted)
        items[:] = [item for item in items if not left_out(item)]

    def place(item: pytest.Item) -> int:
        name = "/".join(item.path.parts[-2:])
        return SLOWEST.index(name) if name in SLOWEST else len(SLOWEST)

    items.sort(key=place)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """A test marked `alone` that fails while the machine was away says nothing of us: it is skipped."""
    if item.get_closest_marker("alone") is None:
        return (yield)
    from rig import Machine

    with tempfile.TemporaryDirectory() as folder:
        with Machine(Path(folder), server=False) as machine:
            failure, result = None, None
            try:
                result = yield
            except Exception as wrong:
                failure = wrong
        if failure:
            machine.skip_if_away(f"{type(failure).__name__}: {failure}".partition("\n")[0])
            raise failure
        return result


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("HOME", "RUNTIME", "TAKES"):
        monkeypatch.setenv(f"PERFORM_{name}", str(tmp_path / name.lower()))
    return tmp_path


@pytest.fixture(autouse=True)
def keep_denormals() -> Iterator[None]:
    """A compiled model flushes denormals for good in its thread, here pytest's own."""
    yield
    if "onnxruntime" in sys.modules:
        import torch

        torch.set_flush_denormal(False)


@pytest.fixture(autouse=True)
def no_limits() -> Iterator[None]:
    """A test that limits pytest's own processor time ends it some tests later, without a word."""
    if sys.platform == "win32":
        yield
        return
    import resource

    before = resource.getrlimit(resource.RLIMIT_CPU)
    yield
    if resource.getrlimit(resource.RLIMIT_CPU) != before:
        resource.setrlimit(resource.RLIMIT_CPU, before)
        pytest.fail("this test limits the processor time of pytest's own process")


@pytest.fixture
def shared_cache(own_places: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """All tests of a run share the compiled graphs, in every process: in PERFORM_TEST_CACHE if it is set."""
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared-cache"
    shared = Path(os.environ.get("PERFORM_TEST_CACHE", shared))
    shared.mkdir(exist_ok=True)
    home = own_places / "home"
    home.mkdir(exist_ok=True)
    (home / "cache").symlink_to(shared)


@pytest.fixture
def arena(tmp_path: Path) -> Arena:
    made = Arena.create(tmp_path / "test.arena")
    made.set_meter("rate", 48000)
    made.set_meter("block", 256)
    made.set_meter("burst", 256)
    return made


@pytest.fixture
def runtime() -> Path:
    return Path(os.environ["PERFORM_RUNTIME"])


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tiny models under the names of the bundled ones."""
    folder = tmp_path_factory.mktemp("tiny")
    for seed, name in enumerate(("bells", "choir")):
        tiny_model(folder / f"{name}.safetensors", seed=seed)
    return folder


@pytest.fixture
def tiny_models(tiny: Path) -> Path:
    """In the player's own library, where they win over the bundled ones."""
    home = Path(os.environ["PERFORM_HOME"]) / "models"
    shutil.copytree(tiny, home)
    return home
