"""The map from macros to latents that passes through a player's examples.

Normalised radial basis functions (Moody and Darken 1989; Broomhead and Lowe 1988): each example has a
Gaussian around its macros, half as wide as the way to the nearest other example. The Gaussians are divided by
their sum, and their weights are solved so that the map passes through every example. It is smooth, and
constant where all examples agree. Making a mapping from examples is the idea of the Wekinator (Fiebrink,
Trueman and Cook, NIME 2009); the regressors of FluCoMa (Tremblay, Roma and Green, Computer Music Journal
2021) do it in Max and SuperCollider; Bencina's Metasurface (NIME 2005) did it with presets on a plane.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from perform.core.params import Table

WIDTH = 0.5  #: standard deviation of a Gaussian, as a part of the way to the nearest other example


class ExampleMap:
    """Some examples, which have different macros.

    macros  : (examples, MACROS); a macro that is equal in all examples does not count
    latents : (examples, latents) sigma
    """

    def __init__(self, macros: Table, latents: Table) -> None:
        self._inputs = np.flatnonzero(np.ptp(macros, axis=0) > 0)
        self._centres = macros[:, self._inputs]
        apart = np.linalg.norm(self._centres[:, None] - self._centres[None], axis=2)  # (K, K)
        np.fill_diagonal(apart, np.inf)
        self._widths = WIDTH * np.min(apart, axis=1, initial=np.inf)
        bases = np.array([self._bases(centre) for centre in self._centres])  # (K, K)
        self._weights = np.linalg.lstsq(bases, latents, rcond=None)[0]  # (K, latents)
        self.low, self.high = latents.min(axis=0), latents.max(axis=0)  #: (latents,) range of the examples

    def latents(self, macros: Table, low: Table, high: Table) -> npt.NDArray[np.float64]:
        """Return the latents (latents,) at a position of the macros (MACROS,).

        low, high : (latents,) they stay within this range, extended to that of the examples
        """
        z: npt.NDArray[np.float64] = self._bases(macros[self._inputs]) @ self._weights
        return z.round(9).clip(np.minimum(low, self.low), np.maximum(high, self.high))

    def _bases(self, at: Table) -> npt.NDArray[np.float64]:
        exponents = -0.5 * np.sum(np.square((self._centres - at) / self._widths[:, None]), axis=1)
        bases = np.exp(exponents - exponents.max())
        return np.asarray(bases / bases.sum())
