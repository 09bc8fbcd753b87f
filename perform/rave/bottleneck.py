"""Bottlenecks, from the encoder's output to latents and back: a projection (PCA), angles, codebooks.

Each maps (B, dimensions, n) to (B, latents, n) and back, frame by frame.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import conv1d

from perform.rave.model_layers import SMALLEST_NORM


def project(mean: Tensor, centre: Tensor, components: Tensor) -> Tensor:
    """A posterior's mean (B, full, n) to latents (B, latents, n): its distance from `centre`, by component.

    centre : (full,);  components : (latents, full), orthonormal rows of a PCA, most variance first
    """
    return conv1d(mean - centre[:, None], components[:, :, None])


def unproject(latents: Tensor, centre: Tensor, components: Tensor) -> Tensor:
    """The inverse of `project`, given all components (full, full): (B, full, n) to (B, full, n)."""
    return conv1d(latents, components.T[:, :, None]) + centre[:, None]


def angles(x: Tensor, tiny: float = SMALLEST_NORM) -> Tensor:
    """Directions of vectors (B, size, n) as angles (B, size - 1, n) in -1..1.

    Hyperspherical coordinates: all but the last angle span half a turn, the last a whole one. A zero vector
    gets finite angles too.
    """
    norms = (
        x.square().flip([1]).cumsum(1).flip([1]).sqrt()[:, :-1]
    )  # norm of the vector's components from each one on
    angle = torch.arccos((x[:, :-1] / norms.clamp(min=tiny)).clamp(-1, 1))
    last = torch.where(x[:, -1:] >= 0, angle[:, -1:], 2 * math.pi - angle[:, -1:])
    turns = torch.cat([angle[:, :-1] / math.pi, last / (2 * math.pi)], 1)  # 0..1
    return 2 * turns - 1


def directions(z: Tensor) -> Tensor:
    """Angles (B, size - 1, n), any number of turns, to unit vectors (B, size, n)."""
    turns = torch.remainder(z / 2 + 0.5, 1)
    angle = torch.cat([turns[:, :-1] * math.pi, turns[:, -1:] * (2 * math.pi)], 1)
    one = torch.ones_like(angle[:, :1])
    return torch.cat([angle.cos(), one], 1) * torch.cat([one, angle.sin().cumprod(1)], 1)


class Codebooks(nn.Module):
    """Residual vector quantisation (SoundStream, arXiv 2107.03312, algorithm 1): each book refines the last.

    A latent is the index of an entry in its book, as a float.
    """

    entries: Tensor  # (books, size, dimensions)

    def __init__(self, books: int, size: int, dimensions: int) -> None:
        super().__init__()
        self.register_buffer("entries", torch.randn(books, size, dimensions) / dimensions**0.5)

    def encode(self, x: Tensor) -> Tensor:
        """(B, dimensions, n) -> the indices of the nearest entries (B, books, n)."""
        rest, numbers = x.transpose(1, 2), []  # (B, n, dimensions)
        for book in self.entries.unbind(0):
            number = nearest(rest, book)  # (B, n)
            rest = rest - book[number]
            numbers.append(number)
        return torch.stack(numbers, 1).to(x.dtype)

    def decode(self, z: Tensor) -> Tensor:
        """Indices (B, books, n), any reals, to the sum of their entries (B, dimensions, n)."""
        numbers = z.clamp(0, self.entries.shape[1] - 1).long()
        x = self.entries[0][numbers[:, 0]]  # (B, n, dimensions)
        for i in range(1, self.entries.shape[0]):
            x = x + self.entries[i][numbers[:, i]]
        return x.transpose(1, 2)


def nearest(x: Tensor, book: Tensor) -> Tensor:
    """Indices of the entries of a book (size, dimensions) that are nearest to (..., dimensions)."""
    distance = book.square().sum(1) - 2 * x @ book.T  # without the term that is the same for all entries
    return distance.argmin(-1)
