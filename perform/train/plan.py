"""The plan of a training, and its fields as options of a command line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from perform.core.errors import WrongUse
from perform.rave.config import Config, preset

CHANGES = ("gain", "phase", "pitch", "compress", "mute")
"""Ways to change a sound (augmentation.py)."""
DISCRIMINATORS = ("period", "scale", "spectrum")
"""Kinds of discriminators (discriminators.py)."""
DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "float32", "mixed", "bfloat16")


@dataclass(frozen=True)
class TrainingPlan:
    """Everything a training is given."""

    corpus: Path
    """A folder of sounds, or a prepared corpus."""
    output: Path
    """The model file; checkpoints, the prepared corpus and the report go to `<output>.training`."""
    name: str
    description: str = ""
    licence: str = "unknown"
    recipe: str = ""
    config: Config = field(default_factory=Config)
    start: Path | None = None
    """A model file to go on from."""
    steps: int = 10_000
    """Steps of phase 1."""
    adversarial: int = 5_000
    """Steps of phase 2; every fourth trains the discriminators."""
    auto: bool = False
    """Whether phase 2 begins as soon as phase 1 has flattened."""
    latents: int | None = None
    """Latents to keep; None keeps as many as `fidelity` needs."""
    fidelity: float = 0.95
    """Share of the latents' variance to keep."""
    batch: int = 4
    """Crops a step, in each process."""
    crop: int | None = None
    """Samples of a crop, a multiple of the config's ratio; None takes `usual_crop`."""
    rate: float = 1e-3
    """Peak learning rate: reached after `steps` / 50, then a half cosine down to a hundredth."""
    adversarial_rate: float = 1e-4
    """Peak learning rate of phase 2, of model and discriminators; it falls as phase 1's does."""
    discriminator_weight: float = 0.25
    """Weight of the adversarial losses beside the spectral distance. The paper's 1 needs hundreds of
    thousands of steps: in 3,000 steps it worsened the bundled bells from a distance of 5.2 to 7.3."""
    beta: float | None = None
    """Weight of the bottleneck's penalty; it rises over the first quarter of phase 1. None takes BETA."""
    discriminators: tuple[str, ...] = DISCRIMINATORS[:2]
    changes: tuple[str, ...] = CHANGES[:2]
    """How crops are changed (augmentation.py)."""
    seed: int = 0
    threads: int = 1
    device: str = "auto"
    precision: str = "auto"
    """What is computed in bfloat16: nothing (`float32`), the discriminators (`mixed`), or the model too."""
    compile: bool = False
    """Whether to compile the nets with torch.compile."""
    resume: bool = False
    checkpoint: float = 5.0
    """Minutes between checkpoints: the most that a power cut loses."""
    evaluate_every: int = 500
    """Steps between measurements on held-out audio."""

    @property
    def folder(self) -> Path:
        """Where the checkpoints, the prepared corpus and the report are kept."""
        return self.output.with_name(self.output.name + ".training")


@dataclass(frozen=True)
class PlanOption:
    """A field of TrainingPlan on a command line, `--name`.

    kind : bool, int, float or str, or the values allowed
    least : the smallest number allowed;  many : whether it takes several values, with commas
    """

    name: str
    kind: type[bool] | type[int] | type[float] | type[str] | tuple[str, ...]
    help: str
    least: int | None = None
    many: bool = False
    alias: str | None = None
    """An older name, which still works and is not shown."""

    @property
    def field(self) -> str:
        """Its name in TrainingPlan."""
        return self.name.replace("-", "_")

    @property
    def default(self) -> Any:
        """The value if it is left out."""
        return TrainingPlan.__dataclass_fields__[self.field].default


OPTIONS = (
    PlanOption("description", str, "One line for the model's card."),
    PlanOption("licence", str, "Licence of the weights."),
    PlanOption("recipe", str, "Where the recipe is written down, for the model's card."),
    PlanOption("steps", int, "Steps of phase 1, which learns spectra.", 1),
    PlanOption("adversarial", int, "Steps of phase 2, with discriminators; 0: none.", 0),
    PlanOption("auto", bool, "Begin phase 2 when phase 1 has flattened; --steps is then the most."),
    PlanOption("latents", int, "Latents to keep; if left out, as many as --fidelity needs.", 1),
    PlanOption("fidelity", float, "Share of the latents' variance to keep, 0..1."),
    PlanOption("batch", int, "Crops a step, in each process.", 1),
    PlanOption("crop", int, "Samples of a crop; if left out, the usual for the config.", 1),
    PlanOption("rate", float, "Peak learning rate."),
    PlanOption("beta", float, "Weight of the bottleneck's penalty; if left out, the usual one."),
    PlanOption("discriminators", DISCRIMINATORS, "Discriminators of phase 2.", many=True, alias="critics"),
    PlanOption(
        "discriminator-weight",
        float,
        "Weight of their losses beside the spectral distance; 1 for long trainings.",
        alias="critics-weight",
    ),
    PlanOption("changes", (*CHANGES, "none"), "Random changes to the crops (data augmentation).", many=True),
    PlanOption("seed", int, "Random seed of weights, crops and noise.", 0),
    PlanOption("device", DEVICES, "Device to compute on."),
    PlanOption("precision", PRECISIONS, "Computed in bfloat16: nothing, the discriminators (mixed), all."),
    PlanOption("compile", bool, "Compile the nets first (torch.compile)."),
    PlanOption("resume", bool, "Go on from the last checkpoint."),
    PlanOption("checkpoint", float, "Minutes between checkpoints, the most that a power cut loses."),
    PlanOption("evaluate-every", int, "Steps between measurements on held-out sound.", 1),
)
"""The options of both `perform train` and `python -m perform.train`."""


def chosen_values(text: str, option: PlanOption) -> tuple[str, ...]:
    """The values in a text with commas, each one of `option.kind`; `none` stands for an empty list."""
    found = tuple(value.strip() for value in text.split(",") if value.strip())
    for value in found:
        if value not in option.kind:  # type: ignore[operator]
            hint = f"there are {', '.join(option.kind)}"  # type: ignore[arg-type]
            raise WrongUse(f"unknown value {value!r}", where=f"--{option.name}", hint=hint)
    return () if found == ("none",) else found


def configured(name: str, changes: tuple[str, ...]) -> Config:
    """A preset with some keys changed, each as KEY=VALUE with a JSON value."""
    values = preset(name).to_dict()
    for change in changes:
        key, equals, value = change.partition("=")
        try:
            values[key] = json.loads(value) if equals else None
        except ValueError:
            values[key] = value
    return Config.from_dict(values)


def planned(values: Mapping[str, Any]) -> TrainingPlan:
    """A plan from a command line's values: the fields of TrainingPlan, `config` (a name), `set`, `from`."""
    values = dict(values)
    config, changes, start = (values.pop(key) for key in ("config", "set", "from"))
    for option in OPTIONS:
        if option.alias and (old := values.pop(option.alias.replace("-", "_"), None)) is not None:
            values[option.field] = old
        if option.many:
            values[option.field] = chosen_values(values[option.field], option)
    if not start:
        return TrainingPlan(**values, config=configured(config or "live", changes))
    if config or changes:
        raise WrongUse("--from takes the model's own config", hint="leave --config and --set out")
    return TrainingPlan(**values, config=_config_of(start), start=start)


def _config_of(path: Path) -> Config:
    from perform.rave.model_files import load

    return replace(load(path).config, prior=None)


def check(plan: TrainingPlan, least: int) -> None:
    """Raise WrongUse for a plan that cannot be trained. least : samples of the shortest crop allowed."""
    config = plan.config
    if config.resampling > 1:
        hint = (
            f"train another at {config.sample_rate // config.resampling} Hz: --config, --set sample_rate=..."
        )
        raise WrongUse("a model with its own resampler cannot be trained", hint=hint)
    if plan.latents is not None and config.bottleneck != "variational":
        hint = "leave --latents out"
        raise WrongUse(f"a {config.bottleneck} model keeps all {config.most_latents} latents", hint=hint)
    if plan.latents is not None and not 1 <= plan.latents <= config.full_latents:
        raise WrongUse(
            f"{plan.latents} latents asked for", hint=f"this config has 1 to {config.full_latents}"
        )
    if not 0 < plan.fidelity <= 1:
        raise WrongUse(f"a fidelity of {plan.fidelity}", hint="more than 0, at most 1")
    if plan.crop is not None and (plan.crop % config.ratio or plan.crop < least):
        hint = f"a multiple of {config.ratio}, {least} at least"
        raise WrongUse(f"a crop of {plan.crop} samples", hint=hint)
    for option in OPTIONS:
        value = getattr(plan, option.field)
        if option.least is not None and value is not None and value < option.least:
            raise WrongUse(f"{value} is too few", where=f"--{option.name}", hint=f"{option.least} or more")
    if plan.threads < 1:
        raise WrongUse(f"{plan.threads} is too few", where="--threads", hint="1 or more")
    if plan.checkpoint < 0:
        raise WrongUse(f"{plan.checkpoint:g} minutes", where="--checkpoint", hint="0 or more")
    if not plan.rate > 0:
        raise WrongUse(f"a learning rate of {plan.rate:g}", where="--rate", hint="more than 0, usually 0.001")
    if plan.adversarial and not plan.discriminators:
        raise WrongUse("phase 2 needs discriminators", hint="--discriminators, or --adversarial 0")
