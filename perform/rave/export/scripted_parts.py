"""Filter bank, resampler, bottlenecks, generators and chance as TorchScript has them (layers.py)."""

# mypy: disable-error-code="no-any-return"

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv1d

from perform.rave.blocks import mod_sigmoid
from perform.rave.bottleneck import angles, directions
from perform.rave.decoder import Decoder, FirstDecoder
from perform.rave.encoder import Encoder
from perform.rave.export.scripted_layers import History, Layer, scripted
from perform.rave.model import RAVE
from perform.rave.pqmf import PQMF
from perform.rave.resampler import Resampler


class Bank(nn.Module):
    """As `PQMF`: (B, 1, n) to (B, bands, n / bands) and back."""

    analysis_kernel: Tensor
    synthesis_kernel: Tensor
    turn: Tensor

    def __init__(self, bank: PQMF, rows: int) -> None:
        super().__init__()
        self.bands = bank.bands
        for name in ("analysis_kernel", "synthesis_kernel", "turn"):
            self.register_buffer(name, getattr(bank, name))
        self.heard = History(rows, 1, bank.memory)
        self.said = History(rows, bank.bands, bank.synthesis_kernel.shape[-1] - 1)

    @torch.jit.export
    def analyse(self, x: Tensor) -> Tensor:
        """Samples to bands."""
        return self.turned(conv1d(self.heard(x), self.analysis_kernel, None, self.bands))

    @torch.jit.export
    def synthesise(self, y: Tensor) -> Tensor:
        """Bands to samples."""
        x = conv1d(self.said(self.turned(y)), self.synthesis_kernel)
        return x.transpose(1, 2).reshape(x.shape[0], 1, -1)

    def turned(self, y: Tensor) -> Tensor:
        """Odd bands the other way round."""
        return (y.reshape(y.shape[0], self.bands, -1, 2) * self.turn[:, None]).flatten(2)

    @torch.jit.export
    def forget(self) -> int:
        """Silence before the first sample."""
        self.heard.forget()
        return self.said.forget()


class Rates(nn.Module):
    """As `Resampler`: (B, 1, n) to (B, 1, n / ratio) and back."""

    down_kernel: Tensor
    up_kernel: Tensor

    def __init__(self, resampler: Resampler, rows: int) -> None:
        super().__init__()
        self.ratio, self.align = resampler.ratio, resampler.align
        self.register_buffer("down_kernel", resampler.down_kernel)
        self.register_buffer("up_kernel", resampler.up_kernel)
        self.heard = History(rows, 1, resampler.down_memory)
        self.said = History(rows, 1, resampler.up_kernel.shape[-1] - 1)

    @torch.jit.export
    def down(self, x: Tensor) -> Tensor:
        """To the model's own rate."""
        x = self.heard(x)
        return conv1d(x[..., : x.shape[-1] - self.align], self.down_kernel, None, self.ratio)

    @torch.jit.export
    def up(self, x: Tensor) -> Tensor:
        """And to the player's."""
        y = conv1d(self.said(x), self.up_kernel)
        return y.transpose(1, 2).reshape(y.shape[0], 1, -1)

    @torch.jit.export
    def forget(self) -> int:
        """Silence before the first sample."""
        self.heard.forget()
        return self.said.forget()


class Projection(nn.Module):
    """The posterior's mean, ordered by variance; as `RAVE.embed` and `RAVE.restore`, like the rest here."""

    mean: Tensor
    pca: Tensor

    def __init__(self, model: RAVE) -> None:
        super().__init__()
        self.latents, self.dropped = model.latents, model.config.full_latents - model.latents
        self.register_buffer("mean", model.latent_mean)
        self.register_buffer("pca", model.latent_pca)

    @torch.jit.export
    def embed(self, y: Tensor) -> Tensor:
        """What the encoder made to latents."""
        mean = y.chunk(2, 1)[0] - self.mean[:, None]
        return torch.matmul(self.pca[: self.latents], mean)

    @torch.jit.export
    def restore(self, z: Tensor, noise: Tensor) -> Tensor:
        """Latents, and what fills the missing ones, to what the decoder wants."""
        full = torch.cat([z, noise[:, : self.dropped]], 1)
        z = torch.matmul(self.pca.t(), full) + self.mean[:, None]
        return torch.cat([z, noise[:, self.dropped :]], 1)


class Sphere(nn.Module):
    """Angles of a direction."""

    @torch.jit.export
    def embed(self, y: Tensor) -> Tensor:
        """What the encoder made to latents."""
        return angles(y)

    @torch.jit.export
    def restore(self, z: Tensor, noise: Tensor) -> Tensor:
        """Latents, and what fills the missing ones, to what the decoder wants."""
        return torch.cat([directions(z), noise], 1)


class Books(nn.Module):
    """Numbers of entries in codebooks."""

    entries: Tensor  # (books, size, dimensions)

    def __init__(self, model: RAVE) -> None:
        super().__init__()
        self.register_buffer("entries", model.codebooks.entries)

    @torch.jit.export
    def embed(self, y: Tensor) -> Tensor:
        """What the encoder made to latents."""
        rest = y.transpose(1, 2)  # (B, n, dimensions)
        numbers: list[Tensor] = []
        for i in range(self.entries.shape[0]):
            book = self.entries[i]
            distance = book.square().sum(1) - 2 * torch.matmul(rest, book.t())
            number = distance.argmin(-1)
            rest = rest - book[number]
            numbers.append(number)
        return torch.stack(numbers, 1).to(y.dtype)

    @torch.jit.export
    def restore(self, z: Tensor, noise: Tensor) -> Tensor:
        """Latents, and what fills the missing ones, to what the decoder wants."""
        numbers = z.clamp(0, self.entries.shape[1] - 1).long()
        x = self.entries[0][numbers[:, 0]]
        for i in range(1, self.entries.shape[0]):
            x = x + self.entries[i][numbers[:, i]]
        return torch.cat([x.transpose(1, 2), noise], 1)


class Plain(nn.Module):
    """What the encoder makes is what the decoder wants."""

    @torch.jit.export
    def embed(self, y: Tensor) -> Tensor:
        """What the encoder made to latents."""
        return y

    @torch.jit.export
    def restore(self, z: Tensor, noise: Tensor) -> Tensor:
        """Latents, and what fills the missing ones, to what the decoder wants."""
        return torch.cat([z, noise], 1)


def bottleneck(model: RAVE) -> Any:
    """The model's."""
    match model.config.bottleneck:
        case "variational":
            return Projection(model)
        case "spherical":
            return Sphere()
        case "discrete":
            return Books(model)
        case _:
            return Plain()


class Listener(nn.Module):
    """As `Encoder`."""

    def __init__(self, encoder: Encoder, rows: int) -> None:
        super().__init__()
        self.net = scripted(encoder.net, rows)

    def forward(self, x: Tensor) -> Tensor:
        """Bands to what the bottleneck is made of."""
        return self.net(x)

    @torch.jit.export
    def forget(self) -> int:
        """Silence before the first sample."""
        return self.net.forget()


class Generator(nn.Module):
    """As `Decoder`."""

    def __init__(self, decoder: Decoder, rows: int) -> None:
        super().__init__()
        self.net = scripted(decoder.net, rows)
        self.wave = scripted(decoder.wave, rows) if decoder.wave else Layer()
        self.noise = scripted(decoder.noise, rows) if decoder.noise else None

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        """(B, latents, n), uniform noise in bands, to bands."""
        x = self.net(x)
        wave, amplitude = self.wave(x).chunk(2, 1)
        y = wave * torch.sigmoid(amplitude)
        if self.noise is not None:
            y = y + self.noise(x, noise)
        return torch.tanh(y)

    @torch.jit.export
    def forget(self) -> int:
        """Back to before the first frame."""
        if self.noise is not None:
            self.noise.forget()
        self.wave.forget()
        return self.net.forget()


class FirstGenerator(nn.Module):
    """As `FirstDecoder`."""

    def __init__(self, decoder: FirstDecoder, rows: int) -> None:
        super().__init__()
        self.net = scripted(decoder.net, rows)
        self.wave, self.loudness = scripted(decoder.wave, rows), scripted(decoder.loudness, rows)
        self.noise = scripted(decoder.noise, rows) if decoder.noise else None

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        """(B, latents, n), uniform noise in bands, to bands."""
        x = self.net(x)
        y = torch.tanh(self.wave(x)) * mod_sigmoid(self.loudness(x))
        if self.noise is not None:
            y = y + self.noise(x, noise)
        return y

    @torch.jit.export
    def forget(self) -> int:
        """Back to before the first frame."""
        if self.noise is not None:
            self.noise.forget()
        self.wave.forget()
        self.loudness.forget()
        return self.net.forget()


def generator(model: RAVE, rows: int) -> Any:
    """The model's."""
    if isinstance(model.decoder, Decoder):
        return Generator(model.decoder, rows)
    return FirstGenerator(model.decoder, rows)


class Chance(nn.Module):
    """`values` random numbers a frame: torch's own or, where a seed is given, always the same.

    Those are counted and hashed (Thomas Mueller's integer hash), frame by frame, so that neither the size of
    the blocks nor anybody else's randomness changes them.
    """

    drawn: Tensor  # (rows,) frames since the beginning

    def __init__(self, values: int, rows: int) -> None:
        super().__init__()
        self.values = values
        self.register_buffer("drawn", torch.zeros(rows, dtype=torch.long))

    @torch.jit.export
    def normal(self, batch: int, frames: int, seed: int) -> Tensor:
        """(B, values, frames), standard normal."""
        if seed == 0:
            return torch.randn([batch, self.values, frames], device=self.drawn.device)
        return torch.erfinv(2 * self.counted(batch, frames, seed) - 1) * 2**0.5

    @torch.jit.export
    def uniform(self, batch: int, frames: int, seed: int) -> Tensor:
        """(B, values, frames), in 0..1."""
        if seed == 0:
            return torch.rand([batch, self.values, frames], device=self.drawn.device)
        return self.counted(batch, frames, seed)

    def counted(self, batch: int, frames: int, seed: int) -> Tensor:
        """(B, values, frames), between 0 and 1, from what was drawn so far and the seed."""
        device = self.drawn.device
        frame = self.drawn[:batch, None, None] + torch.arange(frames, device=device)
        count = frame * self.values + torch.arange(self.values, device=device)[:, None]
        row = torch.arange(batch, device=device)[:, None, None]
        number = hashed(hashed(count) ^ hashed(row + seed * 7919))
        self.drawn[:batch] += frames
        return ((number >> 9).float() + 0.5) / 2**23

    @torch.jit.export
    def forget(self) -> int:
        """Back to the first frame."""
        self.drawn.zero_()
        return 0


def hashed(x: Tensor, mask: int = 0xFFFFFFFF) -> Tensor:
    """Whole numbers, scrambled to others of 32 bits."""
    x = x & mask
    x = (((x >> 16) ^ x) * 0x45D9F3B) & mask
    x = (((x >> 16) ^ x) * 0x45D9F3B) & mask
    return (x >> 16) ^ x
