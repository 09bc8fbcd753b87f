"""The options of a training, for the code and for the command line."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from perform.core.errors import WrongUse
from perform.core.paths import to_text
from perform.rave.combined_config import combined
from perform.rave.config import MEASURED, Config

CHANGES = ("gain", "phase", "pitch", "compress", "mute", "normalize")
"""Random changes to crops, for data augmentation (augmentation.py)."""
DISCRIMINATORS = ("period", "scale", "spectrum")
"""Kinds of discriminators (discriminators.py)."""
LOSSES = ("distance", "energy")
"""The spectral distance (losses.py), or the energy distance, which learns noise (energy_distance.py)."""
CARD_ENTRIES = ("name", "description", "licence", "recipe")
"""The entries of the model's card that the player writes."""
DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "float32", "mixed", "bfloat16")
PHASE_2_PAYS = 50_000
"""Steps of phase 1 from which phase 2 can make a model better. In trainings of 1,000 to 8,000 steps it raised
the distance on held-out sound by 3 to 10 %, ours and acids-rave's alike."""
PHASE_2_STEPS = 5_000


@dataclass(frozen=True)
class TrainingPlan:
    """The options of a training."""

    corpus: tuple[Path, ...]
    """Folders of sound files, or one prepared corpus."""
    output: Path
    """The model file. The folder `<output>.training` holds checkpoints, prepared corpus and report."""
    name: str = ""
    """Name on the card; empty: the file's name. A resumed training keeps each entry of its card that the new
    plan leaves at its default."""
    description: str = ""
    licence: str = "unknown"
    recipe: str = ""
    config: Config = field(default_factory=Config)
    start: Path | None = None
    """A model file whose weights the training starts from."""
    steps: int = 10_000
    """Steps of phase 1."""
    adversarial: int | None = None
    """Steps of phase 2; every fourth step trains the discriminators. None: PHASE_2_STEPS, if it pays."""
    auto: bool = False
    """Whether phase 2 begins as soon as phase 1 has reached a plateau, and only if it pays."""
    latents: int | None = None
    """Number of latents to keep; None: as many as `fidelity` needs, and of them those that can be heard."""
    fidelity: float = 0.95
    """Share of the latents' variance to keep."""
    batch: int = 4
    """Crops per step, in each process."""
    crop: int | None = None
    """Length of a crop in samples, a multiple of the config's ratio; None: `default_crop`."""
    rate: float = 1e-3
    """Peak learning rate, reached after `steps` / 50; then a half cosine down to a hundredth."""
    adversarial_rate: float = 1e-4
    """Peak learning rate of model and discriminators in phase 2; it falls as in phase 1."""
    discriminator_weight: float = 0.25
    """Weight of the adversarial losses relative to the spectral distance. The paper's weight of 1 needs
    hundreds of thousands of steps; in 3,000 steps it raised the distance of the bells from 5.2 to 7.3."""
    loss: str = "distance"
    """What the training makes smaller, one of LOSSES."""
    beta: float | None = None
    """Weight of the bottleneck's penalty; it rises over the first quarter of phase 1. None: BETA."""
    discriminators: tuple[str, ...] = DISCRIMINATORS[:2]
    changes: tuple[str, ...] = CHANGES[:2]
    """Random changes to the crops (augmentation.py)."""
    seed: int = 0
    threads: int = 1
    device: str = "auto"
    precision: str = "auto"
    """`float32`, `mixed` (bfloat16 for the discriminators) or `bfloat16` (for the model too)."""
    compile: bool = False
    """Whether to compile the networks with torch.compile."""
    resume: bool = False
    checkpoint: float = 5.0
    """Minutes between checkpoints; a power cut loses at most this much."""
    evaluate_every: int = 500
    """Steps between two measurements on held-out sound."""

    @property
    def folder(self) -> Path:
        """The folder for checkpoints, prepared corpus and report."""
        return self.output.with_name(self.output.name + ".training")

    def phase_2_after(self, steps: int) -> int:
        """Return the steps of phase 2 that follow so many steps of phase 1."""
        if steps < PHASE_2_PAYS and (self.auto or self.adversarial is None):
            return 0
        return PHASE_2_STEPS if self.adversarial is None else self.adversarial

    @property
    def title(self) -> str:
        """The name on the card."""
        return self.name or to_text(self.output.stem)

    @property
    def card_entries(self) -> dict[str, str]:
        """The entries of the card that the player writes."""
        return {key: getattr(self, key) for key in CARD_ENTRIES}

    def with_kept_entries(self, kept: Mapping[str, str]) -> TrainingPlan:
        """Return the plan; the entries of the card that it leaves at their defaults are taken from `kept`."""
        default = TrainingPlan.__dataclass_fields__
        own = {key: value for key, value in self.card_entries.items() if value != default[key].default}
        entries: dict[str, Any] = {**kept, **own}
        return replace(self, **entries)


@dataclass(frozen=True)
class PlanOption:
    """A field of TrainingPlan as an option of a command line, `--name`.

    kind  : bool, int, float or str, or the allowed values
    least : the smallest allowed number
    many  : whether it takes several values, separated by commas
    """

    name: str
    kind: type[bool] | type[int] | type[float] | type[str] | tuple[str, ...]
    help: str
    least: int | None = None
    many: bool = False
    alias: str | None = None
    """An older name, which still works but is not shown."""

    @property
    def field(self) -> str:
        """The name of the field in TrainingPlan."""
        return self.name.replace("-", "_")

    @property
    def default(self) -> Any:
        """The default value."""
        return TrainingPlan.__dataclass_fields__[self.field].default


OPTIONS = (
    PlanOption("description", str, "One line for the model's card."),
    PlanOption("licence", str, "Licence of the weights."),
    PlanOption("recipe", str, "Path or address of the recipe, for the model's card."),
    PlanOption("steps", int, "Steps of phase 1, on the spectral distance.", 1),
    PlanOption(
        "adversarial",
        int,
        f"Steps of phase 2, with discriminators (default: {PHASE_2_STEPS} if phase 1 has {PHASE_2_PAYS} "
        "or more, else none).",
        0,
    ),
    PlanOption(
        "auto",
        bool,
        "Begin phase 2 when phase 1 reaches a plateau, after --steps at the latest; "
        f"no phase 2 before step {PHASE_2_PAYS}.",
    ),
    PlanOption(
        "latents",
        int,
        "Number of latents to keep (default: those that --fidelity needs and that can be heard).",
        1,
    ),
    PlanOption("fidelity", float, "Share of the latents' variance to keep, 0..1."),
    PlanOption("batch", int, "Crops per step, in each process.", 1),
    PlanOption("crop", int, "Samples per crop (default: chosen for the config).", 1),
    PlanOption("rate", float, "Peak learning rate."),
    PlanOption(
        "loss",
        LOSSES,
        "What training makes smaller; energy: the energy distance, for a corpus of noises "
        "and a config with a noise synthesiser.",
    ),
    PlanOption("beta", float, "Weight of the penalty on the latents (default: chosen for the config)."),
    PlanOption("discriminators", DISCRIMINATORS, "Kinds of discriminators:", many=True, alias="critics"),
    PlanOption(
        "discriminator-weight",
        float,
        "Weight of the discriminators' losses relative to the spectral distance; 1 for long trainings.",
        alias="critics-weight",
    ),
    PlanOption("changes", (*CHANGES, "none"), "Random changes to crops (augmentation):", many=True),
    PlanOption("seed", int, "Random seed for weights, crops and noise.", 0),
    PlanOption("device", DEVICES, "Device to train on."),
    PlanOption("precision", PRECISIONS, "Number format; mixed: bfloat16 for the discriminators only."),
    PlanOption("compile", bool, "Compile the networks first (torch.compile)."),
    PlanOption("resume", bool, "Continue from the last checkpoint."),
    PlanOption("checkpoint", float, "Minutes between checkpoints; a power cut loses at most this much."),
    PlanOption("evaluate-every", int, "Steps between two measurements on held-out sound.", 1),
)
"""The options of both `perform train` and `python -m perform.train`."""


def chosen_values(text: str, option: PlanOption) -> tuple[str, ...]:
    """Return the values in a text with commas, each one of `option.kind`; `none` means no values."""
    found = tuple(value.strip() for value in text.split(",") if value.strip())
    for value in found:
        if value not in option.kind:  # type: ignore[operator]
            hint = f"use {', '.join(option.kind)}"  # type: ignore[arg-type]
            raise WrongUse(f"unknown value {value!r}", where=f"--{option.name}", hint=hint)
    return () if found == ("none",) else found


def configured(names: str | Sequence[str], changes: tuple[str, ...]) -> Config:
    """Return the config of some configurations, applied in order, with some values changed.

    changes : each KEY=VALUE, where VALUE is JSON or text
    """
    values = combined([names] if isinstance(names, str) else names).to_dict()
    for change in changes:
        key, equals, value = change.partition("=")
        try:
            values[key] = json.loads(value) if equals else None
        except ValueError:
            values[key] = value
    return Config.from_dict(values)


def planned(values: Mapping[str, Any]) -> TrainingPlan:
    """Make a plan from the values of a command line: TrainingPlan's fields, `config`, `set` and `from`.

    `config` is the names of one or more configurations, or empty.
    """
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
        raise WrongUse("--from uses the config of that model", hint="leave --config and --set out")
    return TrainingPlan(**values, config=_config_of(start), start=start)


def _config_of(path: Path) -> Config:
    from perform.rave.model_files import load

    return replace(load(path).config, prior=None)


def check(plan: TrainingPlan, shortest: int) -> None:
    """Raise WrongUse for a plan that cannot be trained. shortest: the shortest crop, in samples."""
    config = plan.config
    if config.resampling > 1:
        rate = config.sample_rate // config.resampling
        hint = f"train another config at {rate} Hz: --config, --set sample_rate={rate}"
        raise WrongUse("a model that contains a resampler cannot be trained", hint=hint)
    if plan.latents is not None and config.bottleneck not in ("variational", "pitched"):
        what = f"a {config.bottleneck} model always keeps all {config.most_latents} latents"
        raise WrongUse(what, hint="leave --latents out")
    least = len(MEASURED) + 1 if config.bottleneck == "pitched" else 1
    if plan.latents is not None and not least <= plan.latents <= config.full_latents:
        what = f"this config cannot keep {plan.latents} latents"
        raise WrongUse(what, where="--latents", hint=f"use {least} to {config.full_latents}")
    if not 0 < plan.fidelity <= 1:
        what = f"a fidelity of {plan.fidelity} is not possible"
        raise WrongUse(what, where="--fidelity", hint="use more than 0 and at most 1")
    if plan.loss == "energy" and (not config.noise_ratios or config.decoder == "harmonic"):
        what = "the energy distance needs a noise synthesiser"
        hint = "use a config such as noise, or --set noise_ratios; live_pitch learns noise anyway"
        raise WrongUse(what, where="--loss", hint=hint)
    most = math.prod(config.noise_ratios) // 2 + 1
    if plan.loss == "energy" and config.noise_taps > most:
        what = f"a frame of the noise synthesiser cannot hold {config.noise_taps} taps: it would be silent"
        raise WrongUse(what, where="--loss", hint=f"use at most {most} noise_taps, or larger noise_ratios")
    if plan.crop is not None and (plan.crop % config.ratio or plan.crop < shortest):
        hint = f"use a multiple of {config.ratio}, at least {shortest}"
        raise WrongUse(f"{plan.crop} samples cannot be a crop", where="--crop", hint=hint)
    for option in OPTIONS:
        value = getattr(plan, option.field)
        if option.least is not None and value is not None and value < option.least:
            hint = f"use {option.least} or more"
            raise WrongUse(f"{value} is too small", where=f"--{option.name}", hint=hint)
    if plan.threads < 1:
        raise WrongUse(f"{plan.threads} is too small", where="--threads", hint="use 1 or more")
    if plan.checkpoint < 0:
        raise WrongUse(f"{plan.checkpoint:g} is too small", where="--checkpoint", hint="use 0 or more")
    if not plan.rate > 0:
        hint = "use more than 0, usually 0.001"
        raise WrongUse(f"{plan.rate:g} is too small", where="--rate", hint=hint)
    if plan.adversarial and not plan.discriminators:
        raise WrongUse("phase 2 needs discriminators", hint="name some, or use --adversarial 0")
