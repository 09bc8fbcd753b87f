"""Dialog for a scene that is stored: its name, and how long the glide to it takes."""

from __future__ import annotations

import re
from typing import NamedTuple

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input

from perform.core.errors import WrongUse
from perform.stage.status import SceneStatus
from perform.tui.screens.dialog import Dialog, DialogKeys, DialogText, Field

LONGEST = 600.0  #: of a glide, seconds or beats
_GLIDE = re.compile(r"([\d.,]+)\s*(s|beats?)?")


class SceneChoice(NamedTuple):
    """What the player typed; `glide` None: the scene keeps its glide."""

    name: str
    glide: float | None = None
    beats: bool = False


def parse_glide(text: str) -> tuple[float, bool]:
    """Read `4 s`, `4` or `4 beats`; nothing is 0 seconds. True: beats. WrongUse: anything else."""
    match = _GLIDE.fullmatch(text.strip()) if text.strip() else None
    if not text.strip():
        return 0.0, False
    try:
        value = float(match[1].replace(",", ".")) if match else -1.0
    except ValueError:
        value = -1.0
    if match is None or not 0 <= value <= LONGEST:
        raise WrongUse(f"glide: seconds or beats, 0 to {LONGEST:g}, such as 4 s or 8 beats")
    return value, (match[2] or "s").startswith("beat")


class SceneDialog(Dialog[SceneChoice]):
    """Returns the name and the glide."""

    def __init__(self, title: str, scene: SceneStatus | None) -> None:
        super().__init__()
        self._title, self._scene = title, scene or SceneStatus(0, "")

    def compose(self) -> ComposeResult:
        """Two fields, an error message."""
        with Vertical():
            yield DialogText(self._title, classes="title")
            yield Field(self._scene.name, placeholder="a name", max_length=80, id="scene-name")
            glide = "time of the glide to it, such as 4 s or 8 beats; nothing: at once"
            yield Field(self._scene.glide, placeholder=glide, max_length=20, id="scene-glide")
            yield DialogText("", classes="wrong")
            yield DialogKeys("enter stores the scene; the name may be empty · tab goes on · esc cancels")

    def on_input_submitted(self) -> None:
        """Return what was typed, or show which glides there are."""
        name, glide = (self.query_one(f"#scene-{which}", Input).value.strip() for which in ("name", "glide"))
        try:
            value, beats = parse_glide(glide)
        except WrongUse as error:
            self.query_one(".wrong", DialogText).show(f"▲ {error}")
            return
        kept = glide == self._scene.glide
        self.dismiss(SceneChoice(name) if kept else SceneChoice(name, value, beats))
