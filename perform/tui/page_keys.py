"""Tables of the keys that act on one page only: the set list, the latents."""

from __future__ import annotations

from perform.tui.key_command import KeyCommand

#: in the set list, where the keys of "Songs" and "Stage" work too
SET_LIST: tuple[KeyCommand, ...] = (
    KeyCommand("Set list", "up", "↑", "mark(-1)", "list.up", "mark the song above"),
    KeyCommand("Set list", "down", "↓", "mark(1)", "list.down", "mark the song below"),
    KeyCommand("Set list", "home", "home", "mark(-1000)", "list.first", "mark the first song"),
    KeyCommand("Set list", "end", "end", "mark(1000)", "list.last", "mark the last song"),
    KeyCommand("Set list", "enter", "⏎", "arm", "list.arm", "arm the marked song; once armed, go"),
    KeyCommand("Set list", "N", "N", "go_now", "list.go_now", "arm the marked song; once armed, go now"),
    KeyCommand("Set list", "K,ctrl+up,shift+up", "K ctrl+↑", "shift(-1)", "list.earlier", "move the song up"),
    KeyCommand(
        "Set list", "J,ctrl+down,shift+down", "J ctrl+↓", "shift(1)", "list.later", "move the song down"
    ),
    KeyCommand("Set list", "a", "a", "app.new_song", "list.new", "add a new, empty song"),
    KeyCommand(
        "Set list",
        "t",
        "t",
        "app.song_details",
        "list.details",
        "details of the marked song: notes, length, tempo, switch, fade, mapping",
    ),
    KeyCommand("Set list", "c", "c", "app.new_set", "list.new_set", "create a new set"),
    KeyCommand("Set list", "d", "d", "app.add_song", "list.add", "duplicate the marked song"),
    KeyCommand("Set list", "e", "e", "rename", "list.rename", "rename the marked song"),
    KeyCommand("Set list", "delete,backspace", "del", "remove", "list.remove", "remove the marked song"),
    KeyCommand("Set list", "o", "o", "app.open_set", "list.open", "open another set"),
    KeyCommand("Set list", "l", "l", "learn", "list.learn", "learn: the next pad you press goes to the song"),
    KeyCommand("Set list", "S", "S", "app.save_as", "list.save_as", "save the set under a name"),
    KeyCommand("Set list", "j", "j esc", "back", "list.back", "close the set list"),
)

#: on the latent screen, where the other keys of KEYS work too
LATENTS: tuple[KeyCommand, ...] = (
    *(
        KeyCommand(
            "Latents",
            f"{shift}{key}",
            f"{shift}{shown}",
            f"push({axis!r}, {by * part:g})",
            f"pad.{word}{key}",
            text,
        )
        for shift, part, word, text in (
            ("", 0.01, "", "move the point of the pad by 1 %"),
            ("shift+", 0.1, "far_", "move the point of the pad by 10 %"),
        )
        for key, shown, axis, by in (
            ("left", "←", "x", -1),
            ("right", "→", "x", 1),
            ("up", "↑", "y", 1),
            ("down", "↓", "y", -1),
        )
    ),
    KeyCommand("Latents", "0", "0", "recentre", "pad.recentre", "reset both biases of the pad to 0"),
    KeyCommand(
        "Latents", "left_square_bracket", "[", "axis('x', -1)", "pad.x_less", "another latent for the x axis"
    ),
    KeyCommand(
        "Latents", "right_square_bracket", "]", "axis('x', 1)", "pad.x_more", "another latent for the x axis"
    ),
    KeyCommand(
        "Latents", "left_curly_bracket", "{", "axis('y', -1)", "pad.y_less", "another latent for the y axis"
    ),
    KeyCommand(
        "Latents", "right_curly_bracket", "}", "axis('y', 1)", "pad.y_more", "another latent for the y axis"
    ),
    KeyCommand("Latents", "y", "y", "macros", "pad.macros", "the pad moves two macros, or two latents"),
    KeyCommand("Latents", "v", "v", "zoom", "pad.near", "zoom: the full range, or the range of the corpus"),
    KeyCommand("Latents", "z,escape", "z esc", "back", "pad.back", "close the latents"),
)
