"""Scripts nn~ modules with the genuine nn_tilde package: every construct that its own examples show.

    python module_scripts.py FOLDER       runs in the peers' environment (environment.py)

The modules are ours. Their names say which example of the package has the same constructs.
"""

# ruff: noqa: PLR1714, RET503, RUF005, SIM108  (TorchScript knows less Python)
from __future__ import annotations

import sys
from pathlib import Path

import nn_tilde
import torch
from torch import Tensor


class Buffers(nn_tilde.Module):
    """Buffers that the player fills: one alone, and two with a number in one attribute."""

    def __init__(self) -> None:
        super().__init__()
        self.register_attribute("grain", nn_tilde.Buffer(None, 64, 96_000))
        self.register_attribute("pair", (nn_tilde.Buffer(), 0.5, nn_tilde.Buffer(None, 8)))
        self.register_method("play", 1, 512, 1, 1, test_method=False)
        self.register_method("level", 1, 1, 1, 1, test_method=False)
        self.register_method("facts", 1, 512, 3, 512, test_method=False)
        self.finish()

    def rms(self, x: Tensor) -> float:
        return x.pow(2).mean().sqrt().item()

    @torch.jit.export
    def play(self, x: Tensor) -> Tensor:
        held = self.grain[0]
        y = torch.zeros(x.shape[0], 1, 512 * x.shape[-1])
        if held.has_value:
            y = y + held.value.reshape(-1)[: y.shape[-1]].mean() + 0.1 * x.repeat_interleave(512, dim=-1)
        return y

    @torch.jit.export
    def level(self, x: Tensor) -> Tensor:
        held = self.grain[0]
        if held.has_value:
            return torch.full_like(x, fill_value=self.rms(held.value))
        return torch.zeros_like(x)

    @torch.jit.export
    def facts(self, x: Tensor) -> Tensor:
        out = torch.zeros(x.shape[0], 3, x.shape[-1])
        held = self.grain[0]
        if held.has_value:
            out[:, 0, :] = held.value.shape[-1]
            out[:, 1, :] = held.sr
        out[:, 2, :] = self.pair[1]
        return out


class Attributes(nn_tilde.Module):
    """An attribute of every kind, with the package's own getters and setters or with others."""

    def __init__(self) -> None:
        super().__init__()
        self.allowed = torch.jit.Attribute(["sine", "saw"], list[str])
        self.register_attribute("whole", 0)
        self.register_attribute("number", 0.0)
        self.register_attribute("text", "a")
        self.register_attribute("wave", "sine")
        self.register_attribute("switch", False)
        self.register_attribute("mixed", [0, "a", 1.0, True])
        self.register_attribute("weights", torch.ones(3))
        self.register_method("forward", 1, 1, 2, 1, test_method=False)
        self.finish()

    @torch.jit.export
    def set_wave(self, wave: str) -> int:
        if wave not in self.allowed:
            return -1
        self.wave = (wave,)
        return 0

    @torch.jit.export
    def set_mixed(self, first: int, second: str, third: float, fourth: bool):
        self.mixed = (first, second, third, fourth)
        return 0

    @torch.jit.export
    def forward(self, x: Tensor):
        y = torch.zeros(x.shape[:-2] + (2, x.shape[-1]))
        y[..., 0, :] = 0.01 * self.whole[0] + self.weights[0].sum() / 30
        y[..., 1, :] = self.number[0]
        return y


class Effects(nn_tilde.Module):
    """Sound in, sound out: several methods, getters that return plain values, setters that refuse."""

    def __init__(self) -> None:
        super().__init__()
        self.register_attribute("drive", 1.0)
        self.register_attribute("factors", (1.0, 0.0, 0.0, 0.0))
        self.register_attribute("mode", "tanh")
        self.register_attribute("invert", False)
        self.register_attribute("order", (2, 0.0))
        for name, inputs, outputs, ratio in (
            ("through", 1, 1, 1),
            ("saturate", 1, 1, 1),
            ("add", 2, 1, 1),
            ("midside", 2, 2, 1),
            ("rms", 1, 1, 1024),
        ):
            self.register_method(name, inputs, 1, outputs, ratio)
        self.register_method("shape", 1, 512, 1, 512)

    @torch.jit.export
    def through(self, x: Tensor):
        return -x if self.invert[0] else x

    @torch.jit.export
    def add(self, x: Tensor):
        return x.sum(-2, keepdim=True) / 2

    @torch.jit.export
    def saturate(self, x: Tensor):
        mode = self.mode[0]
        if mode == "tanh":
            return torch.tanh(x * self.drive[0])
        if mode == "clip":
            return torch.clamp(x * self.drive[0], -1, 1)

    @torch.jit.export
    def midside(self, x: Tensor):
        left, right = x[..., 0, :], x[..., 1, :]
        return torch.stack([(left + right) / 2, (left - right) / 2], dim=-2)

    @torch.jit.export
    def rms(self, x: Tensor):
        x = x.reshape(x.shape[0], x.shape[1], 1024, -1)
        return x.pow(2).mean(-2).sqrt()

    @torch.jit.export
    def shape(self, x: Tensor):
        y = torch.zeros_like(x)
        for i in range(4):
            y += self.factors[i] * x.pow(i + 1)
        return y

    @torch.jit.export
    def get_drive(self) -> float:
        return float(self.drive[0])

    @torch.jit.export
    def get_factors(self) -> list[float]:
        factors: list[float] = []
        for factor in self.factors:
            factors.append(float(factor))
        return factors

    @torch.jit.export
    def get_order(self) -> tuple[int, float]:
        return (int(self.order[0]), float(self.order[1]))

    @torch.jit.export
    def set_mode(self, mode: str):
        if (mode == "tanh") or (mode == "clip"):
            self.mode = (mode,)
            return 0
        return -1

    @torch.jit.export
    def set_order(self, order: int, amount: float):
        if order <= 0 or order % 2 != 0:
            return -1
        self.order = (order, float(amount))
        return 0


class Features(nn_tilde.Module):
    """A spectrum with state, and a message that the module prints when its batch changes."""

    def __init__(self, size: int = 1024, hop: int = 256) -> None:
        super().__init__(sr=44100)
        self.size, self.hop = size, hop
        self.register_buffer("audio_buffer", torch.zeros((1, 1, size - hop)))
        self.register_buffer("window", torch.hann_window(size))
        self.freq = torch.fft.rfftfreq(n=size, d=1.0 / 44100)
        for name in ("centroid", "flatness", "bandwidth"):
            self.register_method(name, 1, 1, 1, hop, test_method=False)
        self.register_method("buzz", 1, 256, 1, 1, test_method=False)

    def spectrogram(self, x: Tensor) -> Tensor:
        if self.audio_buffer.shape[0] != x.shape[0]:
            print("the batch has changed", x.shape[0])
            self.audio_buffer = torch.zeros((x.shape[0], 1, self.size - self.hop)).to(x)
            self.freq = torch.fft.rfftfreq(n=self.size, d=1.0 / self.get_sample_rate())
        x = torch.cat([self.audio_buffer, x], dim=-1)
        found = torch.stft(
            x[:, 0], self.size, self.hop, window=self.window, center=False, return_complex=True
        )
        self.audio_buffer = x[..., -(self.size - self.hop) :]
        return found.abs()

    @torch.jit.export
    def buzz(self, x: Tensor) -> Tensor:
        print("buzz", x.shape)
        return 0.1 * torch.sin(torch.arange(256 * x.shape[-1]) * 0.05)[None, None].repeat(x.shape[0], 1, 1)

    @torch.jit.export
    def centroid(self, x: Tensor):
        found = self.spectrogram(x)
        if len(self.freq.shape) == 1:
            self.freq = self.freq[None, :, None].expand_as(found)
        y = torch.sum(self.freq * torch.nn.functional.normalize(found, p=1.0, dim=-2), dim=-2)
        return y[:, None, :]

    @torch.jit.export
    def bandwidth(self, x: Tensor, amin: float = 1e-10, p: float = 2.0):
        found = torch.nn.functional.normalize(self.spectrogram(x), p=1.0, dim=-2)
        if len(self.freq.shape) == 1:
            self.freq = self.freq[None, :, None].expand_as(found)
        centre = torch.sum(self.freq * found, dim=-2)[:, None, :]
        apart = torch.abs(self.freq - centre)
        return torch.sum(found * apart**p, dim=-2, keepdim=True) ** (1.0 / p)

    @torch.jit.export
    def flatness(self, x: Tensor, amin: float = 1e-10, power: float = 2.0):
        found = torch.maximum(self.spectrogram(x) ** power, torch.zeros(1) + amin)
        return torch.exp(torch.mean(torch.log(found), dim=-2, keepdim=True)) / torch.mean(
            found, dim=-2, keepdim=True
        )


class Inner(torch.nn.Module):
    """A separation of sound into four parts, as a scripted module from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.sample_rate = 44100
        self.conv = torch.nn.Conv1d(2, 8, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x).reshape(x.shape[0], 4, 2, -1)


class Unmix(nn_tilde.Module):
    """A scripted module inside another one; free functions; four outputs."""

    def __init__(self, inner: torch.jit.ScriptModule) -> None:
        super().__init__()
        self.inner = inner
        self.register_method(
            "forward", 1, 1, 4, 1, output_labels=["drums", "bass", "vocals", "others"], test_method=False
        )

    @torch.jit.export
    def forward(self, x: Tensor):
        return self.inner(widened(x)).mean(dim=2)


def widened(sound: Tensor) -> Tensor:
    shape = torch.as_tensor(sound.shape, device=sound.device)
    if len(shape) == 2:
        if shape.min() <= 2:
            sound = sound[None, ...]
        else:
            sound = sound[:, None, ...]
    if sound.shape[1] > sound.shape[2]:
        sound = sound.transpose(1, 2)
    if sound.shape[1] == 1:
        sound = torch.repeat_interleave(sound, 2, dim=1)
    return sound


def main(folder: Path) -> None:
    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    inner = torch.jit.script(Inner().eval())
    for module in (Buffers(), Attributes(), Effects(), Features(), Unmix(inner)):
        module.export_to_ts(str(folder / f"script_{type(module).__name__.lower()}.ts"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
