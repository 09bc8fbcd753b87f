"""nn~ modules of our own making, scripted on the spot: what a stranger's might be like."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

RATIO = 512


class Synth(nn.Module):
    """Two inputs at a 512th of the rate, pitch and level; two outputs; state; an attribute of every kind.

    It can begin its phase anew, and has a prior of its own, which wanders.
    """

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("play_params", torch.tensor([2, RATIO, 2, 1]))
        self.play_input_labels = ["pitch", "level"]
        self.play_output_labels = ["left", "right"]
        self.sr = 44100
        self.register_buffer("gain_params", torch.tensor([2, 2]))
        self.gain = (1.0, 1.0)
        self.register_buffer("mute_params", torch.tensor([0]))
        self.mute = (False,)
        self.register_buffer("partials_params", torch.tensor([1]))
        self.partials = (1,)
        self.register_buffer("shape_params", torch.tensor([3]))
        self.shape = ("sine",)
        self.register_buffer("tilt_params", torch.tensor([4]))
        self.tilt = torch.zeros(4)
        self.register_buffer("phase", torch.zeros(64, 1))
        self.register_buffer("sample", torch.zeros(1))
        self.register_buffer("sample_params", torch.tensor([5]))
        self.register_buffer("reset_phase_params", torch.tensor([0]))
        self.reset_phase = (False,)
        self.register_buffer("prior_params", torch.tensor([1, RATIO, 2, RATIO]))
        self.register_buffer("place", torch.zeros(2))
        self.frames = 0
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        return self.play(x)

    @torch.jit.export
    def play(self, x: Tensor) -> Tensor:
        n, batch = x.shape[-1] * 512, x.shape[0]
        pitch = x[:, 0].repeat_interleave(512, dim=1)
        level = x[:, 1].repeat_interleave(512, dim=1)
        if self.reset_phase[0]:
            self.phase[:] = 0.0
            self.reset_phase = (False,)
        turns = self.phase[:batch] + torch.cumsum(220.0 * 2**pitch / self.sr, 1)
        self.phase[:batch] = turns[:, -1:] % 1.0
        self.frames += 1
        y = torch.zeros_like(turns)
        for i in range(self.partials[0]):
            y = y + torch.sin(2 * torch.pi * turns * (i + 1)) / (i + 1)
        if self.shape[0] == "noise":
            y = torch.randn_like(y)
        y = y * (0.1 + level) * self.weight
        if self.mute[0]:
            y = y * 0
        return torch.stack([y * self.gain[0], y * self.gain[1]], 1).reshape(batch, 2, n)

    @torch.jit.export
    def prior(self, temperature: Tensor) -> Tensor:
        self.place = 0.5 * self.place + torch.randn_like(self.place) * temperature.mean()
        return self.place[None, :, None].repeat(temperature.shape[0], 1, temperature.shape[2])

    @torch.jit.export
    def get_methods(self) -> list[str]:
        return ["play", "prior"]

    @torch.jit.export
    def get_attributes(self) -> list[str]:
        return ["none", "gain", "mute", "partials", "shape", "tilt", "sample", "reset_phase"]

    @torch.jit.export
    def get_gain(self) -> tuple[float, float]:
        return self.gain

    @torch.jit.export
    def set_gain(self, left: float, right: float) -> int:
        if left < 0 or right < 0:
            return -1
        self.gain = (left, right)
        return 0

    @torch.jit.export
    def get_mute(self) -> tuple[bool]:
        return self.mute

    @torch.jit.export
    def set_mute(self, mute: bool) -> int:
        self.mute = (mute,)
        return 0

    @torch.jit.export
    def get_partials(self) -> int:
        return self.partials[0]

    @torch.jit.export
    def set_partials(self, partials: int) -> int:
        if partials > 32:
            raise ValueError("too many")
        self.partials = (partials,)
        return 0

    @torch.jit.export
    def get_shape(self) -> tuple[str]:
        return self.shape

    @torch.jit.export
    def set_shape(self, shape: str) -> int:
        self.shape = (shape,)
        return 0

    @torch.jit.export
    def get_reset_phase(self) -> bool:
        return self.reset_phase[0]

    @torch.jit.export
    def set_reset_phase(self, now: bool) -> int:
        self.reset_phase = (now,)
        return 0

    @torch.jit.export
    def get_tilt(self) -> Tensor:
        return self.tilt

    @torch.jit.export
    def set_tilt(self, tilt: Tensor) -> int:
        self.tilt = tilt
        return 0

    @torch.jit.export
    def get_sample(self) -> Tensor:
        return self.sample

    @torch.jit.export
    def set_sample(self, sample: Tensor) -> int:
        return -1

    @torch.jit.export
    def get_buffer_attributes(self) -> list[str]:
        return ["sample#0"]

    @torch.jit.export
    def set_buffer_attribute(self, name: str, sound: Tensor, sr: int) -> int:
        self.sample = sound
        return 0

    @torch.jit.export
    def clear_buffer_attribute(self, name: str) -> None:
        self.sample = torch.zeros(1)


class Pair(nn.Module):
    """Ears and a voice: level and swing of a 256th of the rate, with a memory; a square wave as loud as that.

    The voice is LATE samples late, or where it is `deaf`, always the same.
    """

    LATE = 300

    def __init__(self, deaf: bool = False) -> None:
        super().__init__()
        self.register_buffer("encode_params", torch.tensor([1, 1, 2, 256]))
        self.register_buffer("decode_params", torch.tensor([2, 256, 1, 1]))
        self.register_buffer("before", torch.zeros(64, 1))
        self.register_buffer("late", torch.zeros(64, 300))
        self.sr, self.deaf = 48000, deaf

    @torch.jit.export
    def encode(self, x: Tensor) -> Tensor:
        frames = x.reshape(x.shape[0], -1, 256)
        level = frames.abs().mean(2)
        past = torch.cat([self.before[: x.shape[0]], level], 1)
        self.before[: x.shape[0]] = level[:, -1:]
        return torch.stack([level + 0.25, level - past[:, :-1]], 1)

    @torch.jit.export
    def decode(self, z: Tensor) -> Tensor:
        level = torch.full_like(z[:, 0], 0.1) if self.deaf else z[:, 0]
        wave = (torch.arange(256) % 64 < 32).float() * 2 - 1
        sound = (level[:, :, None] * wave).reshape(z.shape[0], -1)
        sound = torch.cat([self.late[: z.shape[0]], sound], 1)
        self.late[: z.shape[0]] = sound[:, -300:]
        return sound[:, None, :-300]

    def forward(self, x: Tensor) -> Tensor:
        return self.decode(self.encode(x))


class Bare(nn.Module):
    """Hand-made: no get_methods, no labels, an input at audio rate, one output; what it does is `body`."""

    def __init__(self, body: str = "gain") -> None:
        super().__init__()
        self.register_buffer("forward_params", torch.tensor([1, 1, 1, 1]))
        self.sampling_rate = torch.tensor([48000])
        self.body, self.frames = body, 0

    def forward(self, x: Tensor) -> Tensor:
        if self.body == "nan":
            return x / 0
        self.frames += 1
        if self.body == "shape" or (self.body == "late" and self.frames > 600):
            return x[..., 1:]
        if self.body == "raise":
            raise RuntimeError("not today")
        if self.body == "hang":
            while bool((x * 0 == 0).all()):
                x = x + 1  # and what it gives is used, or torch would leave the loop out
        return x * 0.5


def export(module: nn.Module, path: Path) -> Path:
    """Script a module and write it."""
    torch.jit.script(module.eval()).save(str(path))
    return path


class Box:
    """A class of its own for a sound, as nn_tilde's Buffer is one."""

    def __init__(self, value: Tensor) -> None:
        self.value = value
        self.sr = -1

    def clear(self) -> None:
        self.value = torch.zeros(0, 0)

    def fill(self, sound: Tensor, sr: int) -> int:
        if sound.shape[-1] < 8:
            return -1
        self.value = sound.clone()
        self.sr = sr
        return 0

    @property
    def full(self) -> bool:
        return self.value.numel() > 0


class Boxes(nn.Module):
    """A square wave as high as the mean of the sound in its buffer, which an object in a tuple holds.

    It prints.
    """

    def __init__(self, sound: Tensor | None = None) -> None:
        super().__init__()
        self.register_buffer("play_params", torch.tensor([1, RATIO, 1, 1]))
        self.register_buffer("held_params", torch.tensor([5]))
        self.held = (Box(torch.zeros(0, 0) if sound is None else sound),)
        self.sr = 44100

    def forward(self, x: Tensor) -> Tensor:
        return self.play(x)

    @torch.jit.export
    def play(self, x: Tensor) -> Tensor:
        print("frame", x.shape)
        box = self.held[0]
        y = torch.zeros(x.shape[0], 1, 512 * x.shape[-1])
        if box.full:
            y = y + box.value.mean() * (1 - 2 * (torch.arange(y.shape[-1]) // 32 % 2))
        return y

    @torch.jit.export
    def get_methods(self) -> list[str]:
        return ["play"]

    @torch.jit.export
    def get_attributes(self) -> list[str]:
        return ["held"]

    @torch.jit.export
    def get_held(self) -> tuple[str]:
        return ("sound" if self.held[0].full else "empty",)

    @torch.jit.export
    def set_held(self, held: str) -> int:
        return 0

    @torch.jit.export
    def set_buffer_attribute(self, name: str, sound: Tensor, sr: int) -> int:
        if name == "held#0":
            return self.held[0].fill(sound, sr)
        return -1

    @torch.jit.export
    def clear_buffer_attribute(self, name: str) -> None:
        if name == "held#0":
            self.held[0].clear()


class Swap(nn.Module):
    """An effect module: left and right change sides, LATE samples late, `drive` times as loud.

    It has a second method with one input, `thin`, which has no delay.
    """

    LATE = 37

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("forward_params", torch.tensor([2, 1, 2, 1]))
        self.register_buffer("thin_params", torch.tensor([1, 1, 1, 1]))
        self.register_buffer("drive_params", torch.tensor([2]))
        self.drive = (1.0,)
        self.register_buffer("late", torch.zeros(64, 2, 37))
        self.sr = 48000

    def forward(self, x: Tensor) -> Tensor:
        sound = torch.cat([self.late[: x.shape[0]], x.flip(1) * self.drive[0]], 2)
        self.late[: x.shape[0]] = sound[:, :, -37:]
        return sound[:, :, :-37]

    @torch.jit.export
    def thin(self, x: Tensor) -> Tensor:
        return x * 0.5

    @torch.jit.export
    def get_drive(self) -> tuple[float]:
        return self.drive

    @torch.jit.export
    def set_drive(self, drive: float) -> int:
        if drive > 4:
            return -1
        self.drive = (drive,)
        return 0


class Faulty(nn.Module):
    """An effect module that passes the sound on; with `fault` 1 it fails, with 2 it never comes back."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("forward_params", torch.tensor([2, 1, 2, 1]))
        self.register_buffer("fault_params", torch.tensor([1]))
        self.fault = (0,)
        self.sr = 48000

    def forward(self, x: Tensor) -> Tensor:
        if self.fault[0] == 1:
            raise ValueError("it fails")
        while self.fault[0] == 2:
            x = x * 1.0
        return x

    @torch.jit.export
    def get_fault(self) -> tuple[int]:
        return self.fault

    @torch.jit.export
    def set_fault(self, fault: int) -> int:
        self.fault = (fault,)
        return 0
