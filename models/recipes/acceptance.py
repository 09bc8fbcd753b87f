"""Check a pitched voice on unseen sound: python models/recipes/acceptance.py MODEL SOUND..."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np
import soundfile
import torch
from torch import Tensor

from perform.rave.fundamental import Fundamental
from perform.rave.latent_effect import measured_latents
from perform.rave.model import RAVE
from perform.rave.model_files import load

WIDTH_HZ = 4.5  # on either side of a multiple of the frame rate
FROZEN = 8  # loud moments that are held
LONGEST_S = 60.0


def main() -> None:
    """Print each figure with its limit; exit with 1 if one is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("sound", type=Path, nargs="+")
    options = parser.parse_args()
    torch.manual_seed(0)
    model = load(options.model)
    x = torch.cat([sound(path, model) for path in options.sound], 2)
    with torch.inference_mode():
        found = figures(model, x)
    for name, value, limit, fits in found:
        print(f"{'   ' if fits else 'NOT'} {name}: {value} (wanted {limit})")
    raise SystemExit(not all(fits for *_, fits in found))


def sound(path: Path, model: RAVE) -> Tensor:
    """The first minute of a sound file at the model's rate, (1, 1, whole frames)."""
    x, rate = soundfile.read(path, dtype="float32", always_2d=True, frames=round(LONGEST_S * 48000))
    if rate != model.config.sample_rate:
        raise SystemExit(f"{path} has {rate} Hz, not {model.config.sample_rate}")
    mono = torch.from_numpy(x.mean(axis=1))
    return mono[: len(mono) // model.ratio * model.ratio][None, None]


def figures(model: RAVE, x: Tensor) -> list[tuple[str, str, str, bool]]:
    """Each figure: its name, value, limit, and whether it is within."""
    z, _ = model.encode(x, model.encoder_state(1))
    y = decoded(model, z)
    held, moving, frozen = grid(x, model), grid(y, model), frozen_grid(model, x, z)
    followed = pitch_share(model, x, y)
    effects = measured_latents(model)["latent_effect"]
    loop = model.gesture.T[None]
    home = torch.tensor(model.card["latent_home"])[None, :, None].expand_as(loop)
    apart = level_db(decoded(model, home)) - level_db(decoded(model, loop))
    noise = level_db(decoded(model, z) - decoded(model, z, silent=True))
    return [
        ("pitch within 50 cents", f"{followed:.1%}", ">= 95 %", followed >= 0.95),
        ("share on the frame rate", f"{moving:.1%}", f"{held:.1%} +- 5", abs(moving - held) <= 0.05),
        ("the same, frozen", f"{frozen:.1%}", "as chance, 22 %, at most + 5", frozen <= 0.27),
        ("effect of the latents, dB", str(effects), ">= 2 each", min(effects) >= 2),
        ("hand at bias 0, above the loop", f"{apart:.1f} dB", "+- 6", abs(apart) <= 6),
        ("noise branch", f"{noise:.1f} dBFS", ">= -50", noise >= -50),
    ]


def decoded(model: RAVE, z: Tensor, *, silent: bool = False) -> Tensor:
    """Latents (1, latents, n) to sound; silent: without the noise branch."""
    noise = torch.randn(1, model.noise, z.shape[2], generator=torch.Generator().manual_seed(0))
    y, _ = model.decode(z, 0 * noise if silent else noise, model.decoder_state(1))
    return y


def pitch_share(model: RAVE, x: Tensor, y: Tensor) -> float:
    """Share of the input's pitched frames that the output follows, at the best delay up to four frames."""
    layer = Fundamental(model.config.sample_rate, model.ratio)
    (a, _), (b, _) = (layer(one, layer.init_state(1)) for one in (x, y))
    best = 0.0
    for late in range(5):
        before, after = a[0, :, : a.shape[2] - late], b[0, :, late:]
        pitched = (before[2] < 0.1) & (before[1] > -2)
        right = (before[0] - after[0]).abs() < 50 / 1200
        best = max(best, float(right[pitched].float().mean()))
    return best


def grid(x: Tensor, model: RAVE) -> float:
    """Share of the power that lies near multiples of the frame rate."""
    wave = x.flatten().double().numpy()
    size, rate = 16384, model.config.sample_rate
    frames = np.lib.stride_tricks.sliding_window_view(wave, size)[:: size // 2]
    power = np.square(np.abs(np.fft.rfft(frames * np.hanning(size)))).sum(axis=0)
    hz = np.arange(len(power)) * rate / size
    frame_hz = rate / model.ratio
    near = np.abs(hz - np.round(hz / frame_hz) * frame_hz) <= WIDTH_HZ
    heard = (hz > 60) & (hz < 12000)
    return float(power[near & heard].sum() / power[heard].sum())


def frozen_grid(model: RAVE, x: Tensor, z: Tensor) -> float:
    """Mean share on the frame rate while the latents of loud moments are held.

    The moments are those of many pitches, so that chance puts few harmonics there.
    """
    loud = torch.argsort(z[0, 1], descending=True)[: z.shape[2] // 4]
    moments = loud[torch.linspace(0, len(loud) - 1, FROZEN).long()]
    shares = [
        grid(decoded(model, z[:, :, at : at + 1].expand(-1, -1, 200))[..., 8192:], model) for at in moments
    ]
    return float(np.mean(shares))


def level_db(x: Tensor) -> float:
    """RMS in dBFS."""
    return 10 * math.log10(float(x.square().mean()) + 1e-12)


if __name__ == "__main__":
    main()
