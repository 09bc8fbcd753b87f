"""Checkpoints: the whole state of a training in one file, written atomically. [disk]"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from perform.core.errors import WrongUse
from perform.core.files import atomic_path
from perform.rave.config import Config

FORMAT = "perform-checkpoint-2"
SHOWN = {"critics": "choice of discriminators"}
"""What messages call a key that has an older name in the file."""
BEFORE = {"loss": "distance"}
"""Values of keys that older files lack."""
LATEST, HEALTHY = "checkpoint.pt", "healthy.pt"


def save(path: Path, identity: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Write a checkpoint. `identity` holds the options that must be the same when it is resumed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as part, part.open("xb") as out:
        torch.save({"format": FORMAT, "identity": dict(identity), "state": dict(state)}, out)


def load(path: Path, identity: Mapping[str, Any]) -> dict[str, Any]:
    """Return the state in a checkpoint, on the CPU; WrongUse for any other file or another training."""
    if not path.exists():
        raise WrongUse("no checkpoint to resume from", where=str(path), hint="train without --resume")
    try:
        found: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        version = found["format"]
    except Exception as error:
        raise WrongUse(f"not a checkpoint ({type(error).__name__})", where=str(path)) from error
    if version != FORMAT:
        hint = "start a new training, or finish this one with the version that started it"
        raise WrongUse("a checkpoint of another version of perform", where=str(path), hint=hint)
    for key, value in identity.items():
        before = found["identity"].get(key, BEFORE.get(key))
        if isinstance(value, dict) and isinstance(before, dict):
            _compare_config(before, value, path)
        elif before != value:
            what = f"the checkpoint was made with another {SHOWN.get(key, key)}: {before}, not {value}"
            raise WrongUse(what, where=str(path), hint="use the same value, or another output file")
    state: dict[str, Any] = found["state"]
    return state


def _compare_config(before: dict[str, Any], now: dict[str, Any], path: Path) -> None:
    """Raise WrongUse for a different config."""
    usual = Config().to_dict()  # a new key with its default changes nothing for an older training
    if missing := sorted(
        key for key in now.keys() - before if now[key] != json.loads(json.dumps(usual[key]))
    ):
        what = f"the checkpoint's config lacks {', '.join(missing)}: an older version of perform made it"
        hint = "start a new training, or finish this one with the version that started it"
        raise WrongUse(what, where=str(path), hint=hint)
    if extra := sorted(before.keys() - now):
        what = f"the checkpoint's config has {', '.join(extra)}: a newer version of perform made it"
        raise WrongUse(what, where=str(path), hint="continue with that version")
    for key, value in now.items():
        if key in before and before[key] != value:
            what = f"the checkpoint was made with another config: {key} is {before[key]}, not {value}"
            raise WrongUse(what, where=str(path), hint="use the same config, or another output file")
