"""The report of a training: an HTML page with curves, spectrograms, sounds and latents. [disk]

matplotlib draws the pictures; pictures and sounds are embedded in the page.
"""

from __future__ import annotations

import base64
import html
import io
import sys
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from perform.core.files import write_atomically
from perform.train.corpus import quantise
from perform.train.finishing import FinishedModel
from perform.train.health import Measurement, improvement
from perform.train.losses import spectra

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLE = """
body { font: 15px sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em }
img { max-width: 100% } td { padding-right: 1em }
"""
SIZE = 1024
"""STFT size of the spectrograms, samples."""
CARD_ROWS = (
    *("name", "corpus", "steps", "hours", "hardware", "latents", "full_latents", "loudness_db"),
    *("delay", "delay_measured"),
)


def write_report(path: Path, history: Sequence[Measurement], finished: FinishedModel) -> str:
    """Write the page if matplotlib is installed; return a message that says where it is, or why not."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        command = f"{sys.executable} -m pip install matplotlib"
        return f"no report without matplotlib: {command}, then --resume writes it"
    model = finished.model
    card, rate = model.card, model.config.sample_rate
    title = html.escape(str(card["name"]))
    parts = [f"<h1>{title}</h1>", _table(card)]
    parts += ["<h2>Learning</h2>", _picture(_curves(Figure, history, card))]
    parts.append("<h2>Held-out sounds</h2>")
    for index, (x, y) in enumerate(finished.examples):
        parts.append(_picture(_spectrograms(Figure, x, y, rate)))
        parts.append(f"<p>input {_sound(x, rate)} output {_sound(y, rate)}</p>")
        if index == 0:
            whole = x.shape[-1] // model.ratio * model.ratio
            z, _ = model.encode(x[None][..., :whole], model.encoder_state(1))
            parts.append(_picture(_traces(Figure, z[0], rate / model.ratio)))
    page = f"<!doctype html><meta charset=utf-8><title>{title}</title><style>{STYLE}</style>"
    write_atomically(path, (page + "\n".join(parts)).encode())
    return f"report: {path}"


def _table(card: dict[str, Any]) -> str:
    distance, untrained = card["distance"], card["distance_untrained"]
    better = f"{improvement(distance, untrained):.0f} % better than untrained ({untrained})"
    rows = [(key, card[key]) for key in CARD_ROWS if key in card]
    rows += [("distance on held-out sound", f"{distance}, {better}")]
    rows += [("... with only the kept latents", card["distance_kept"])]
    rows += [("on held-out sound", line) for line in card["checks"]]
    cells = "".join(f"<tr><td>{html.escape(str(a))}<td>{html.escape(str(b))}" for a, b in rows)
    return f"<table>{cells}</table>"


def _curves(figure_of: type[Figure], history: Sequence[Measurement], card: dict[str, Any]) -> Figure:
    figure = figure_of(figsize=(9, 3), layout="tight")
    left, right = figure.subplots(1, 2)
    for phase in (1, 2):
        of = [measured for measured in history if measured.phase == phase]
        left.plot([m.step for m in of], [m.distance for m in of], ".-", label=f"phase {phase}")
        right.plot([m.step for m in of], [m.loss for m in of], ".-", label=f"phase {phase}")
    left.axhline(card["distance_untrained"], ls=":", label="untrained")
    left.set(xlabel="step", ylabel="held-out distance", ylim=(0, None))
    right.set(xlabel="step", ylabel="training loss", ylim=(0, None))
    left.legend()
    return figure


def _spectrograms(figure_of: type[Figure], x: Tensor, y: Tensor, rate: int) -> Figure:
    figure = figure_of(figsize=(9, 3), layout="tight")
    extent = (0, x.shape[-1] / rate, 0, rate / 2000)
    for axes, title, sound in zip(
        figure.subplots(1, 2, sharey=True), ("input", "output"), (x, y), strict=True
    ):
        level = 20 * torch.log10(spectra(sound.mean(0, keepdim=True), SIZE)[0].abs() + 1e-5).T
        axes.imshow(
            level.numpy(), origin="lower", aspect="auto", vmin=-90, vmax=0, extent=extent, cmap="magma"
        )
        axes.set(title=title, xlabel="s", ylabel="kHz" if title == "input" else "")
    return figure


def _traces(figure_of: type[Figure], z: Tensor, frames_per_s: float) -> Figure:
    figure = figure_of(figsize=(9, 2.5), layout="tight")
    axes = figure.add_subplot()
    time = np.arange(z.shape[-1]) / frames_per_s
    for index, trace in enumerate(z[:8].numpy()):
        axes.plot(time, trace, label=f"z{index}", lw=1)
    axes.set(xlabel="s", title="latents of the first sound", xlim=(0, None))
    axes.legend(ncols=8, fontsize="small")
    return figure


def _picture(figure: Figure) -> str:
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=100)
    return f'<img src="data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}">'


def _sound(x: Tensor, rate: int) -> str:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((len(x), 2, rate, 0, "NONE", ""))
        file.writeframes(quantise(x.numpy()).tobytes())
    data = base64.b64encode(out.getvalue()).decode()
    return f'<audio controls src="data:audio/wav;base64,{data}"></audio>'
