"""The state of a training for its checkpoints. The keys are those of all versions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from perform.train.health import Measurement

if TYPE_CHECKING:
    from perform.train.trainer import Trainer

BATCH, LOSS = "batch of all processes", "loss"


def fixed_options(trainer: Trainer) -> dict[str, Any]:
    """Return the options that must be the same when a training is resumed."""
    plan = trainer.plan
    return {
        "config": json.loads(json.dumps(trainer.config.to_dict())),
        "corpus": trainer.corpus.digest,
        BATCH: plan.batch * trainer.world.size,
        "crop": trainer.crop,
        "seed": plan.seed,
        "changes": list(plan.changes),
        "critics": list(plan.discriminators),
        LOSS: plan.loss,
    }


def state_of(trainer: Trainer) -> dict[str, Any]:
    """Return everything that changes in a training."""
    state: dict[str, Any] = {
        "step": trainer.step,
        "turn": trainer.phase_1_steps,
        "moved": trainer.ended_early,
        "slower": trainer.rate_scale,
        "falls": trainer.rollbacks,
        "seconds": trainer.seconds,
        "card": trainer.plan.card_entries,
        "untrained": trainer.untrained,
        "losses": trainer.losses,
        "history": [measured.to_dict() for measured in trainer.history],
        "learner": trainer.learner.state_dict(),
        "average": trainer.average.state_dict(),
        "optimiser": trainer.trained.optimiser.state_dict(),
    }
    if trainer.discriminators is not None:
        state["critics"] = trainer.discriminators.state_dict()
        state["hearing"] = trainer.trained_discriminators.optimiser.state_dict()
    return state


def restore(trainer: Trainer, state: Mapping[str, Any]) -> None:
    """Put a trainer that is at step 0 into the state of a checkpoint."""
    trainer.plan = trainer.plan.with_kept_entries(state.get("card", {}))  # older checkpoints have none
    trainer.average.load_state_dict(state["average"])
    trainer.rate_scale, trainer.rollbacks = state["slower"], state["falls"]
    trainer.step, trainer.ended_early = state["step"], state["moved"]
    in_phase_2 = trainer.ended_early or "critics" in state  # if not, more --steps prolong phase 1
    trainer.phase_1_steps = state["turn"] if in_phase_2 else max(trainer.plan.steps, trainer.step)
    if "critics" in state:
        trainer.create_discriminators()
        assert trainer.discriminators
        trainer.discriminators.load_state_dict(state["critics"])
        trainer.trained_discriminators.optimiser.load_state_dict(state["hearing"])
    trainer.learner.load_state_dict(state["learner"])
    trainer.trained.optimiser.load_state_dict(state["optimiser"])
    trainer.seconds, trainer.untrained = state["seconds"], state["untrained"]
    trainer.history = [Measurement.from_dict(measured) for measured in state["history"]]
    trainer.losses = list(state["losses"])
