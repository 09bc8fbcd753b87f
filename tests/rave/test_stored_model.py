"""A file's arrays, its architecture without torch, and the torch model are one and the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from family import CONFIGS, built, with_prior
from tiny import tiny_model

from perform.rave import kernels
from perform.rave.architecture import Architecture
from perform.rave.config import PRESETS
from perform.rave.model import RAVE
from perform.rave.model_files import load, made, stored
from perform.rave.model_layers import FilterBank, Layer, ResamplerLayer, walk
from perform.rave.stored_model import older_styles, read_model, renew_styles


@pytest.mark.parametrize("name", [*CONFIGS, "a prior"])
def test_the_architecture_has_the_tensors_of_the_torch_model(name: str) -> None:
    model = with_prior(pairs=True) if name == "a prior" else built(name)
    found = {tensor: tuple(value.shape) for tensor, value in model.state_dict().items()}
    assert found == Architecture(model.config).tensors


@pytest.mark.parametrize("name", [*PRESETS, *CONFIGS])
def test_it_counts_the_values_of_states_and_fixed_filters(name: str) -> None:
    """`model_size` refuses files by this count. It may exceed torch's: no tensor may be left out."""
    config = CONFIGS.get(name) or PRESETS[name]
    with torch.device("meta"):
        model = RAVE(config)
        states = [*model.encoder_state(1), *model.decoder_state(1)]
        weights = {name for name, _ in model.named_parameters()} | model.state_dict().keys()
        weights |= {name for name, _ in model.named_buffers() if name.endswith("silence")}
        fixed = [value for name, value in model.named_buffers() if name not in weights]
    counted = sum(layer.values for _, layer in walk(Architecture(config)))
    real = sum(tensor.numel() for tensor in (*states, *fixed))
    assert real <= config.channels * counted
    assert counted <= 2 * real + 1000


@pytest.mark.parametrize("bands", [2, 4, 16])
@pytest.mark.parametrize("attenuation", [40, 100])
def test_sizes_of_kernels_are_known_before_they_are_designed(bands: int, attenuation: int) -> None:
    layer = FilterBank(bands, attenuation)
    designed = [kernel.shape for kernel in kernels.filter_bank(bands, attenuation)]
    assert list(layer.kernels.values()) == designed
    for ratio in (2, 4, 16):
        shapes = [kernel.shape for kernel in kernels.resampling(ratio)]
        assert list(ResamplerLayer(ratio, "centred").shapes.values()) == shapes


def test_a_torch_model_and_its_arrays_are_equal(tmp_path: Path) -> None:
    path = tiny_model(tmp_path / "m.safetensors")
    read, model = read_model(path), load(path)
    again = made(stored(model))
    assert (read.latents, read.card) == (again.latents, again.card)
    for name, value in again.state_dict().items():
        assert np.array_equal(value.numpy(), read.arrays[name])


@pytest.mark.parametrize("learnt", [True, False])
def test_a_style_of_an_older_file_sounds_the_same(learnt: bool) -> None:
    """It was scale and shift of each channel."""
    architecture = Architecture(CONFIGS["v3"])
    arrays: dict[str, kernels.Array] = {}
    for name in older_styles(architecture):
        channels = architecture.tensors[name.replace("scale", "known").replace("shift", "known")][2]
        first = 1.0 if name.endswith("scale") else 0.0
        arrays[name] = np.full((channels, 1), first + 0.25 * learnt, np.float32)
    renew_styles(arrays, architecture)
    model = built("v3")
    model.load_state_dict(
        {**model.state_dict(), **{name: torch.from_numpy(array) for name, array in arrays.items()}}
    )
    styles = [layer.style for layer in model.modules() if hasattr(layer, "heard")]
    assert len(styles) == len(older_styles(architecture)) / 2
    for scale, shift in styles:
        assert scale.numpy() == pytest.approx(1.25 if learnt else 1.0)
        assert shift.numpy() == pytest.approx(0.25 if learnt else 0.0)


def test_a_layer_has_no_tensors_of_its_own_by_default() -> None:
    assert (Layer().shapes, Layer().parts, Layer().values) == ({}, {}, 0)


def test_a_model_is_read_and_its_graphs_are_made_without_torch(tmp_path: Path) -> None:
    path = tiny_model(tmp_path / "m.safetensors")
    code = (
        "import sys; from pathlib import Path; from perform.rave.graph import METHODS; "
        "from perform.rave.stored_model import read_model; model = read_model(Path(sys.argv[1])); "
        "made = [len(graph(model, 1)) for graph in METHODS.values()]; "
        "print(len(made), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["3", "False"]
