"""Builds genuine upstream exports. Runs in the peers' environment (environment.py), never in perform's own.

    python build.py FOLDER [NAME ...]       all but the full-size ones, if none is named

Every model gets seeded weights, scaled so that each layer's output has about unit variance: at their first
values the nets nearly vanish, and any two outputs would be equal to 1e-4. Their projection is a random
rotation. What acids-rave 2.3.1 no longer finds in today's torch and scipy is put in place by `bridge`.
"""

from __future__ import annotations

import logging
import sys
import types
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
import scipy.signal
import torch
from torch import nn


@dataclass(frozen=True)
class Export:
    """A recipe: gin files, overriding bindings, and what `rave export` would be told."""

    configs: tuple[str, ...]
    bindings: tuple[str, ...] = ("CAPACITY = 4", "LATENT_SIZE = 16")
    streaming: bool = True
    channels: int = 1
    target_channels: int | None = None
    rate: int | None = None
    prior: bool = False
    learnt: bool = False
    latents: int = 4
    warmed_up: bool = True


SMALL = ("CAPACITY = 4", "LATENT_SIZE = 16")
EXPORTS = {
    "v2": Export(("v2",)),
    "causal": Export(("v2", "causal")),
    "noise": Export(("v2", "noise")),
    "v1": Export(("v1",)),
    "v2_small": Export(("v2_small",)),
    "v1_causal": Export(("v1", "causal")),
    "v1_cold": Export(("v1",), warmed_up=False),
    "v2_offline": Export(("v2",), streaming=False),
    "v2_small_offline": Export(("v2_small",), streaming=False),
    "v1_offline": Export(("v1",), streaming=False),
    "causal_offline": Export(("v2", "causal"), streaming=False),
    "v3": Export(("v3",)),
    "v3_offline": Export(("v3",), streaming=False),
    "adain": Export(("v2", "adain")),
    "adain_learnt": Export(("v2", "adain"), learnt=True),
    "snake": Export(("v2", "snake", "noise")),
    "discrete": Export(
        ("discrete",), (*SMALL, "NUM_QUANTIZERS = 4", "CODEBOOK_SIZE = 32", "NOISE_AUGMENTATION = 8")
    ),
    "discrete_offline": Export(
        ("discrete",),
        (*SMALL, "NUM_QUANTIZERS = 4", "CODEBOOK_SIZE = 32", "NOISE_AUGMENTATION = 8"),
        streaming=False,
    ),
    "wasserstein": Export(
        ("v2", "wasserstein"), ("CAPACITY = 4", "LATENT_SIZE = 8", "NOISE_AUGMENTATION = 8")
    ),
    "wasserstein_offline": Export(
        ("v2", "wasserstein"), ("CAPACITY = 4", "LATENT_SIZE = 8", "NOISE_AUGMENTATION = 8"), streaming=False
    ),
    "spherical": Export(("v2", "spherical"), ("CAPACITY = 4", "LATENT_SIZE = 8")),
    "spherical_offline": Export(("v2", "spherical"), ("CAPACITY = 4", "LATENT_SIZE = 8"), streaming=False),
    "raspberry": Export(("raspberry",)),
    "stereo": Export(("v2",), channels=2),
    "stereo_noise": Export(("v2", "noise"), channels=2),
    "stereo_v1": Export(("v1",), channels=2),
    "stereo_offline": Export(("v2",), channels=2, streaming=False),
    "widened": Export(("v2",), target_channels=2),
    "biased": Export(("v2",), (*SMALL, "cc.Conv1d.bias = True", "cc.ConvTranspose1d.bias = True")),
    "resampled": Export(("v2_small",), rate=88200),
    "prior": Export(("v2_small",), prior=True),
    "recurrent": Export(
        ("v2",),
        (
            *SMALL,
            "from __gin__ import dynamic_registration\nfrom rave import blocks",
            "blocks.GeneratorV2.recurrent_layer = @blocks.GRU",
            "blocks.GRU.latent_size = 16",
            "blocks.GRU.num_layers = 1",
        ),
    ),
    "v2_full": Export(("v2",), (), latents=16),
    "v1_full": Export(("v1",), (), latents=16),
    "v2_small_full": Export(("v2_small",), (), latents=8),
    "causal_full": Export(("v2", "causal"), (), latents=16),
}


def bridge() -> None:
    """What acids-rave imports and no longer finds: torchaudio's Spectrogram, scipy's old names."""

    class Spectrogram(nn.Module):
        def __init__(self, n_fft: int, win_length: int, hop_length: int, **_: object) -> None:
            super().__init__()
            self.n_fft, self.hop = n_fft, hop_length
            self.register_buffer("window", torch.hann_window(n_fft), persistent=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.stft(x, self.n_fft, self.hop, window=self.window, return_complex=True)

    audio, transforms = types.ModuleType("torchaudio"), types.ModuleType("torchaudio.transforms")
    transforms.Spectrogram = Spectrogram
    audio.transforms = transforms
    sys.modules |= {"torchaudio": audio, "torchaudio.transforms": transforms}
    plain = scipy.signal.firwin

    def firwin(taps: int, cutoff: object, *, nyq: float, **more: object) -> np.ndarray:
        return plain(taps, float(np.ravel(cutoff)[0]), fs=2 * nyq, **more)

    scipy.signal.firwin = firwin
    scipy.signal.kaiser = scipy.signal.windows.kaiser
    order = scipy.signal.kaiserord
    scipy.signal.kaiserord = lambda ripple, width: order(ripple, float(np.ravel(width)[0]))


def enliven(model: nn.Module) -> None:
    """Scale every convolution, in the order of use, so that its output has unit variance; draw biases."""

    loud = [m.net[-1] for m in model.modules() if type(m).__name__.startswith("NoiseGenerator")]

    def hook(layer: nn.Module, _: object, y: torch.Tensor) -> torch.Tensor:
        scale = y.std().clamp(min=1e-6) / (4 if layer in loud else 1)  # or the noise would never be heard
        layer.weight.data /= scale
        if layer.bias is not None:
            layer.bias.data = 0.1 * torch.randn_like(layer.bias)
        return y / scale

    layers = [
        layer
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Conv1d | nn.ConvTranspose1d) and name.startswith(("encoder", "decoder"))
    ]
    for name, layer in model.named_modules():
        if isinstance(layer, nn.BatchNorm1d):
            layer.running_mean.normal_(0, 0.1)
            layer.running_var.uniform_(0.5, 2)
            layer.weight.data.uniform_(0.5, 1.5)
            layer.bias.data.normal_(0, 0.1)
        if type(layer).__name__ == "Snake":
            layer.alpha.data.uniform_(0.5, 2)
        if type(layer).__name__ == "EuclideanCodebook":
            layer.embed.normal_(0, 0.7 ** int(name.split(".")[3]))
            layer.inited.fill_(1)
    hooks = [layer.register_forward_hook(hook) for layer in layers]
    model(0.3 * torch.randn(1, model.n_channels, 2**16))
    for handle in hooks:
        handle.remove()


def build(name: str, export: Export, path: Path) -> None:
    """One export at `path`."""
    import cached_conv as cc
    import gin
    import rave
    from rave.prior import model as priors
    from scripts import export as script

    gin.clear_config()
    with gin.unlock_config():
        gin.parse_config_files_and_bindings([f"{config}.gin" for config in export.configs], export.bindings)
    cc.use_cached_conv(False)
    torch.manual_seed(sum(name.encode()))
    offline = rave.RAVE(n_channels=export.channels).eval()
    for layer in offline.modules():
        if hasattr(layer, "weight_g"):
            nn.utils.remove_weight_norm(layer)
    enliven(offline)
    size = len(offline.latent_mean)
    offline.latent_mean.normal_(0, 0.2)
    offline.latent_pca.copy_(torch.linalg.qr(torch.randn(size, size))[0])
    offline.fidelity.copy_((torch.arange(size) >= export.latents).float())
    cc.use_cached_conv(export.streaming)
    model = rave.RAVE(n_channels=export.channels).eval()
    for layer in model.modules():
        if hasattr(layer, "weight_g"):
            nn.utils.remove_weight_norm(layer)
    model.load_state_dict(offline.state_dict(), strict=False)
    model.encoder.set_warmed_up(export.warmed_up)
    model.decoder.set_warmed_up(export.warmed_up)
    kinds: list[tuple[str, Callable[..., nn.Module]]] = [
        ("VariationalEncoder", script.VariationalScriptedRAVE),
        ("DiscreteEncoder", script.DiscreteScriptedRAVE),
        ("WasserteinEncoder", script.WasserteinScriptedRAVE),
        ("SphericalEncoder", script.SphericalScriptedRAVE),
    ]
    wrap = dict(kinds)[type(model.encoder).__name__]
    register = wrap.register_method

    def trusting(self: nn.Module, name: str, **more: object) -> None:
        register(
            self, name, **more, test_method=not (export.prior or export.target_channels)
        )  # 4 rows break both

    prior = None
    if export.prior:
        net = priors.VariationalPrior(
            resolution=8, res_size=16, skp_size=12, kernel_size=3, cycle_size=3, n_layers=4,
            pretrained_vae=model, latent_size=4, n_channels=export.channels,
        )  # fmt: skip
        for layer in net.modules():
            if isinstance(layer, nn.Conv1d):
                layer.weight.data *= 3  # odds that differ
        prior = script.TraceModel(net.eval(), model)
    with mock.patch.object(wrap, "register_method", trusting):
        whole = wrap(
            model, channels=export.target_channels, fidelity=0.5, target_sr=export.rate, prior=prior
        ).eval()
    with torch.no_grad():
        whole.forward(torch.zeros(1, export.channels, 2**14))
        if prior is not None:
            whole.prior(torch.zeros(1, 1, 1))
        if export.learnt:
            whole.is_using_adain = True  # which 2.3.1 looks for before there is an encoder to find it in
            for side, level in (("target", 0.5), ("source", 0.2)):
                getattr(whole, f"set_learn_{side}")(True)
                whole.forward(level * torch.randn(1, export.channels, 2**16))
                getattr(whole, f"set_learn_{side}")(False)
            whole.encode(torch.zeros(1, export.channels, 2**14))  # the flags arrive with the next sound
        for key, buffer in whole.named_buffers():  # the trials above left their traces in the caches
            if key.endswith((".pad", ".cache")):
                buffer.zero_()
    whole.export_to_ts(str(path))


def main() -> None:
    """Build the named exports, or all, into a folder."""
    torch.set_grad_enabled(False)
    torch.set_num_threads(1)
    logging.disable()
    warnings.simplefilter("ignore")
    bridge()
    folder = Path(sys.argv[1])
    names = sys.argv[2:] or [name for name in EXPORTS if not name.endswith("_full")]
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        path = folder / f"{name}.ts"
        part = path.with_suffix(".part")
        build(name, EXPORTS[name], part)
        part.rename(path)
        print(path, f"{path.stat().st_size / 1e6:.1f} MB", flush=True)


if __name__ == "__main__":
    main()
