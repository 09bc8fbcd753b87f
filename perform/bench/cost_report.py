"""What was measured, as a table and as a picture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from perform.bench.measure import CostRow
from perform.core.errors import PerformError, WrongUse


def table(rows: Iterable[CostRow]) -> str:
    """A line a method and block."""
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


def crowds(rows: Iterable[CostRow]) -> str:
    """Two lines a model: decks with models of their own, and decks that share one."""
    lines = [f"{'ms a frame of so many decks':<28}" + "".join(f"{decks:>8}" for decks in range(1, 9))]
    for row in rows:
        if crowd := row.crowd:
            for what, times, more in (
                ("own models", crowd.own_ms, f"slope {100 * crowd.slope_error:+.1f} %"),
                ("one model", crowd.shared_ms, f"{crowd.mb_per_deck:.1f} MB a deck"),
            ):
                numbers = "".join(f"{ms:>8.3f}" for ms in times)
                lines.append(f"{row.model:<16.16} {what:<11}{numbers}  {more}")
            lines[-1] += f", first sound in {crowd.first_sound_ms:.0f} ms"
    return "\n".join(lines)


def check_picture(out: Path) -> None:
    """See, before anything is measured, that a picture can be drawn and written."""
    if not out.parent.is_dir():
        raise WrongUse("no such folder", where=str(out.parent), hint="make it, or name a file elsewhere")
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
    except ImportError:
        hint = "pip install 'perform[plot]'"
        raise PerformError("matplotlib, which draws the picture, is not installed", hint=hint) from None
    if out.suffix[1:] not in FigureCanvasAgg.get_supported_filetypes():
        raise WrongUse("no kind of picture", where=str(out), hint="name a .png, .svg or .pdf")


def plot(rows: Sequence[CostRow], out: Path) -> None:
    """Cost against the number of decks, as a picture of the kind that the name ends in. [disk]"""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    for row in rows:
        if not (crowd := row.crowd):
            continue
        decks = range(1, len(crowd.own_ms) + 1)
        (line,) = axes.plot(decks, crowd.own_ms, "o-", label=f"{row.model}, models of their own")
        axes.plot(decks, crowd.shared_ms, "s--", color=line.get_color(), label=f"{row.model}, one model")
    axes.set(xlabel="decks", ylabel="ms a frame of each, one core", xlim=(0, None), ylim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(out, dpi=150)
