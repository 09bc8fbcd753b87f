"""Braille graphics: each character cell holds 2 x 4 dots."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

ACROSS, DOWN = 2, 4
_BITS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], np.uint32)
_BLANK, _SPACE = 0x2800, 0x20

Dots = npt.NDArray[np.bool_]  #: (DOWN x lines, ACROSS x cells), the first row on top


def blank(lines: int, cells: int) -> Dots:
    """A grid without dots."""
    return np.zeros((DOWN * lines, ACROSS * cells), bool)


def text(dots: Dots) -> list[str]:
    """One string a line; a cell without dots is a space."""
    rows, columns = dots.shape
    cells = dots.reshape(rows // DOWN, DOWN, columns // ACROSS, ACROSS)
    codes = np.einsum("ldca,da->lc", cells, _BITS)  # -> (lines, cells)
    codes = np.where(codes, codes + _BLANK, _SPACE).astype("<u4")
    return [line.tobytes().decode("utf-32-le") for line in codes]
