"""Every key and what it does: bindings, help and palette are all made of this one table.

Terminals send letters, digits, function keys and the few below alike; ids are for remapping.
"""

from __future__ import annotations

from dataclasses import dataclass

from textual.binding import Binding


@dataclass(frozen=True, slots=True)
class Key:
    """One action: its keys as Textual spells them, as a player reads them, and what it does in words."""

    group: str
    keys: str
    shown: str
    action: str
    id: str
    words: str

    def binding(self) -> Binding:
        """As Textual wants it."""
        return Binding(self.keys, self.action, self.words, show=False, id=self.id)


def _decks() -> tuple[Key, ...]:
    return tuple(
        Key("Decks", f"{d}", f"{d}", f"deck({d})", f"deck.focus{d}", f"focus deck {d}") for d in range(1, 9)
    )


#: played on the screen itself
KEYS: tuple[Key, ...] = (
    *_decks(),
    Key("Decks", "tab", "tab", "focus_step(1)", "deck.next", "focus the next deck"),
    Key("Decks", "shift+tab", "shift+tab", "focus_step(-1)", "deck.previous", "focus the deck before"),
    Key("Decks", "o", "o", "app.browse", "deck.load", "load or unload a model"),
    Key("Decks", "m", "m", "flag('mute')", "deck.mute", "mute"),
    Key("Decks", "s", "s", "flag('solo')", "deck.solo", "solo"),
    Key("Decks", "f", "f", "flag('freeze')", "deck.freeze", "freeze: the source stands still"),
    Key("Decks", "x", "x", "side", "deck.side", "side of the crossfader: A, –, B"),
    Key("Decks", "a", "a", "source", "deck.source", "source of the latents: hand, loop, walk"),
    Key("Parameters", "up", "↑", "move(-1)", "row.up", "select the parameter above"),
    Key("Parameters", "down", "↓", "move(1)", "row.down", "select the parameter below"),
    Key("Parameters", "left", "←", "nudge(-0.01)", "row.less", "1 % less"),
    Key("Parameters", "right", "→", "nudge(0.01)", "row.more", "1 % more"),
    Key("Parameters", "shift+left", "shift+←", "nudge(-0.1)", "row.much_less", "10 % less"),
    Key("Parameters", "shift+right", "shift+→", "nudge(0.1)", "row.much_more", "10 % more"),
    Key("Parameters", "shift+up", "shift+↑", "nudge(0.1)", "row.much_more_up", "10 % more"),
    Key("Parameters", "shift+down", "shift+↓", "nudge(-0.1)", "row.much_less_down", "10 % less"),
    Key("Parameters", "equals_sign", "=", "app.value", "row.value", "type a value"),
    Key("Parameters", "0", "0", "recentre", "row.recentre", "back to its default"),
    Key("Parameters", "left_square_bracket", "[", "page(-1)", "row.page_up", "one bank of rows up"),
    Key("Parameters", "right_square_bracket", "]", "page(1)", "row.page_down", "one bank of rows down"),
    Key("Parameters", "b", "b", "bias_scale", "row.bias_scale", "latent rows show bias or scale (×)"),
    Key("Crossfader", "comma", ",", "fade(-0.01)", "xfade.less", "1 % towards A"),
    Key("Crossfader", "full_stop", ".", "fade(0.01)", "xfade.more", "1 % towards B"),
    Key("Crossfader", "less_than_sign", "<", "fade(-1)", "xfade.a", "all A"),
    Key("Crossfader", "greater_than_sign", ">", "fade(1)", "xfade.b", "all B"),
    Key("Crossfader", "backslash", "\\", "fade(0)", "xfade.centre", "the middle"),
    Key("Stage", "r", "r, r r", "app.record", "stage.record", "record; twice within 2 s: stop"),
    Key("Stage", "M", "M", "app.master_mute", "stage.mute", "mute the master, or let it sound again"),
    Key("Control", "l", "l", "app.learn", "control.learn", "learn: the next control moves this; esc stops"),
    Key("Control", "escape", "esc", "app.stop_learning", "control.stop", "stop learning"),
    Key("Control", "L", "L", "app.unlearn", "control.unlearn", "forget every control of this"),
    Key("Control", "C", "C", "app.mapping", "control.mapping", "choose a controller mapping"),
    Key("Control", "S", "S", "app.save_mapping", "control.save", "save the mapping in use under a name"),
    Key("Screen", "question_mark,f1", "? F1", "app.help", "screen.help", "all keys"),
    Key("Screen", "ctrl+p", "ctrl+p", "app.command_palette", "screen.palette", "every action by name"),
)

#: heard in dialogs too
ALWAYS: tuple[Key, ...] = (
    Key(
        "Stage",
        "exclamation_mark,f12",
        "! F12",
        "app.panic",
        "stage.panic",
        "panic; twice within 2 s: mute the master",
    ),
    Key("Screen", "ctrl+q", "ctrl+q", "app.quit", "screen.leave", "leave: keep playing, or stop"),
)
