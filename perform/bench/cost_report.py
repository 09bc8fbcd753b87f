"""The measured times of models, as tables and as a picture."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from perform.bench.measure import CostRow
from perform.core.errors import PerformError, WrongUse


def table(rows: Iterable[CostRow]) -> str:
    """Return a table with a line for each method and block."""
    head = (
        f"{'model':<16} {'method':<8} {'block':>6} {'period':>8} {'median':>8} {'p95':>8} {'p99.9':>8}"
        f" {'TorchScript':>11} {'roofline':>8} {'decks':>6} {'delay':>8} {'latency':>8}"
    )
    lines = [head]
    for row in rows:
        latency = "" if row.latency_ms is None else f"{row.latency_ms:.1f} ms"
        lines.append(
            f"{row.model:<16.16} {row.method:<8} {row.block:>6} {row.period_ms:>5.1f} ms"
            f" {row.ms_median:>8.3f} {row.ms_p95:>8.3f} {row.ms_p999:>8.3f}"
            f" {f'{row.ratio_torchscript:.1f} x':>11} {f'{row.ratio_roofline:.2f} x':>8} {row.decks:>6}"
            f" {row.delay_ms:>5.1f} ms {latency:>8}"
        )
    return "\n".join(lines)


def decks_table(rows: Iterable[CostRow]) -> str:
    """Return a table with two lines for each model: decks with separate models, and decks with one model."""
    lines = [f"{'ms per frame of N decks':<29}" + "".join(f"{decks:>8}" for decks in range(1, 9))]
    for row in rows:
        if cost := row.decks_cost:
            for what, times, more in (
                ("N models", cost.separate_ms, f"slope {100 * cost.slope_error:+.1f} %"),
                ("one model", cost.shared_ms, f"{cost.mb_per_deck:.1f} MB per deck"),
            ):
                values = "".join(f"{ms:>8.3f}" for ms in times)
                lines.append(f"{row.model:<16.16} {what:<12}{values}  {more}")
            lines[-1] += f", first sound in {cost.first_sound_ms:.0f} ms"
    return "\n".join(lines)


def check_picture(out: Path) -> None:
    """Raise an error before the measurement if the picture could not be drawn or written."""
    if not out.parent.is_dir():
        raise WrongUse("no such folder", where=str(out.parent), hint="make it, or choose another folder")
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
    except ImportError:
        hint = f"{sys.executable} -m pip install matplotlib"
        raise PerformError("the picture needs matplotlib, which is not installed", hint=hint) from None
    if out.suffix[1:] not in FigureCanvasAgg.get_supported_filetypes():
        raise WrongUse("unknown picture format", where=str(out), hint="name a .png, .svg or .pdf file")


def plot(rows: Sequence[CostRow], out: Path) -> None:
    """Draw the time per frame against the number of decks; the file's suffix is the format. [disk]"""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    for row in rows:
        if not (cost := row.decks_cost):
            continue
        decks = range(1, len(cost.separate_ms) + 1)
        (line,) = axes.plot(decks, cost.separate_ms, "o-", label=f"{row.model}, separate models")
        axes.plot(decks, cost.shared_ms, "s--", color=line.get_color(), label=f"{row.model}, one model")
    axes.set(xlabel="decks", ylabel="ms for a frame of each deck, one core", xlim=(0, None), ylim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(out, dpi=150)
