"""A small file that asks for a large model is refused before anything is built."""

from __future__ import annotations

import resource
import time
from pathlib import Path
from typing import Any

import pytest
from tiny import spoil, tiny_model

from perform.core.errors import WrongUse
from perform.library.cards import read_card
from perform.rave.config import PRESETS, Config
from perform.rave.model_files import load
from perform.rave.model_size import check_size

HUGE = 1 << 22


PRIOR = {"latents": 4, "resolution": 8, "width": 8, "skip": 8, "kernel": 2, "layers": 2, "cycle": 2}


@pytest.mark.parametrize(
    "changes",
    [
        *({name: HUGE} for name in ("capacity", "bands", "kernel", "full_latents", "noise_latents")),
        *({name: 10**30} for name in ("capacity", "bands", "kernel", "full_latents", "sample_rate")),
        {"bands": 20_000},
        {"bank_taps": HUGE},
        {"ratios": [HUGE, 2]},
        {"ratios": [2] * 40, "dilations": [[1]] * 40},
        {"dilations": [[HUGE], [1]]},
        {"dilations": [[1] * 100_000, [1]]},
        {"bottleneck": "discrete", "quantizers": HUGE, "codebook": 8},
        {"bottleneck": "discrete", "quantizers": 8, "codebook": HUGE},
        {"bottleneck": "discrete", "quantizers": 900, "codebook": 100_000},
        {"noise_ratios": [2, 2], "noise_taps": HUGE, "noise_hidden": 8},
        {"noise_ratios": [2, 2], "noise_taps": 8, "noise_hidden": HUGE},
        *({"prior": PRIOR | {name: HUGE}} for name in PRIOR if name not in ("latents", "cycle")),
        {"prior": PRIOR | {"latents": HUGE, "width": HUGE, "skip": HUGE}},
        {"prior": PRIOR | {"layers": 60, "cycle": 60}},
    ],
    ids=lambda changes: "-".join(changes)[:40],
)
def test_a_config_beyond_its_file_is_refused_at_once(tmp_path: Path, changes: dict[str, Any]) -> None:
    path = tiny_model(tmp_path / "m.safetensors")
    load(path)  # everything is imported
    spoil(path, "config", changes)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    with pytest.raises(WrongUse) as refused:
        load(path)
    assert time.process_time() - began < 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000, "kB"
    assert len(str(refused.value)) < 1000 and refused.value.where == str(path)


@pytest.mark.parametrize("name", PRESETS)
def test_every_architecture_passes_with_its_own_size(name: str) -> None:
    import torch

    from perform.rave.model import RAVE

    with torch.device("meta"):
        weights = list(RAVE(PRESETS[name]).state_dict().values())
    check_size(PRESETS[name], sum(tensor.numel() for tensor in weights), len(weights))


def test_a_bank_is_designed_for_the_largest_number_of_bands_within_seconds() -> None:
    with pytest.raises(WrongUse, match="bands"):
        check_size(Config(bands=130), 1 << 40, 1000)


@pytest.mark.parametrize(
    "changes",
    [
        {"delay": 1 << 40},
        {"delay_encode": 1 << 40},
        {"latents": 1 << 20},
        {"channels": 0},
        {"name": "x" * 2000},
        {"ratio": 1 << 20},
        {"sample_rate": 2**31 - 1},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_card_with_a_number_out_of_all_sense_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    path = spoil(tiny_model(tmp_path / "m.safetensors"), "card", changes)
    with pytest.raises(WrongUse, match="its card is damaged"):
        read_card(path)


@pytest.mark.parametrize("half", [r"\ud800", r"\udce9"])
def test_a_card_with_half_a_character_is_refused(tmp_path: Path, half: str) -> None:
    """In the card, whose text the header holds as JSON within JSON, and in the header itself."""
    path = tiny_model(tmp_path / "m.safetensors")
    data = path.read_bytes()
    name = rb"\"m\""
    assert data.count(name) == 1
    for spoilt in (half.encode(), half.encode().replace(b"\\", b"\\\\")):
        size = int.from_bytes(data[:8], "little")
        header = data[8 : 8 + size].replace(name, rb"\"" + spoilt + rb"\"")
        path.write_bytes(len(header).to_bytes(8, "little") + header + data[8 + size :])
        for reader in (read_card, load):
            with pytest.raises(WrongUse):
                reader(path)
