import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from perform.core.errors import WrongUse
from perform.rave.model import RAVE
from perform.rave.model_files import CARD, load, save


def card_of(model: RAVE) -> dict[str, Any]:
    facts = {
        "name": "Tiny é",
        "sample_rate": model.config.sample_rate,
        "channels": model.config.channels,
        "ratio": model.ratio,
        "latents": model.latents,
        "full_latents": model.config.full_latents,
        "latent_std": [1.0, 0.5, 0.1],
    }
    return {key: facts.get(key, 0) for key in CARD}


@pytest.fixture
def saved(model: RAVE, tmp_path: Path) -> Path:
    path = tmp_path / "tiny.safetensors"
    save(path, model, card_of(model), torch.randn(30, model.latents))
    return path


def test_round_trip_is_exact(model: RAVE, tmp_path: Path) -> None:
    path, gesture = tmp_path / "m.safetensors", torch.randn(30, 3)
    save(path, model, card_of(model), gesture)
    again = load(path)
    assert again.config == model.config
    assert again.latents == 3
    assert again.card == card_of(model)
    assert torch.equal(again.gesture, gesture)
    for name, tensor in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor), name
    x = torch.randn(1, 1, 8 * model.ratio)
    z, _ = model.encode(x, model.encoder_state(1))
    z_again, _ = again.encode(x, again.encoder_state(1))
    assert torch.equal(z, z_again)
    assert not any(p.requires_grad for p in again.parameters())
    assert [p.name for p in tmp_path.iterdir()] == ["m.safetensors"], "no temporary file stays"


def test_a_failed_save_leaves_the_old_file(saved: Path, model: RAVE) -> None:
    before = saved.read_bytes()
    with pytest.raises(WrongUse, match="NaN or infinite"):
        save(saved, model, card_of(model), torch.full((30, 3), torch.nan))
    assert saved.read_bytes() == before


def rewrite(path: Path, change: Callable[[dict[str, Tensor], dict[str, Any]], None]) -> None:
    with safe_open(path, "pt") as file:
        metadata = dict(file.metadata())
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    change(tensors, metadata)
    save_file(tensors, path, metadata)


def _set(key: str, value: Tensor) -> Callable[[dict[str, Tensor], dict[str, Any]], None]:
    return lambda tensors, metadata: tensors.update({key: value})


def _json(part: str, key: str, value: Any) -> Callable[[dict[str, Tensor], dict[str, Any]], None]:
    def change(tensors: dict[str, Tensor], metadata: dict[str, Any]) -> None:
        metadata[part] = json.dumps({**json.loads(metadata[part]), key: value})

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t, m: t.pop("latent_pca"), "no tensor 'latent_pca'"),
        (lambda t, m: t.pop("gesture"), "no tensor 'gesture'"),
        (_set("more", torch.zeros(1)), "unknown tensor 'more'"),
        (_set("latent_mean", torch.zeros(7)), r"'latent_mean' has shape \(7,\), not \(6,\)"),
        (_set("latent_mean", torch.full((6,), torch.nan)), "'latent_mean' holds NaN or infinite values"),
        (_set("latent_mean", torch.zeros(6, dtype=torch.float64)), "not float32"),
        (_set("gesture", torch.zeros(5, 9)), "'gesture' has shape"),
        (_set("gesture", torch.zeros(5, 2)), "the card says latents 3"),
        (lambda t, m: m.pop("format"), "not a perform model"),
        (lambda t, m: m.update(format="perform-rave-9"), "perform-rave-9.*newer version"),
        (lambda t, m: m.update(config="{"), "no readable config"),
        (lambda t, m: m.update(card="[]"), "no readable config"),
        (_json("config", "colour", 3), "unknown key 'colour'"),
        (_json("config", "capacity", 5), "has shape"),
        (_json("card", "colour", 3), "unknown key 'colour'"),
        (_json("card", "ratio", 64), "the card says ratio 64, the model has 32"),
        (lambda t, m: m.update(card="{}"), "the card lacks 'channels'"),
    ],
)
def test_inconsistent_files_are_refused(
    saved: Path, change: Callable[[dict[str, Tensor], dict[str, Any]], None], message: str
) -> None:
    rewrite(saved, change)
    with pytest.raises(WrongUse, match=message) as caught:
        load(saved)
    assert caught.value.where == str(saved)
    assert "\n" not in str(caught.value)


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps({"weights": [1.0, 2.0]}))


@pytest.mark.parametrize(
    "spoil",
    [_truncate, _pickle, lambda p: p.write_bytes(b""), lambda p: p.write_bytes(b"RIFF" * 99), Path.unlink],
    ids=["truncated", "pickle", "empty", "other", "missing"],
)
def test_other_files_are_refused(saved: Path, spoil: Callable[[Path], object]) -> None:
    spoil(saved)
    with pytest.raises(WrongUse) as caught:
        load(saved)
    assert str(caught.value).startswith(str(saved))
