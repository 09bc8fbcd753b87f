"""`perform bench`: its JSON, tables, models and errors. No test checks how fast a model is."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from rig import perform
from tiny import TINY, tiny_model

from perform.bench.cost_report import check_picture
from perform.bench.machine import layers
from perform.bench.measure import rows
from perform.bench.peer import PeerExport
from perform.bench.subjects import BenchSubject, random_model, subject
from perform.cli import main
from perform.core.errors import PerformError, WrongUse
from perform.rave import upstream
from perform.rave.config import PRESETS
from perform.rave.export import torchscript
from perform.rave.graph import METHODS, decoder_graph
from perform.rave.model import RAVE
from perform.rave.model_files import load, stored

WANTED = {"model", "method", "block", "ms_median", "ms_p95", "ms_p999", "ratio_torchscript", "ratio_roofline"}


@pytest.fixture(autouse=True)
def own_torch() -> None:
    torch.set_num_threads(1)


class Doubling(torch.nn.Module):
    """A minimal export: a method, and the channels and samples that it takes."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("decode_params", torch.tensor([3, 64, 1, 1]))

    @torch.jit.export
    def decode(self, z: torch.Tensor) -> torch.Tensor:
        return 2 * z.sum(1, keepdim=True)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    path = tmp_path / "doubling.ts"
    torch.jit.script(Doubling()).save(str(path))
    return path


@pytest.mark.usefixtures("tiny_models")
def test_json_has_a_row_for_each_method_and_block(tmp_path: Path) -> None:
    picture = tmp_path / "cost.png"
    options = ["--calls", "20", "--block", "100", "--block", "256", "--plot", str(picture), "--json"]
    done = perform("bench", "bells", *options)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [(row["model"], row["method"], row["block"]) for row in found] == [
        ("bells", method, block) for method in METHODS for block in (128, 256)
    ]
    for row in found:
        assert row.keys() > WANTED | {"decks"}
        assert 0 < row["ms_median"] <= row["ms_p95"] <= row["ms_p999"]
        assert row["ratio_torchscript"] > 0
        assert row["ratio_roofline"] > 0
        assert row["decks"] >= 0
        assert row["period_ms"] == pytest.approx(row["block"] / 48)
        assert (row["latency_ms"] is None) == (row["method"] == "encode")
    costs = [row["crowd"] for row in found if row["crowd"]]
    assert [len(cost[times]) for cost in costs for times in ("own_ms", "shared_ms")] == [8, 8]
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.usefixtures("tiny_models")
def test_the_table_has_a_line_for_each_method(tmp_path: Path) -> None:
    done = perform("bench", "bells", "--calls", "10")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[:3] for line in lines[1:4]] == [["bells", method, "128"] for method in METHODS]
    assert all(unit in lines[0] for unit in ("median", "TorchScript", "roofline", "latency"))


@pytest.mark.parametrize("name", ["v22", "nowhere.ts", "nowhere.safetensors"])
def test_an_unknown_model_is_wrong_use(name: str) -> None:
    done = CliRunner().invoke(main, ["bench", name])
    assert done.exit_code == 2
    assert name in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_an_architecture_gets_random_weights(tmp_path: Path) -> None:
    found = load(subject("raspberry", tmp_path).path)
    assert found.config == PRESETS["raspberry"]
    wanted = random_model("raspberry").state_dict()
    assert all(torch.equal(value, wanted[name]) for name, value in found.state_dict().items())


def test_a_file_is_what_it_contains_whatever_its_name_is(tmp_path: Path, export: Path) -> None:
    path = tiny_model(tmp_path / "tiny.ts")
    assert subject(str(path), tmp_path) == BenchSubject("tiny", path)
    ours = tmp_path / "ours.bin"
    ours.write_bytes(torchscript(load(path), 1))
    found = subject(str(ours), tmp_path)
    assert (found.export, load(found.path).config) == (ours, load(path).config)
    with pytest.raises(upstream.Unrecognised):
        subject(str(export.rename(tmp_path / "doubling.zip")), tmp_path)


def test_all_weights_and_multiply_adds_of_a_graph_are_counted() -> None:
    model = RAVE(TINY)
    weights = [p.numel() for name, p in model.decoder.named_parameters() if name.endswith("weight")]
    blocks = 1 + math.ceil((model.pqmf.synthesis_kernel.shape[-1] - 1) / 4)  # of four band samples
    bank = blocks * 4 * 16 * 4 * 16  # band samples a window, bands, outputs, phases
    counted = layers(decoder_graph(stored(model)))
    assert sum(weights for weights, _ in counted) == sum(weights) + 8 * 8 + bank
    twice = layers(decoder_graph(stored(model), 2))
    assert [weights for weights, _ in twice] == [weights for weights, _ in counted]
    assert [work for _, work in twice] == [2 * work for _, work in counted]


def test_an_export_is_timed_in_a_separate_process(export: Path) -> None:
    peer = PeerExport(export, "decode", 128)
    try:
        assert len(peer(7)) == 7
        assert all(seconds > 0 for seconds in peer(5))
    finally:
        peer.close()


def test_an_export_without_the_method_is_an_error(tmp_path: Path, export: Path) -> None:
    one = BenchSubject("tiny", tiny_model(tmp_path / "tiny.safetensors"), export)
    found = rows(one, [], 10)
    with pytest.raises(PerformError, match="the export does not run in TorchScript"):
        next(found)  # this export has no `encode`


def test_a_picture_without_matplotlib_is_an_error_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    with pytest.raises(PerformError, match="pip install matplotlib"):
        check_picture(Path("cost.png"))


def test_a_picture_of_an_unknown_format_or_in_no_folder_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match=r"\.png"):
        check_picture(tmp_path / "cost.xyz")
    with pytest.raises(WrongUse, match="no such folder"):
        check_picture(tmp_path / "nowhere" / "cost.png")
