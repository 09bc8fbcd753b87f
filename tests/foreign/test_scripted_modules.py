"""Modules that the nn_tilde package scripts: they load, play, and keep sounds in their buffers."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from hostile_archives import Case, unpack
from module_files import no_sandbox, wrapped
from modules import Boxes, export
from peers.environment import export as genuine

from perform.core.errors import WrongUse
from perform.foreign import probe
from perform.foreign.scan.archive_scan import scan
from perform.foreign.torchscript_model import TorchscriptModel
from perform.rave.archive import parse, read

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

SCRIPTS = ("buffers", "attributes", "effects", "features", "unmix")


def render(model: TorchscriptModel, stream: object, value: float = 0.0) -> np.ndarray:
    z = np.full((1, model.card.latents), value, np.float32)
    return model.render([stream], z, np.zeros((1, 1), np.float32))[0]


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_construct_of_the_packages_examples_loads_and_plays(name: str, tmp_path: Path) -> None:
    path = genuine(f"script_{name}")
    scan(read(path))
    facts = probe.probe(path, None)  # in the real sandbox
    assert facts.render_ms >= 0
    model = TorchscriptModel(wrapped(read(path), tmp_path / "m.safetensors"), no_sandbox)
    stream, other = model.stream(), model.stream()
    for attribute in model.attributes:
        if attribute.kind in ("bool", "int", "float"):
            stream.set(attribute.name, 2.0)
        stream.set(attribute.name, None)
    first = render(model, stream, 0.3)
    assert np.isfinite(first).all()
    render(model, stream, 0.9)
    stream.reset()
    assert np.array_equal(render(model, stream, 0.3), first)
    assert np.array_equal(render(model, other, 0.3), first)


def check_buffers(model: TorchscriptModel, name: str) -> None:
    """A buffer takes sound, keeps it over a reset, and every stream has its own."""
    stream, other = model.stream(), model.stream()
    assert not render(model, stream).any()
    stream.set(name, np.full(1000, 0.25))
    assert render(model, stream).max() == pytest.approx(0.25)
    assert not render(model, other).any(), "another stream has its own buffer"
    stream.reset()
    assert render(model, stream).max() == pytest.approx(0.25), "a reset keeps the player's sound"
    with pytest.raises(WrongUse, match="refuses a sound of 3 samples"):
        stream.set(name, "0 1 0")
    assert render(model, stream).max() == pytest.approx(0.25), "a refused sound changes nothing"
    stream.reset()
    assert render(model, stream).max() == pytest.approx(0.25)
    stream.set(name, None)
    assert not render(model, stream).any()
    instance = stream.instance
    stream.set(name, np.ones(100))
    del stream
    again = model.stream()
    assert again.instance is instance and not render(model, again).any(), "the next stream begins empty"


def test_a_buffer_of_the_package_is_filled_and_cleared(tmp_path: Path) -> None:
    model = TorchscriptModel(wrapped(read(genuine("script_buffers")), tmp_path / "m.safetensors"), no_sandbox)
    assert [a.name for a in model.attributes] == ["grain", "pair/0", "pair/1", "pair/2"]
    check_buffers(model, "grain")
    stream = model.stream()
    stream.set("pair/2", np.ones(10))
    stream.set("pair/1", 0.75)
    assert "[1, 10]" in stream.instance.module.get_pair()[2], "a number beside a buffer leaves it alone"


@pytest.fixture(scope="module")
def boxes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("boxes")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return export(Boxes(), folder / "boxes.ts")


def test_a_module_with_objects_in_a_tuple_and_prints_plays(boxes: Path, tmp_path: Path) -> None:
    check_buffers(TorchscriptModel(wrapped(read(boxes), tmp_path / "m.safetensors"), no_sandbox), "held")


def test_the_sound_of_the_file_is_there_after_every_reset(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = export(Boxes(torch.full((1, 100), 0.5)), tmp_path / "boxes.ts")
    model = TorchscriptModel(wrapped(read(path), tmp_path / "m.safetensors"), no_sandbox)
    stream = model.stream()
    assert render(model, stream).max() == pytest.approx(0.5)
    stream.set("held", np.full(50, 0.25))
    assert render(model, stream).max() == pytest.approx(0.25)
    del stream
    assert render(model, model.stream()).max() == pytest.approx(0.5)


def test_prints_of_a_module_go_nowhere(boxes: Path, capfd: pytest.CaptureFixture[str]) -> None:
    probe.probe(boxes, None)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "line",
    [
        "_q = ((self.held)[0]).from_file(1)",
        "_q = ((self.held)[1]).fill(1)",
        "_q = ((self.held)[torch.add(0, 0)]).clear()",
        "_q = ((self.held)[True]).clear()",
        "_q = ((self.held)[0]).value.from_file(1)",
        "_q = ((self.held)[0]).evil",
        "_q = (torch.add, 1)",
        "_q = ((torch.add, 1))[0](1, 1)",
        "_q, _r = self.held",
        "self.held = (self,)",
        "self.held = 1",
        "_q = (self.held)\n    _q = 1",
        "_q = __torch__.modules.Box.__new__(torch.add)",
        "_q = __torch__.modules.Boxes.__new__(__torch__.modules.Box)",
        "_q = __torch__.modules.Evil.__new__(__torch__.modules.Evil)",
        "print(torch)",
        "print(torch.add)",
        "print(open)",
    ],
)
def test_objects_in_tuples_open_no_door(boxes: Path, line: str) -> None:
    case = Case(unpack(boxes.read_bytes()), np.random.default_rng(0))
    scan(parse(case.pack(), boxes))
    case.line(*line.split("\n    "))
    with pytest.raises(WrongUse):
        scan(parse(case.pack(), boxes))
