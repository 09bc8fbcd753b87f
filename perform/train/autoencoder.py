"""A model as it is trained: sound in, the same sound back in step, a penalty on what lies between."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from perform.rave import offline
from perform.rave.model import RAVE
from perform.train.bottlenecks import QuantizerTraining, pass_bottleneck
from perform.train.losses import distance


class Passed:
    """What a batch became: x and y (B, channels, n), their bands, the penalty, and what the encoder made."""

    def __init__(
        self, x: Tensor, y: Tensor, x_bands: Tensor, y_bands: Tensor, penalty: Tensor, embedding: Tensor
    ) -> None:
        self.x, self.y, self.x_bands, self.y_bands = x, y, x_bands, y_bands
        self.penalty, self.embedding = penalty, embedding

    def distance(self) -> Tensor:
        """Of the output from the input, full band and multiband."""
        return distance(self.x, self.y, self.x_bands, self.y_bands)


class Autoencoder(nn.Module):
    """A model and how it learns.

    Where convolutions end at the newest sample (`live`) training hears the stream itself. Elsewhere it hears
    the whole crop at once, as upstream's does: nothing is late, and no crop is too short for the delays to
    add up. A stream of what was trained so is the same, later.
    """

    def __init__(self, model: RAVE, seed: int) -> None:
        super().__init__()
        self.model = model
        self.quantizers = QuantizerTraining(model.codebooks, seed) if hasattr(model, "codebooks") else None
        self.frozen = False
        """Whether the encoder learns no more (phase 2)."""

    def freeze(self) -> None:
        """Leave the encoder as it is from now on."""
        self.frozen = True
        self.model.encoder.requires_grad_(False)

    def forward(self, x: Tensor, dice: Tensor, noise: Tensor | None) -> tuple[Tensor, ...]:
        """A batch (B, channels, n * ratio) to what Passed is made of.

        dice : (B, dice_rows, n), normal;  noise : (B, channels x bands, band samples), uniform in -1..1
        """
        model, streamed = self.model, self.model.config.padding == "newest"
        with torch.no_grad():
            x_bands = (
                model.analyse(x, model.pqmf.analysis_state(len(x) * model.config.channels))[0]
                if streamed
                else offline.analyse(model, x)
            )
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            embedding = (
                model.encoder(x_bands, model.encoder.init_state(len(x)))[0]
                if streamed
                else offline.whole(model.encoder.net, x_bands)
            )
            z, penalty = self._bottleneck(embedding, dice)
        if streamed:
            y_bands, _ = model.decoder(z, model.decoder.init_state(len(x)), noise)
        else:
            y_bands = offline.generate(model, z, noise)
        with torch.autocast(x.device.type, enabled=False):
            y_bands = y_bands.float()
            y = (
                model.synthesise(y_bands, model.pqmf.synthesis_state(len(x) * model.config.channels))[0]
                if streamed
                else offline.synthesise(model, y_bands)
            )
        return x, y, x_bands, y_bands, penalty, embedding.detach()

    def _bottleneck(self, embedding: Tensor, dice: Tensor) -> tuple[Tensor, Tensor]:
        with torch.autocast(embedding.device.type, enabled=False):
            embedding = embedding.float()
            if self.quantizers:
                z, penalty = self.quantizers(self.model.codebooks, embedding)
                return torch.cat([z, dice], 1), penalty
            return pass_bottleneck(self.model.config, embedding, dice)

    def compare(self, parts: tuple[Tensor, ...]) -> Passed:
        """What `forward` gave, brought in step, without the edges where a crop's silence is heard."""
        x, y, x_bands, y_bands, penalty, embedding = parts
        late, edge = self.late, self.edge
        length = x.shape[-1] - late
        x, y = x[..., edge : length - edge], y[..., late + edge : late + length - edge]
        if edge:
            bands = edge // self.model.config.bands
            x_bands, y_bands = x_bands[..., bands:-bands], y_bands[..., bands:-bands]
        return Passed(x, y, x_bands, y_bands, penalty, embedding)

    @property
    def late(self) -> int:
        """Samples by which the output comes after the input as it is trained."""
        model = self.model
        taps = model.pqmf.analysis_kernel.shape[-1]
        return {"newest": model.pqmf.delay, "causal": taps - 1, "centred": 0}[model.config.padding]

    @property
    def edge(self) -> int:
        """Samples that are not compared at either end: as far as a centred model sees to its right."""
        return self.model.delay // 2 // self.model.ratio * self.model.ratio if self.late == 0 else 0


def least_crop(model: RAVE) -> int:
    """Samples that a crop must have at least."""
    ratio, least = model.ratio, 4096
    if model.config.padding == "centred":
        least = max(least, 2 * model.delay)
    return -(-least // ratio) * ratio


def usual_crop(model: RAVE) -> int:
    """Samples of a crop where nobody says: two thirds of a second, and more for what hears far."""
    usual = 32_768 if model.config.padding == "newest" else 65_536
    return max(usual, -(-3 * model.delay // 16_384) * 16_384)
