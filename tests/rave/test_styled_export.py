"""An export of a model with AdaIN learns both sides of a style, as RAVE's exports do; a reset restores it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from family import built, with_prior
from nn_tilde import NnTilde

from perform.engine.style_state import ACTIONS, SWITCHES
from perform.foreign.nn_contract import ADAIN
from perform.rave import style_transfer
from perform.rave.archive import read
from perform.rave.export import model_in_export, torchscript
from perform.rave.model import RAVE

BLOCK = 2048


def exported(model: RAVE, path: Path) -> Path:
    model.gesture, model.card = torch.zeros(3, model.latents), {"name": "Tiny", "licence": "CC0-1.0"}
    path.write_bytes(torchscript(model, 1))
    return path


def saved(patch: NnTilde, folder: Path) -> Path:
    """The patch's module with what it has learnt."""
    extra = {"card.json": "", "config.json": ""}
    torch.jit.load(str(folder / "v3.ts"), _extra_files=extra)
    torch.jit.save(patch.model, str(folder / "learnt.ts"), _extra_files=extra)
    return folder / "learnt.ts"


def sound(seed: int, level: float) -> np.ndarray:
    x = np.random.default_rng(seed).standard_normal((1, 1, 4 * BLOCK)) * level
    return x.astype(np.float32)


def test_learning_changes_the_sound_and_a_reset_restores_it(tmp_path: Path) -> None:
    model = built("v3")
    patch = NnTilde(exported(model, tmp_path / "v3.ts"), "forward", optimised=False)
    assert [name for name in patch.attributes if name in ADAIN] == list(ADAIN)
    assert patch.get("learn_target") == [False]
    patch.set("temperature", "0")

    def played(seed: int = 0, level: float = 0.1) -> np.ndarray:
        assert patch.set("reset", "1")
        return patch.play(sound(seed, level), [BLOCK])

    learnt_before = played()
    for side in ("source", "target"):
        assert patch.set(f"reset_{side}", "1")
    first = played()
    assert not np.array_equal(learnt_before, first)
    for side, seed, level in (("target", 1, 0.5), ("source", 2, 0.05)):
        assert patch.set(f"learn_{side}", "1")
        assert patch.get(f"learn_{side}") == [True]
        played(seed, level)
        assert patch.set(f"learn_{side}", "0")
        if side == "target":
            assert np.array_equal(played(), first), "without a source, sound passes unchanged"
    styled = played()
    assert np.abs(styled - first).max() > 0.1 * np.abs(first).max()
    assert np.array_equal(played(), styled), "a reset of the stream keeps the style"

    for path, wanted in ((tmp_path / "v3.ts", 1.0), (saved(patch, tmp_path), 4.0)):
        found = model_in_export(read(path))
        assert found
        layers = style_transfer.layers(found)
        assert layers and all(layer.heard.tolist() == [wanted] * 2 for layer in layers)
    for layer, ours in zip(layers, style_transfer.layers(model), strict=True):
        assert not torch.equal(layer.known, ours.known)

    assert patch.set("reset_source", "1")
    assert np.array_equal(played(), first)
    assert patch.set("reset_target", "1")
    assert np.array_equal(played(), first)

    source, target = sound(3, 0.05), sound(4, 0.5)  # it learns what our model learns
    for side, x in (("target", target), ("source", source)):
        patch.set("reset", "1")
        patch.set(f"learn_{side}", "1")
        patch.perform(x)
        patch.set(f"learn_{side}", "0")
    found = model_in_export(read(saved(patch, tmp_path)))
    assert found
    style_transfer.learn(model, torch.from_numpy(source), torch.from_numpy(target))
    for theirs, ours in zip(style_transfer.layers(found), style_transfer.layers(model), strict=True):
        torch.testing.assert_close(theirs.known, ours.known, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("adain", [False, True])
def test_a_model_with_a_prior_has_the_attributes_only_with_adain(adain: bool, tmp_path: Path) -> None:
    config = replace(with_prior().config, adain=adain)
    patch = NnTilde(exported(RAVE(config), tmp_path / "x.ts"), "prior", optimised=False)
    assert set(ADAIN) & set(patch.attributes) == (set(ADAIN) if adain else set())
    assert patch.model.is_using_adain == adain
    assert {s.name for s in SWITCHES} | set(ACTIONS) == set(ADAIN)
