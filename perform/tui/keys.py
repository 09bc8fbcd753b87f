"""Table of all keys; bindings, help and command palette are made from it.

It has only keys that every terminal sends in the same way. Players remap keys by their ids.
"""

from __future__ import annotations

from perform.core.params import DECKS, SCENES
from perform.tui.key_command import KeyCommand


def _decks() -> tuple[KeyCommand, ...]:
    return tuple(
        KeyCommand("Decks", f"{d}", f"{d}", f"deck({d})", f"deck.focus{d}", f"focus deck {d}")
        for d in range(1, DECKS + 1)
    )


def _scenes() -> tuple[KeyCommand, ...]:
    return tuple(
        KeyCommand(
            "Scenes",
            f"f{n + 1}",
            f"F{n + 1}",
            f"app.scene({n})",
            f"scene.recall{n}",
            f"recall scene F{n + 1}",
        )
        for n in range(1, SCENES + 1)
    )


#: on the screens with decks
KEYS: tuple[KeyCommand, ...] = (
    *_decks(),
    KeyCommand("Decks", "tab", "tab", "focus_step(1)", "deck.next", "focus the next deck"),
    KeyCommand(
        "Decks", "shift+tab", "shift+tab", "focus_step(-1)", "deck.previous", "focus the previous deck"
    ),
    KeyCommand("Decks", "o", "o", "app.browse", "deck.load", "load or unload a model"),
    KeyCommand("Decks", "m", "m", "flag('mute')", "deck.mute", "mute"),
    KeyCommand("Decks", "s", "s", "flag('solo')", "deck.solo", "solo"),
    KeyCommand("Decks", "c", "c", "cue", "deck.cue", "cue: hear the deck in the headphones"),
    KeyCommand("Decks", "f", "f", "flag('freeze')", "deck.freeze", "freeze the source"),
    KeyCommand("Decks", "x", "x", "side", "deck.side", "next side of the crossfader: A, –, B"),
    KeyCommand("Decks", "a", "a", "source", "deck.source", "next source of the latents: hand, loop, walk..."),
    KeyCommand("Decks", "O", "O", "app.deck_file", "deck.material", "choose the deck's sound file or matrix"),
    KeyCommand(
        "Decks",
        "F",
        "F",
        "app.insert",
        "insert.deck",
        "insert: an effect module between the deck and its fader",
    ),
    KeyCommand(
        "Decks",
        "ctrl+f",
        "ctrl+f",
        "app.insert_master",
        "insert.master",
        "insert: an effect module on the master",
    ),
    KeyCommand("Parameters", "up", "↑", "move(-1)", "row.up", "select the parameter above"),
    KeyCommand("Parameters", "down", "↓", "move(1)", "row.down", "select the parameter below"),
    KeyCommand("Parameters", "left", "←", "nudge(-0.01)", "row.less", "1 % less"),
    KeyCommand("Parameters", "right", "→", "nudge(0.01)", "row.more", "1 % more"),
    KeyCommand("Parameters", "shift+left", "shift+←", "nudge(-0.1)", "row.much_less", "10 % less"),
    KeyCommand("Parameters", "shift+right", "shift+→", "nudge(0.1)", "row.much_more", "10 % more"),
    KeyCommand("Parameters", "shift+up", "shift+↑", "nudge(0.1)", "row.much_more_up", "10 % more"),
    KeyCommand("Parameters", "shift+down", "shift+↓", "nudge(-0.1)", "row.much_less_down", "10 % less"),
    KeyCommand(
        "Parameters",
        "equals_sign",
        "=",
        "app.value",
        "row.value",
        "type a value",
    ),
    KeyCommand("Parameters", "0", "0", "recentre", "row.recentre", "reset to the default"),
    KeyCommand("Parameters", "left_square_bracket", "[", "page(-1)", "row.page_up", "eight rows up"),
    KeyCommand("Parameters", "right_square_bracket", "]", "page(1)", "row.page_down", "eight rows down"),
    KeyCommand(
        "Parameters",
        "b",
        "b",
        "latent_parameter",
        "row.bias_scale",
        "show the next parameter of each latent: bias, scale (×)...",
    ),
    KeyCommand(
        "Parameters", "g", "g", "app.loop", "row.loop", "gesture loop: record, loop, stop, play again"
    ),
    KeyCommand(
        "Parameters", "G", "G", "app.forget_loop", "row.forget_loop", "delete the parameter's gesture loop"
    ),
    KeyCommand(
        "Parameters",
        "E",
        "E",
        "app.exclude",
        "row.exclude",
        "exclude the parameter from scenes, or include it",
    ),
    KeyCommand(
        "Parameters",
        "e",
        "e",
        "app.modulate",
        "row.modulate",
        "modulate the parameter: LFOs, random, steps, followers, macros",
    ),
    KeyCommand(
        "Parameters",
        "h",
        "h",
        "app.add_example",
        "example.add",
        "here: the deck sounds like this at these macros",
    ),
    KeyCommand(
        "Parameters",
        "H",
        "H",
        "app.clear_examples",
        "example.clear",
        "clear the deck's examples",
    ),
    KeyCommand(
        "Parameters",
        "z",
        "z",
        "app.latents",
        "latents.open",
        "show the deck's latents: a pad for two, traces of all",
    ),
    KeyCommand("Songs", "n", "n", "app.arm(1)", "song.next", "arm the next song"),
    KeyCommand("Songs", "p", "p", "app.arm(-1)", "song.previous", "arm the previous song"),
    KeyCommand(
        "Songs",
        "enter",
        "⏎",
        "app.go",
        "song.go",
        "go to the armed song as soon as its models are ready",
    ),
    KeyCommand(
        "Songs", "N", "N", "app.go(True)", "song.go_now", "go now: each deck enters when its model is ready"
    ),
    KeyCommand(
        "Songs", "j", "j", "app.set_list", "song.list", "set list: jump, reorder, rename, open another set"
    ),
    KeyCommand(
        "Songs",
        "d",
        "d",
        "app.song_details",
        "song.details",
        "details of the song: notes, length, tempo, switch, fade",
    ),
    KeyCommand("Songs", "K", "K", "app.keep_song", "song.keep", "keep the settings as the start of the song"),
    *_scenes(),
    KeyCommand(
        "Scenes",
        "w",
        "w F2 … F9",
        "app.prefix('store')",
        "scene.store",
        "store the current settings as a scene",
    ),
    KeyCommand("Scenes", "W", "W F2 … F9", "app.prefix('forget')", "scene.forget", "delete a scene"),
    KeyCommand(
        "Scenes",
        "A",
        "A F2 … F9",
        "app.prefix('a')",
        "scene.a",
        "choose the scene at the left end of the morph",
    ),
    KeyCommand(
        "Scenes",
        "B",
        "B F2 … F9",
        "app.prefix('b')",
        "scene.b",
        "choose the scene at the right end of the morph",
    ),
    KeyCommand("Scenes", "semicolon", ";", "morph(-0.01)", "morph.less", "morph 1 % towards the left scene"),
    KeyCommand("Scenes", "apostrophe", "'", "morph(0.01)", "morph.more", "morph 1 % towards the right scene"),
    KeyCommand("Scenes", "colon", ":", "morph(-1)", "morph.a", "morph fully to the left scene"),
    KeyCommand("Scenes", "quotation_mark", '"', "morph(1)", "morph.b", "morph fully to the right scene"),
    KeyCommand("Crossfader", "comma", ",", "fade(-0.01)", "xfade.less", "1 % towards A"),
    KeyCommand("Crossfader", "full_stop", ".", "fade(0.01)", "xfade.more", "1 % towards B"),
    KeyCommand("Crossfader", "less_than_sign", "<", "fade(-1)", "xfade.a", "fully to A"),
    KeyCommand("Crossfader", "greater_than_sign", ">", "fade(1)", "xfade.b", "fully to B"),
    KeyCommand("Crossfader", "backslash", "\\", "fade(0)", "xfade.centre", "to the middle"),
    KeyCommand("Tempo", "t", "t", "app.tap", "tempo.tap", "tap the tempo"),
    KeyCommand(
        "Tempo",
        "T",
        "T",
        "app.start_beat",
        "tempo.start",
        "beat 1 is now; devices that get our MIDI clock start",
    ),
    KeyCommand(
        "Tempo",
        "Y",
        "Y",
        "app.stop_devices",
        "tempo.stop",
        "stop the devices that get our MIDI clock; continue",
    ),
    KeyCommand(
        "Tempo",
        "q",
        "q",
        "app.quantise",
        "tempo.quantise",
        "next of off, beat, bar: loops, scenes and go wait for it; a second press acts at once",
    ),
    KeyCommand(
        "Stage", "r", "r, r r", "app.record", "stage.record", "record a take; press twice within 2 s to stop"
    ),
    KeyCommand("Stage", "M", "M", "app.master_mute", "stage.mute", "mute or unmute the master"),
    KeyCommand(
        "Stage",
        "I",
        "I, I I",
        "app.input",
        "stage.input",
        "close the input; press twice to open it",
    ),
    KeyCommand("Stage", "k", "k", "app.mark", "take.mark", "put a marker into the take"),
    KeyCommand("Stage", "R", "R", "app.keep", "take.keep", "save the last minutes as a take"),
    KeyCommand("Stage", "u", "u", "app.undo", "stage.undo", "undo"),
    KeyCommand("Stage", "U", "U", "app.undo(True)", "stage.redo", "redo"),
    KeyCommand(
        "Control", "l", "l", "app.learn", "control.learn", "learn: map the next control you move; esc stops"
    ),
    KeyCommand(
        "Control",
        "escape",
        "esc",
        "app.stop_learning",
        "control.stop",
        "stop learning or locating; cancel choosing a scene",
    ),
    KeyCommand(
        "Control",
        "i",
        "i",
        "app.locate",
        "control.locate",
        "locate: touch a control to see what it does, or select a parameter to see its controls; esc stops",
    ),
    KeyCommand("Control", "L", "L", "app.unlearn", "control.unlearn", "remove all controls of the parameter"),
    KeyCommand(
        "Control", "D", "D", "app.show_mapping", "control.show", "show what each control does, and why"
    ),
    KeyCommand("Control", "C", "C", "app.mapping", "control.mapping", "choose a controller mapping"),
    KeyCommand(
        "Control", "S", "S", "app.save_mapping", "control.save", "save the current mapping under a name"
    ),
    KeyCommand(
        "Screen", "plus", "+", "app.layout(1)", "screen.layout", "next layout: play, stage (locked), latents"
    ),
    KeyCommand("Screen", "underscore", "_", "app.layout(-1)", "screen.layout_back", "previous layout"),
    KeyCommand(
        "Screen", "f10", "F10", "app.lock", "screen.lock", "stage layout: go to it, lock or unlock it"
    ),
    KeyCommand("Screen", "question_mark,f1", "? F1", "app.help", "screen.help", "show all keys"),
    KeyCommand(
        "Screen", "ctrl+p", "ctrl+p", "app.command_palette", "screen.palette", "find any action by name"
    ),
)

#: work in dialogs too
ALWAYS: tuple[KeyCommand, ...] = (
    KeyCommand(
        "Stage",
        "exclamation_mark,f12",
        "! F12",
        "app.panic",
        "stage.panic",
        "panic; press twice within 2 s to mute the master",
    ),
    KeyCommand(
        "Stage", "ctrl+r", "ctrl+r", "app.record_stems", "stage.record_stems", "record with stems, as r does"
    ),
    KeyCommand("Stage", "ctrl+s", "ctrl+s", "app.save", "stage.save", "save the set"),
    KeyCommand("Screen", "ctrl+q", "ctrl+q", "app.quit", "screen.leave", "leave: keep playing or stop"),
)
