"""Actions for scenes, the morph between two scenes, gesture loops, and parameters excluded from scenes."""

from __future__ import annotations

from perform.core import params
from perform.stage.commands import (
    Answer,
    Exclude,
    ForgetLoop,
    ForgetScene,
    RecallScene,
    StoreScene,
    ToggleLoop,
)
from perform.tui.base_app import BaseApp
from perform.tui.parameter_rows import name
from perform.tui.screen_frame import loop_text
from perform.tui.screens.scene_dialog import SceneDialog

#: prefix -> notice while it waits for F2 to F9
PREFIXES = {
    "store": "F2 to F9 stores the current settings as a scene",
    "forget": "F2 to F9 deletes a scene",
    "a": "F2 to F9 chooses the scene at the left end of the morph",
    "b": "F2 to F9 chooses the scene at the right end of the morph",
}


class SceneKeys(BaseApp):
    """Actions for scenes and gesture loops."""

    def action_prefix(self, what: str) -> None:
        """Set the action of the next F2 to F9 on its scene, instead of recall."""
        if what in ("a", "b") and self.learn_instead(f"scene/{what}"):
            return
        self.set_prefix(what)
        self.show_notice(f"{PREFIXES[what]}; esc cancels")

    def action_scene(self, number: int) -> None:
        """Recall a scene, or run the action of the prefix key on it."""
        frame = self.read_frame()
        what = frame.prefix
        if not what:
            if not self.learn_instead("scene/recall", number):
                self.stage_line.ask(RecallScene(number))
            return
        self.set_prefix("")
        self.show_notice("")
        if what == "store":
            self._store(number)
        elif what == "forget":
            self.stage_line.ask(
                ForgetScene(number),
                lambda _: self.show_notice(f"{frame.scene(number)} deleted; press u to undo"),
            )
        else:
            params.set_value(self.table, f"scene/{what}", number)

    def _store(self, number: int) -> None:
        """Ask for a name, which may be empty; the dialog also confirms replacing a scene."""
        there = self.frame.scenes.get(number)
        title = f"Scene F{number + 1} is {there.name}: replace it?" if there else f"Scene F{number + 1}"
        self.open_dialog(
            SceneDialog(title, there),
            lambda chosen: self.stage_line.ask(
                StoreScene(number, *chosen),
                lambda _: self.show_notice(f"{self.read_frame().scene(number)} stored"),
            ),
        )

    def action_morph_end(self, end: str) -> None:
        """Choose the next stored scene for an end of the morph."""
        if self.learn_instead(f"scene/{end}"):
            return
        stored = sorted(self.read_frame().scenes)
        if not stored:
            self.show_notice("no scene to morph to: press w, then F2 to store one")
            return
        at = int(self.table[params.slot(f"scene/{end}")])
        params.set_value(self.table, f"scene/{end}", next((n for n in stored if n > at), stored[0]))

    # -- the selected parameter

    def action_loop(self, address: str = "") -> None:
        """Record a gesture of a parameter, loop it, stop it, play it again."""
        address = address or self.read_frame().selected.address
        self.stage_line.ask(
            ToggleLoop(address),
            lambda _: self.show_notice(
                f"{name(address)}: {loop_text(self.read_frame(), address) or 'no loop'}"
            ),
        )

    def action_forget_loop(self) -> None:
        """Delete the gesture loop of the selected parameter."""
        address = self.read_frame().selected.address
        self.stage_line.ask(
            ForgetLoop(address), lambda _: self.show_notice(f"{name(address)}: loop deleted; press u to undo")
        )

    def action_exclude(self, address: str = "") -> None:
        """Exclude a parameter from scenes, or include it again."""
        address = address or self.read_frame().selected.address

        def on_answer(_: Answer) -> None:
            excluded = address in self.read_frame().status.excluded
            self.show_notice(f"{name(address)}: {'excluded from' if excluded else 'included in'} scenes")

        self.stage_line.ask(Exclude(address), on_answer)
