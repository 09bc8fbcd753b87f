"""`train`: a folder of sound to a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from perform.cli.words import json_option, progress, say, show


@click.command()
@click.argument("corpus", type=click.Path(path_type=Path))
@click.option(
    "-o", "--out", required=True, type=click.Path(path_type=Path), help="The .safetensors to write."
)
@click.option("--name", help="The model's name; the file's if left out.")
@click.option("--description", default="", help="One line for its card.")
@click.option("--licence", default="unknown", show_default=True, help="Licence of the weights.")
@click.option("--recipe", default="", help="Where its recipe is written down, for its card.")
@click.option("--config", "config_name", default="live", show_default=True, help="live, v1, v2, causal ...")
@click.option("--steps", type=click.IntRange(1), default=10000, show_default=True, help="Training steps.")
@click.option("--latents", type=click.IntRange(1), help="Latents to keep; enough for 95 % if left out.")
@click.option("--batch", type=click.IntRange(1), default=4, show_default=True, help="Crops a step.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of weights, crops and chance.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="CPU threads.")
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint.")
@json_option
def train(corpus: Path, out: Path, name: str | None, config_name: str, as_json: bool, **options: Any) -> None:
    """Train a RAVE on a folder of sound files; ctrl-c saves, --resume goes on."""
    from perform.rave.config import preset
    from perform.rave.train import Progress, TrainOptions
    from perform.rave.train import train as learn

    plan = TrainOptions(
        corpus=corpus, output=out, name=name or out.stem, config=preset(config_name), **options
    )
    with progress(f"training {plan.name}", plan.steps, "steps") as on_progress:

        def moved(step: Progress) -> None:
            on_progress(step.step, f"loss {step.loss:.2f}  held-out distance {step.distance:.2f}")

        model = learn(plan, moved, lambda path, why: say(f"skipped {path}: {why}"))
    card = model.card
    distances = {key: card[key] for key in ("distance", "distance_untrained")}
    say("held-out distance {distance:.2f} (untrained {distance_untrained:.2f})".format(**distances))
    show(out, as_json, path=str(out), **distances)
