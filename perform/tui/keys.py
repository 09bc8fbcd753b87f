"""Every key and what it does: bindings, help and palette are all made of this one table.

Terminals send letters, digits, function keys and the few below alike; ids are for remapping.
"""

from __future__ import annotations

from dataclasses import dataclass

from textual.binding import Binding

from perform.core.params import DECKS, SCENES


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
        Key("Decks", f"{d}", f"{d}", f"deck({d})", f"deck.focus{d}", f"focus deck {d}")
        for d in range(1, DECKS + 1)
    )


def _scenes() -> tuple[Key, ...]:
    return tuple(
        Key(
            "Scenes",
            f"f{n + 1}",
            f"F{n + 1}",
            f"app.scene({n})",
            f"scene.recall{n}",
            f"recall scene F{n + 1}",
        )
        for n in range(1, SCENES + 1)
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
    Key("Decks", "a", "a", "source", "deck.source", "source of the latents: hand, loop, walk, input..."),
    Key("Decks", "O", "O", "app.material", "deck.material", "sound file of the deck, or its matrix"),
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
    Key("Parameters", "b", "b", "bias_scale", "row.bias_scale", "latent rows show bias, scale (×), mute..."),
    Key("Parameters", "g", "g", "app.loop", "row.loop", "gesture: record it, loop it, stop, play on"),
    Key("Parameters", "G", "G", "app.forget_loop", "row.forget_loop", "forget its loop"),
    Key("Parameters", "E", "E", "app.exclude", "row.exclude", "scenes leave it alone, or no longer"),
    Key(
        "Parameters",
        "z",
        "z",
        "app.latents",
        "latents.open",
        "latents of the deck: a pad for two, traces of all",
    ),
    Key("Songs", "n", "n", "app.arm(1)", "song.next", "arm the next song: it becomes NEXT"),
    Key("Songs", "p", "p", "app.arm(-1)", "song.previous", "arm the song before"),
    Key("Songs", "enter", "⏎", "app.go", "song.go", "go to NEXT as soon as its models are warm"),
    Key("Songs", "N", "N", "app.go(True)", "song.go_now", "go now: decks enter as they come"),
    Key("Songs", "j", "j", "app.set_list", "song.list", "set list: jump, reorder, rename, open another set"),
    Key("Songs", "K", "K", "app.keep_song", "song.keep", "keep: the song begins like this from now on"),
    *_scenes(),
    Key("Scenes", "w", "w F2 … F9", "app.prefix('store')", "scene.store", "store what stands as a scene"),
    Key("Scenes", "W", "W F2 … F9", "app.prefix('forget')", "scene.forget", "forget a scene"),
    Key("Scenes", "A", "A F2 … F9", "app.prefix('a')", "scene.a", "choose the scene at the morph's left end"),
    Key(
        "Scenes", "B", "B F2 … F9", "app.prefix('b')", "scene.b", "choose the scene at the morph's right end"
    ),
    Key("Scenes", "semicolon", ";", "morph(-0.01)", "morph.less", "morph 1 % towards a"),
    Key("Scenes", "apostrophe", "'", "morph(0.01)", "morph.more", "morph 1 % towards b"),
    Key("Scenes", "colon", ":", "morph(-1)", "morph.a", "morph: all a"),
    Key("Scenes", "quotation_mark", '"', "morph(1)", "morph.b", "morph: all b"),
    Key("Crossfader", "comma", ",", "fade(-0.01)", "xfade.less", "1 % towards A"),
    Key("Crossfader", "full_stop", ".", "fade(0.01)", "xfade.more", "1 % towards B"),
    Key("Crossfader", "less_than_sign", "<", "fade(-1)", "xfade.a", "all A"),
    Key("Crossfader", "greater_than_sign", ">", "fade(1)", "xfade.b", "all B"),
    Key("Crossfader", "backslash", "\\", "fade(0)", "xfade.centre", "the middle"),
    Key("Stage", "r", "r, r r", "app.record", "stage.record", "record; twice within 2 s: stop"),
    Key("Stage", "M", "M", "app.master_mute", "stage.mute", "mute the master, or let it sound again"),
    Key("Stage", "I", "I, I I", "app.input", "stage.input", "close the input; twice within 2 s: open it"),
    Key("Stage", "k", "k", "app.mark", "take.mark", "marker in the take"),
    Key("Stage", "R", "R", "app.keep", "take.keep", "keep the last minutes as a take"),
    Key("Stage", "u", "u", "app.undo", "stage.undo", "undo"),
    Key("Stage", "U", "U", "app.undo(True)", "stage.redo", "redo"),
    Key("Control", "l", "l", "app.learn", "control.learn", "learn: the next control moves this; esc stops"),
    Key(
        "Control", "escape", "esc", "app.stop_learning", "control.stop", "stop learning, or choosing a scene"
    ),
    Key("Control", "L", "L", "app.unlearn", "control.unlearn", "forget every control of this"),
    Key("Control", "C", "C", "app.mapping", "control.mapping", "choose a controller mapping"),
    Key("Control", "S", "S", "app.save_mapping", "control.save", "save the mapping in use under a name"),
    Key("Screen", "question_mark,f1", "? F1", "app.help", "screen.help", "all keys"),
    Key("Screen", "ctrl+p", "ctrl+p", "app.command_palette", "screen.palette", "every action by name"),
)

#: in the set list, which hears all of "Songs" and "Stage" as well
SET_LIST: tuple[Key, ...] = (
    Key("Set list", "up", "↑", "mark(-1)", "list.up", "mark the song above"),
    Key("Set list", "down", "↓", "mark(1)", "list.down", "mark the song below"),
    Key("Set list", "home", "home", "mark(-1000)", "list.first", "mark the first song"),
    Key("Set list", "end", "end", "mark(1000)", "list.last", "mark the last song"),
    Key("Set list", "enter", "⏎", "arm", "list.arm", "arm the marked song; go where it is armed"),
    Key("Set list", "N", "N", "go_now", "list.go_now", "arm the marked song; go now where it is armed"),
    Key("Set list", "K,ctrl+up,shift+up", "K ctrl+↑", "shift(-1)", "list.earlier", "play the song earlier"),
    Key("Set list", "J,ctrl+down,shift+down", "J ctrl+↓", "shift(1)", "list.later", "play the song later"),
    Key("Set list", "d", "d", "app.add_song", "list.add", "duplicate: a new song, a copy of the marked one"),
    Key("Set list", "e", "e", "rename", "list.rename", "rename the marked song"),
    Key("Set list", "delete,backspace", "del", "remove", "list.remove", "remove the marked song"),
    Key("Set list", "o", "o", "app.open_set", "list.open", "open another set"),
    Key("Set list", "S", "S", "app.save_as", "list.save_as", "save the set under a name"),
    Key("Set list", "j", "j esc", "back", "list.back", "close the set list"),
)

#: on the screen of latents, which hears all of KEYS but these as well
LATENTS: tuple[Key, ...] = (
    *(
        Key(
            "Latents",
            f"{shift}{key}",
            f"{shift}{shown}",
            f"push({axis!r}, {by * part:g})",
            f"pad.{word}{key}",
            words,
        )
        for shift, part, word, words in (
            ("", 0.01, "", "move the pad's point by 1 %"),
            ("shift+", 0.1, "far_", "by 10 %"),
        )
        for key, shown, axis, by in (
            ("left", "←", "x", -1),
            ("right", "→", "x", 1),
            ("up", "↑", "y", 1),
            ("down", "↓", "y", -1),
        )
    ),
    Key("Latents", "0", "0", "recentre", "pad.recentre", "both biases of the pad back to 0"),
    Key("Latents", "left_square_bracket", "[", "axis('x', -1)", "pad.x_less", "another latent across"),
    Key("Latents", "right_square_bracket", "]", "axis('x', 1)", "pad.x_more", "another latent across"),
    Key("Latents", "left_curly_bracket", "{", "axis('y', -1)", "pad.y_less", "another latent up"),
    Key("Latents", "right_curly_bracket", "}", "axis('y', 1)", "pad.y_more", "another latent up"),
    Key("Latents", "v", "v", "near", "pad.near", "the whole range, or where the corpus lives"),
    Key("Latents", "z,escape", "z esc", "back", "pad.back", "close the latents"),
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
    Key("Stage", "ctrl+s", "ctrl+s", "app.save", "stage.save", "save the set"),
    Key("Screen", "ctrl+q", "ctrl+q", "app.quit", "screen.leave", "leave: keep playing, or stop"),
)
