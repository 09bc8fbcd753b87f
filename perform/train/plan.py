"""What to learn, from what, and for how long; and each choice as a word on a command line."""

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
CRITICS = ("period", "scale", "spectrum")
"""Kinds of critics (discriminators.py)."""
DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "float32", "mixed", "bfloat16")


@dataclass(frozen=True)
class TrainingPlan:
    """A training."""

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
    """Of phase 1."""
    adversarial: int = 5_000
    """Steps of phase 2, every fourth of which the critics'."""
    auto: bool = False
    """Whether phase 2 may begin as soon as phase 1 has flattened."""
    latents: int | None = None
    """Latents to keep, exactly; or None for as many as `fidelity` takes."""
    fidelity: float = 0.95
    """Share of the latents' variance to keep."""
    batch: int = 4
    """Crops a step, in each process."""
    crop: int | None = None
    """Samples a crop, a multiple of the config's ratio; None for what suits the config."""
    rate: float = 1e-3
    """Peak learning rate: reached after `steps` / 50, then a half cosine down to a hundredth."""
    adversarial_rate: float = 1e-4
    """Peak learning rate of phase 2, the model's and the critics': falls as phase 1's does."""
    critics_weight: float = 0.25
    """Of what critics say, beside the spectral distance. The paper's 1 needs hundreds of thousands of steps:
    in 3,000 it took the bundled bells from a distance of 5.2 to 7.3, with a buzz at the frame rate."""
    beta: float | None = None
    """Weight of the bottleneck's penalty, risen to in the first quarter of phase 1; None: the usual one."""
    critics: tuple[str, ...] = CRITICS[:2]
    changes: tuple[str, ...] = CHANGES[:2]
    """How crops are changed (augmentation.py)."""
    seed: int = 0
    threads: int = 1
    device: str = "auto"
    precision: str = "auto"
    """What is computed in bfloat16: nothing, the critics (`mixed`), or the model too."""
    compile: bool = False
    """Whether torch.compile takes the nets."""
    resume: bool = False
    checkpoint: float = 5.0
    """Minutes between checkpoints: what a power cut takes."""
    evaluate_every: int = 500
    """Steps between measurements on held-out audio."""

    @property
    def folder(self) -> Path:
        """Where the checkpoints, the prepared corpus and the report are kept."""
        return self.output.with_name(self.output.name + ".training")


@dataclass(frozen=True)
class PlanOption:
    """A choice of Plan on a command line: `--name`, of a kind (bool, a number's, or the words allowed)."""

    name: str
    kind: type[bool] | type[int] | type[float] | type[str] | tuple[str, ...]
    help: str
    least: int | None = None
    many: bool = False

    @property
    def field(self) -> str:
        """Its name in Plan."""
        return self.name.replace("-", "_")

    @property
    def default(self) -> Any:
        """What holds if it is left out."""
        return TrainingPlan.__dataclass_fields__[self.field].default


OPTIONS = (
    PlanOption("description", str, "One line for its card."),
    PlanOption("licence", str, "Licence of the weights."),
    PlanOption("recipe", str, "Where its recipe is written down, for its card."),
    PlanOption("steps", int, "Steps of phase 1, which learns spectra.", 1),
    PlanOption("adversarial", int, "Steps of phase 2, against critics; 0: none.", 0),
    PlanOption("auto", bool, "Begin phase 2 when phase 1 has flattened; --steps is then the most."),
    PlanOption("latents", int, "Latents to keep, exactly; as many as --fidelity takes if left out.", 1),
    PlanOption("fidelity", float, "Share of the latents' variance to keep, 0..1."),
    PlanOption("batch", int, "Crops a step, in each process.", 1),
    PlanOption("crop", int, "Samples a crop; what suits the config if left out.", 1),
    PlanOption("rate", float, "Peak learning rate."),
    PlanOption("beta", float, "Weight of the bottleneck's penalty; what suits it if left out."),
    PlanOption("critics", CRITICS, "Critics of phase 2.", many=True),
    PlanOption(
        "critics-weight", float, "What they weigh beside the spectral distance; 1 for long trainings."
    ),
    PlanOption("changes", (*CHANGES, "none"), "How sounds are changed to learn more from them.", many=True),
    PlanOption("seed", int, "Of weights, crops and chance.", 0),
    PlanOption("device", DEVICES, "Where to compute."),
    PlanOption("precision", PRECISIONS, "What is computed in bfloat16: nothing, critics (mixed), all."),
    PlanOption("compile", bool, "Compile the nets first (torch.compile)."),
    PlanOption("resume", bool, "Go on from the last checkpoint."),
    PlanOption("checkpoint", float, "Minutes between checkpoints: what a power cut takes."),
    PlanOption("evaluate-every", int, "Steps between measurements on held-out sound.", 1),
)
"""Those that mean the same to every command line."""


def words(text: str, option: PlanOption) -> tuple[str, ...]:
    """A list of words with commas, each of which must be known; `none` is none of them."""
    found = tuple(word.strip() for word in text.split(",") if word.strip())
    for word in found:
        if word not in option.kind:  # type: ignore[operator]
            hint = f"there are {', '.join(option.kind)}"  # type: ignore[arg-type]
            raise WrongUse(f"no {word!r}", where=f"--{option.name}", hint=hint)
    return () if found == ("none",) else found


def configured(name: str, changes: tuple[str, ...]) -> Config:
    """A preset with some keys changed, each as KEY=VALUE with a value in JSON."""
    values = preset(name).to_dict()
    for change in changes:
        key, equals, value = change.partition("=")
        try:
            values[key] = json.loads(value) if equals else None
        except ValueError:
            values[key] = value
    return Config.from_dict(values)


def planned(values: Mapping[str, Any]) -> TrainingPlan:
    """A plan from a command line's values: Plan's, and `config` (a name), `set` (KEY=VALUE ...), `from`."""
    values = dict(values)
    config, changes, start = (values.pop(key) for key in ("config", "set", "from"))
    for option in OPTIONS:
        if option.many:
            values[option.field] = words(values[option.field], option)
    if not start:
        return TrainingPlan(**values, config=configured(config or "live", changes))
    if config or changes:
        raise WrongUse("--from takes the model's own config", hint="leave --config and --set out")
    return TrainingPlan(**values, config=_config_of(start), start=start)


def _config_of(path: Path) -> Config:
    from perform.rave.model_files import load

    return replace(load(path).config, prior=None)


def check(plan: TrainingPlan, least: int) -> None:
    """Raise WrongUse for what cannot be trained; crops have `least` samples at least."""
    config = plan.config
    if config.resampling > 1:
        hint = (
            f"train another at {config.sample_rate // config.resampling} Hz: --config, --set sample_rate=..."
        )
        raise WrongUse("a model with a resampler of its own is not trained", hint=hint)
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
    if plan.adversarial and not plan.critics:
        raise WrongUse("phase 2 needs critics", hint="--critics, or --adversarial 0")
