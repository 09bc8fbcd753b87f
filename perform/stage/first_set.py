"""The set that a stage begins with: the one that the player wants, or the session that crashed."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from perform.core.errors import PerformError
from perform.library import sets
from perform.library.sets import Set
from perform.stage import autosave
from perform.stage.autosave import Saved
from perform.stage.options import StageOptions

DEFAULT_SET = "demo"


class FirstSet(NamedTuple):
    """A set, its name as the player gave it, and its file.

    resumed : the session to resume, if one crashed;  problem : why that is not known, or ""
    """

    name: str
    made: Set
    path: Path
    resumed: Saved | None
    problem: str = ""


def choose_first_set(options: StageOptions) -> FirstSet:
    """[disk] The set of the options, else the one that crashed, else the demo; WrongUse if it is unknown."""
    resumed, problem = None, ""
    try:
        resumed = None if options.fresh else autosave.read()
    except PerformError as error:
        problem = str(error)
    if resumed and (resumed.clean or options.set not in ("", resumed.set_name)):
        resumed = None
    name = options.set or (resumed.set_name if resumed else DEFAULT_SET)
    try:
        path = sets.find_set(name)
        return FirstSet(name, sets.read_set(path), path, resumed, problem)
    except PerformError:
        if resumed is None:
            raise
        return FirstSet(name, resumed.set, Path(resumed.path), resumed)  # its file is gone or damaged
