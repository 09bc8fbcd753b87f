"""Random numbers inside an export, from torch or repeatable by a seed."""

import torch
from torch import Tensor, nn


class RandomSource(nn.Module):
    """`values` random numbers per frame: from torch or, with a seed, always the same.

    Seeded ones are a hash (Thomas Mueller's integer hash) of seed, row, frame and place. So they depend
    neither on the size of the blocks nor on other users of torch's generator.
    """

    drawn: Tensor  # (rows,) frames since the reset

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
        """(B, values, frames), between 0 and 1: a hash of the seed and of the frames drawn so far."""
        device = self.drawn.device
        frame = self.drawn[:batch, None, None] + torch.arange(frames, device=device)
        count = frame * self.values + torch.arange(self.values, device=device)[:, None]
        row = torch.arange(batch, device=device)[:, None, None]
        number = hashed(hashed(count) ^ hashed(row + seed * 7919))
        self.drawn[:batch] += frames
        return ((number >> 9).float() + 0.5) / 2**23

    def reset(self) -> int:
        """Return to the first frame; the result is 0."""
        self.drawn.zero_()
        return 0


def hashed(x: Tensor, mask: int = 0xFFFFFFFF) -> Tensor:
    """Whole numbers to pseudo-random whole numbers of 32 bits."""
    x = x & mask
    x = (((x >> 16) ^ x) * 0x45D9F3B) & mask
    x = (((x >> 16) ^ x) * 0x45D9F3B) & mask
    return (x >> 16) ^ x
