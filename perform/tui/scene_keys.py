"""Keys of scenes, of the morph between two of them, of loops, and of what scenes leave alone."""

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
from perform.tui.key_group import KeyGroup
from perform.tui.parameter_rows import name
from perform.tui.screen_frame import loop_words
from perform.tui.screens.naming import ANY, Name

#: prefix -> what it says while it waits for F2 to F9
PREFIXES = {
    "store": "F2 to F9 stores what stands as a scene",
    "forget": "F2 to F9 forgets a scene",
    "a": "F2 to F9 chooses the scene at the morph's left end",
    "b": "F2 to F9 chooses the scene at the morph's right end",
}


class SceneKeys(KeyGroup):
    """Snapshots of the numbers, and gestures that repeat."""

    def action_prefix(self, what: str) -> None:
        """The next of F2 to F9 does this to its scene instead of recalling it."""
        if what in ("a", "b") and self.instead(f"scene/{what}"):
            return
        self.prefix(what)
        self.notice(f"{PREFIXES[what]}; esc goes back")

    def action_scene(self, number: int) -> None:
        """Recall a scene, or do to it what the prefix key before meant."""
        frame = self.look()
        what = frame.prefix
        if not what:
            if not self.instead("scene/recall"):
                self.line.ask(RecallScene(number))
            return
        self.prefix("")
        self.notice("")
        if what == "store":
            self._store(number)
        elif what == "forget":
            self.line.ask(
                ForgetScene(number), lambda _: self.notice(f"{frame.scene(number)} forgotten; u undoes")
            )
        else:
            params.set_value(self.table, f"scene/{what}", number)

    def _store(self, number: int) -> None:
        """Ask for a name, which may be none; where a scene stands already this is what confirms."""
        there = self.frame.scenes.get(number)
        title = f"Scene F{number + 1} is {there.name}: store over it?" if there else f"Scene F{number + 1}"
        self.question(
            Name(title, there.name if there else "", "enter stores what stands now; it needs no name", ANY),
            lambda name: self.line.ask(
                StoreScene(number, name), lambda _: self.notice(f"{self.look().scene(number)} stored")
            ),
        )

    def action_morph_end(self, end: str) -> None:
        """The next stored scene at an end of the morph."""
        if self.instead(f"scene/{end}"):
            return
        stored = sorted(self.look().scenes)
        if not stored:
            self.notice("there is no scene to morph to: w then F2 stores one")
            return
        at = int(self.table[params.slot(f"scene/{end}")])
        params.set_value(self.table, f"scene/{end}", next((n for n in stored if n > at), stored[0]))

    # -- the selected parameter

    def action_loop(self, address: str = "") -> None:
        """Record a gesture of a parameter, loop it, stop it, play it on."""
        address = address or self.look().selected.address
        self.line.ask(
            ToggleLoop(address),
            lambda _: self.notice(f"{name(address)}: {loop_words(self.look(), address) or 'no loop'}"),
        )

    def action_forget_loop(self) -> None:
        """No loop any more."""
        address = self.look().selected.address
        self.line.ask(
            ForgetLoop(address), lambda _: self.notice(f"{name(address)} forgets its loop; u undoes")
        )

    def action_exclude(self, address: str = "") -> None:
        """Scenes leave a parameter alone, or no longer."""
        address = address or self.look().selected.address

        def excluded(_: Answer) -> None:
            alone = address in self.look().status.excluded
            self.notice(
                f"scenes {'leave' if alone else 'move'} {name(address)} {'alone' if alone else 'again'}"
            )

        self.line.ask(Exclude(address), excluded)
