"""Options of an export: latents, fidelity, rate and channels; each is loaded as nn~ does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from family import built, with_prior
from nn_tilde import NnTilde
from tiny import tiny_model

from perform.cli import main
from perform.core.errors import WrongUse
from perform.rave.archive import read
from perform.rave.export import at_rate, latents_for, model_in_export, torchscript, with_latents
from perform.rave.model import RAVE

N = 8192


def saved(model: RAVE, path: Path, channels: int | None = None) -> Path:
    path.write_bytes(torchscript(model, 2, channels))
    return path


def played(path: Path, method: str, x: np.ndarray, **attributes: str) -> np.ndarray:
    host = NnTilde(path, method, optimised=False)
    for name, value in attributes.items():
        assert host.set(name, value)
    return host.perform(x)


def sound(channels: int = 1, n: int = N) -> np.ndarray:
    return 0.3 * np.random.default_rng(0).standard_normal((1, channels, n)).astype(np.float32)


def test_latents_fewer_or_more_than_the_model_keeps(tmp_path: Path) -> None:
    model = built("v2_small")
    model.gesture = torch.randn(4, 3)
    model.card = {"name": "m", "latents": 3, "latent_std": [3.0, 2.0, 1.0], "labels": ["a", "b", "c"]}
    fewer = with_latents(model, 2)
    assert (fewer.card["latent_std"], fewer.card["labels"]) == ([3.0, 2.0], ["a", "b"])
    assert torch.equal(fewer.gesture, model.gesture[:, :2])
    path = saved(with_latents(model, 5), tmp_path / "x.ts")
    z = played(path, "encode", sound())[0, :, model.ratio - 1 :: model.ratio]
    with torch.inference_mode():
        whole = with_latents(model, 8).encode(torch.from_numpy(sound()), model.encoder_state(1))[0][0].numpy()
    assert z.shape[0] == 5 and np.abs(z - whole[:5]).max() < 1e-4
    again = model_in_export(read(path))
    assert again is not None and again.latents == again.card["latents"] == 5
    assert again.card["latent_std"] == [3.0, 2.0, 1.0, 1.0, 1.0] and "labels" not in again.card
    assert torch.equal(again.gesture[:, :3], model.gesture)


def test_fidelity_counts_the_latents_that_hold_so_much_variance() -> None:
    model = built("v2_small")
    model.card = {"latent_std": [3.0, 2.0, 1.0]}  # 9, 4 and 1 of 14
    assert [latents_for(model, part) for part in (0.5, 0.64, 0.65, 0.93, 1.0)] == [1, 1, 2, 3, 3]


def test_a_higher_rate_is_resampled(tmp_path: Path) -> None:
    model = built("v2_small")
    model.card = {"name": "m", "sample_rate": model.config.sample_rate, "ratio": model.ratio}
    rate = 2 * model.config.sample_rate
    path = saved(at_rate(model, rate), tmp_path / "x.ts")
    host = NnTilde(path, "forward")
    assert (host.model.sr, host.params("decode")[1]) == (rate, 2 * model.ratio)
    # a tone below the old rate's half gives the same latents as at the old rate, but for the resampler
    time = np.arange(16 * N) / rate
    tone = (0.3 * np.sin(2 * np.pi * 440 * time))[None, None].astype(np.float32)
    fast = NnTilde(path, "encode", optimised=False).perform(tone)[0, :, -1]
    with torch.inference_mode():
        slow = model.encode(torch.from_numpy(tone[..., ::2].copy()), model.encoder_state(1))[0][0, :, -1]
    assert fast == pytest.approx(slow.numpy(), abs=0.25)
    again = model_in_export(read(path))
    assert again is not None and again.card["sample_rate"] == rate and again.config.resampling == 2


def test_a_mono_model_with_two_channels_has_other_noise_in_each(tmp_path: Path) -> None:
    model = built("v2_small")
    wide, mono = saved(model, tmp_path / "wide.ts", 2), saved(model, tmp_path / "mono.ts")
    host = NnTilde(wide, "forward")
    assert host.params("forward") == [1, 1, 2, 1]
    silent, plain = (played(path, "forward", sound(), temperature="0") for path in (wide, mono))
    assert np.abs(silent - plain).max() < 1e-5, "without noise both are the mono sound"
    left, right = played(wide, "forward", sound(), seed="3")[0]
    assert np.abs(left - right).max() > 1e-3


def test_a_stereo_model_with_one_channel_gives_the_mean(tmp_path: Path) -> None:
    model = built("stereo")
    mono, stereo = saved(model, tmp_path / "mono.ts", 1), saved(model, tmp_path / "stereo.ts")
    assert NnTilde(mono, "forward").params("forward") == [1, 1, 1, 1]
    one = played(mono, "forward", sound(), temperature="0")
    two = played(stereo, "forward", sound().repeat(2, 1), temperature="0")
    assert np.abs(one[0, 0] - two[0].mean(0)).max() < 1e-5


def test_what_cannot_be_changed_says_why() -> None:
    for model, change, says in (
        (built("discrete"), lambda m: with_latents(m, 2), "have no order"),
        (built("discrete"), lambda m: latents_for(m, 0.9), "--fidelity.*have no order"),
        (with_prior(), lambda m: with_latents(m, 2), "its prior knows the latents"),
        (built("v2_small"), lambda m: with_latents(m, 9), "it has 1 to 8 latents, not 9"),
        (built("v2_small"), lambda m: at_rate(m, 48001), "no multiple of its rate.*choose one of"),
        (built("v2_small"), lambda m: at_rate(m, 3 * m.config.sample_rate), "no multiple.*by 2, 4, 8 or 16"),
        (
            built("live_pitch"),
            lambda m: at_rate(m, 2 * m.config.sample_rate),
            "pitched model has no resampler",
        ),
        (built("v2_small"), lambda m: latents_for(m, 0.9), "does not know the variance"),
    ):
        with pytest.raises(WrongUse, match=says):
            change(model)


def test_the_verb_takes_them(tmp_path: Path) -> None:
    source = str(tiny_model(tmp_path / "m.safetensors"))
    out = tmp_path / "x.ts"
    options = ["--fidelity", "0.5", "--rate", "96000", "--channels", "2", "--rows", "1"]
    done = CliRunner().invoke(main, ["export", source, "-o", str(out), *options])
    assert done.exit_code == 0, done.output
    host = NnTilde(out, "decode")
    assert host.params("decode") == [2, 256, 2, 1] and host.model.sr == 96000
    both = ["--latents", "2", "--fidelity", "0.9", "--replace"]
    done = CliRunner().invoke(main, ["export", source, "-o", str(out), *both])
    assert done.exit_code != 0 and "exclude each other" in done.output
