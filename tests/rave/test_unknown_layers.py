"""Every function over layers raises an error that names a layer of an unknown class."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from family import CONFIGS, built
from torch import Tensor

from perform.rave import model_layers, offline
from perform.rave.archive import read
from perform.rave.decoder import Generator
from perform.rave.delay import delay_after
from perform.rave.export import torchscript
from perform.rave.graph.builder import Graph, Signal
from perform.rave.graph.layer_graphs import emit
from perform.rave.model import RAVE
from perform.rave.model_layers import UnknownLayer
from perform.rave.stored_model import Weights
from perform.rave.stream import Chain, Conv1d, State, Streaming, module
from perform.rave.upstream_weights import UpstreamTensors, fill_layer


class Mystery(Streaming):
    """A layer of a kind that the package does not know."""

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """(B, channels, n) to the same shape."""
        return x, state


@pytest.mark.parametrize(
    "task",
    [
        lambda layer, _: delay_after(layer, 3.0),
        lambda layer, _: offline.run_whole(layer, torch.zeros(1, 2, 8)),
        lambda layer, archive: fill_layer(layer, archive, "decoder"),
    ],
    ids=["delay", "offline", "export of others"],
)
def test_an_unknown_layer_is_an_error_that_names_it(
    task: Callable[[Streaming, UpstreamTensors], object], tmp_path: Path
) -> None:
    path = tmp_path / "x.ts"
    path.write_bytes(torchscript(built("live")))
    with pytest.raises(UnknownLayer, match="Mystery"):
        task(Mystery(), UpstreamTensors(read(path)))


def test_an_unknown_layer_in_a_chain_is_an_error_too() -> None:
    chain = Chain(Conv1d(2, 2, 3), Mystery())
    with pytest.raises(UnknownLayer, match="the delay is not known for a layer of class Mystery"):
        delay_after(chain, 0.0)
    with pytest.raises(UnknownLayer, match="Mystery"):
        offline.run_whole(chain, torch.zeros(1, 2, 8))


@pytest.mark.parametrize("name", CONFIGS)
def test_every_layer_of_the_family_has_a_known_delay(name: str) -> None:
    model: RAVE = built(name)
    assert delay_after(model.encoder.net, 0.0) >= 0
    decoder = model.decoder
    assert isinstance(decoder, Generator)
    assert delay_after(decoder, 0.0) >= 0


class Enigma(model_layers.Layer):
    """A layer that has neither a graph nor a module."""


def test_an_unknown_layer_has_neither_graph_nor_module() -> None:
    with pytest.raises(UnknownLayer, match="the graph is not known for a layer of class Enigma"):
        emit(Enigma(), Weights({}), Graph(), Signal("x", 8, 2))
    with pytest.raises(UnknownLayer, match="Enigma"):
        module(model_layers.ChainLayer(model_layers.LeakyReLULayer(), Enigma()))


def test_a_convolution_of_many_groups_has_no_graph() -> None:
    weights = Weights({"weight": np.zeros((8, 2, 3), np.float32), "bias": np.zeros(8, np.float32)})
    with pytest.raises(UnknownLayer, match="4 groups"):
        emit(model_layers.Conv1dLayer(8, 8, 3, groups=4), weights, Graph(), Signal("x", 8, 8))
