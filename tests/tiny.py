"""A model small enough to make on the spot: random weights, a real file, a real card."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load_file, save_file

from perform.rave.config import Config
from perform.rave.delay import encoder_latency
from perform.rave.model import RAVE
from perform.rave.model_files import CARD, save

TINY = Config(capacity=4, ratios=(4, 2), dilations=((1,), (1,)), full_latents=8)


def spoil(path: Path, part: str, changes: dict[str, Any]) -> Path:
    """Change values of the "config" or "card" in a model file."""
    with path.open("rb") as file:
        metadata = json.loads(file.read(int.from_bytes(file.read(8), "little")))["__metadata__"]
    tensors = load_file(path)
    metadata[part] = json.dumps(json.loads(metadata[part]) | changes)
    save_file(tensors, path, metadata)
    return path


def tiny_model(path: Path, sample_rate: int = 48000, seed: int = 0, latents: int = 4, **shape: Any) -> Path:
    """Write one: 4 of 8 latents, a frame of 128 samples, a gesture of 50 frames.

    shape : what its config has besides
    """
    torch.manual_seed(seed)
    config = replace(TINY, sample_rate=sample_rate, **shape)
    model = RAVE(config)
    if config.bottleneck == "variational":
        model.fit_latents(torch.randn(400, 8) * torch.linspace(2, 0.2, 8), latents=latents)
    words = {
        "name": path.stem,
        "description": "a test",
        "licence": "CC0",
        "corpus": "",
        "recipe": "",
        "created": "",
    }
    numbers = {
        "sample_rate": sample_rate,
        "ratio": model.ratio,
        "latents": latents,
        "full_latents": 8,
        "channels": config.channels,
    }
    spread = {
        "latent_mean": [0.0] * latents,
        "latent_std": [1.0] * latents,
        "latent_p05": [-1.6] * latents,
        "latent_p95": [1.6] * latents,
    }
    rest = {
        "delay": model.delay,
        "delay_encode": encoder_latency(model),
        "steps": 0,
        "loudness_db": -20.0,
        "distance": 1.0,
        "distance_untrained": 2.0,
    }
    card = words | numbers | spread | rest | {"parameters": sum(p.numel() for p in model.parameters())}
    assert set(card) == {*CARD, "delay_encode"}
    if config.bottleneck == "pitched":
        card["labels"] = model.labels
    gesture = np.random.default_rng(seed).standard_normal((50, latents)).astype(np.float32)
    path.parent.mkdir(parents=True, exist_ok=True)
    save(path, model, card, torch.from_numpy(gesture))
    return path
