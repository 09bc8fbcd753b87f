"""The curve of a trace as dots: the range of its values in each column, and the edges of the trace."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from perform.tui import braille
from perform.tui.axes import corpus_range
from perform.tui.screen_frame import ScreenFrame
from perform.tui.trace_history import TraceSamples

_EDGES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 64.0)  #: sigma

Edges = npt.NDArray[np.floating]  #: (dots,) sigma; NaN: no value


def corpus_edge(frame: ScreenFrame, deck: int, latent: int) -> float:
    """Smallest upper edge of a trace, in sigma: the range of the corpus."""
    return max(map(abs, corpus_range(frame, deck, latent) or (0.0,)))


def column_ranges(samples: TraceSamples, step: int) -> tuple[TraceSamples, TraceSamples]:
    """The lowest and the highest value of each column of `step` samples, (columns, 2, LATENTS)."""
    columns = samples.reshape(-1, step, *samples.shape[1:])
    return np.fmin.reduce(columns, axis=1), np.fmax.reduce(columns, axis=1)


def upper_edge(low: Edges, high: Edges, least: float) -> float:
    """The edge of a trace, in sigma, that shows all of these values, and shows `least`."""
    reach = np.nan_to_num(np.abs([low, high])).max()
    return next((edge for edge in _EDGES if edge >= max(reach, least)), _EDGES[-1])


def line_dots(low: Edges, high: Edges, edge: float, tall: int) -> braille.Dots:
    """All dots between lowest and highest values in `tall` lines, joined to the column before."""
    before_low, before_high = (np.concatenate(([np.nan], one[:-1])) for one in (low, high))
    gone = np.isnan(low)
    low, high = np.fmin(low, before_high), np.fmax(high, before_low)
    low[gone] = high[gone] = np.nan
    return range_dots(low, high, edge, tall)


def range_dots(low: Edges, high: Edges, edge: float, tall: int) -> braille.Dots:
    """All dots between lowest and highest values, column by column; none for NaN."""
    rows = braille.DOWN * tall
    with np.errstate(invalid="ignore"):
        top, bottom = (np.clip(np.floor((1 - z / edge) / 2 * rows), 0, rows - 1) for z in (high, low))
        at = np.arange(rows)[:, None]
        return np.asarray((at >= top) & (at <= bottom))
