"""The bottleneck of a model as one module with `encode` and `decode`, as `Codebooks` has them.

Exports hold its tensors as `bottleneck.mean`, `bottleneck.pca`, `bottleneck.entries`.
"""

from torch import Tensor, nn

from perform.rave.bottleneck import Codebooks, angles, directions, project, unproject
from perform.rave.model import RAVE


class Projection(nn.Module):
    """The PCA of a variational bottleneck."""

    mean: Tensor  # (full_latents,)
    pca: Tensor  # (full_latents, full_latents)

    def __init__(self, model: RAVE) -> None:
        super().__init__()
        self.latents = model.latents
        self.register_buffer("mean", model.latent_mean)
        self.register_buffer("pca", model.latent_pca)

    def encode(self, y: Tensor) -> Tensor:
        """The encoder's output, mean and scale (B, 2 x full, n), to latents (B, latents, n)."""
        return project(y.chunk(2, 1)[0], self.mean, self.pca[: self.latents])

    def decode(self, z: Tensor) -> Tensor:
        """All latents (B, full, n) to the decoder's input."""
        return unproject(z, self.mean, self.pca)


class Sphere(nn.Module):
    """A spherical bottleneck: the latents are angles."""

    def encode(self, y: Tensor) -> Tensor:
        """The encoder's output (B, full, n) to angles (B, full - 1, n)."""
        return angles(y)

    def decode(self, z: Tensor) -> Tensor:
        """Angles to the decoder's input."""
        return directions(z)


class Unchanged(nn.Module):
    """The bottleneck of a Wasserstein model, which changes nothing."""

    def encode(self, y: Tensor) -> Tensor:
        """The encoder's output is the latents."""
        return y

    def decode(self, z: Tensor) -> Tensor:
        """The latents are the decoder's input."""
        return z


class PitchAndTimbre(nn.Module):
    """A pitched bottleneck: what is measured, and the mean of the timbre."""

    def __init__(self, latents: int) -> None:
        super().__init__()
        self.latents = latents

    def encode(self, y: Tensor) -> Tensor:
        """The encoder's output (B, 3 + 2 x timbre, n) to latents (B, 3 + timbre, n)."""
        return y[:, : self.latents]

    def decode(self, z: Tensor) -> Tensor:
        """The latents are the decoder's input."""
        return z


def bottleneck_module(model: RAVE) -> Projection | Sphere | Codebooks | Unchanged | PitchAndTimbre:
    """The bottleneck of a model; it shares the model's tensors."""
    match model.config.bottleneck:
        case "variational":
            return Projection(model)
        case "spherical":
            return Sphere()
        case "discrete":
            return model.codebooks
        case "pitched":
            return PitchAndTimbre(model.latents)
        case _:
            return Unchanged()
