"""Colour themes: `stage`, `stage-contrast`, the hues of the decks, and $ink-* in any other theme."""

from __future__ import annotations

from textual.theme import Theme

#: hue of each deck, on a dark and on a light background; contrast to the background at least 4.5:1
DARK_HUES = ("#5aa7f0", "#ffa348", "#3fc9a8", "#e080b8", "#d2c24a", "#a394f5", "#6fd06a", "#e88a62")
LIGHT_HUES = ("#0b5cad", "#8f4a00", "#00685a", "#9c2670", "#6a5a00", "#5a3fc0", "#206b1c", "#a03a14")
BRIGHT_HUES = ("#7cc4ff", "#ffb84d", "#5fe8c6", "#ff9ed2", "#f0e060", "#c0b4ff", "#8ef088", "#ffa888")
ANSI_HUES = ("blue", "yellow", "green", "magenta", "cyan", "blue", "green", "magenta")


def _hues(colours: tuple[str, ...]) -> dict[str, str]:
    return {f"ink-hue{deck}": colour for deck, colour in enumerate(colours, 1)}


THEMES = (
    Theme(
        name="stage",
        primary="#5aa7f0",
        secondary="#7f8fa3",
        accent="#ffa348",
        warning="#ffa348",
        error="#ff6a52",
        success="#5aa7f0",
        foreground="#d7dde5",
        background="#0b0e12",
        surface="#141a21",
        panel="#1b232c",
        variables={"ink-dim": "#8492a2", "ink-rail": "#3a4653", "ink-range": "#66788c"} | _hues(DARK_HUES),
    ),
    Theme(
        name="stage-contrast",
        primary="#7cc4ff",
        secondary="#ffffff",
        accent="#ffb84d",
        warning="#ffb84d",
        error="#ff8a75",
        success="#7cc4ff",
        foreground="#ffffff",
        background="#000000",
        surface="#101010",
        panel="#202020",
        variables={"ink-dim": "#c8d0d8", "ink-rail": "#7a8693", "ink-range": "#c8d0d8"} | _hues(BRIGHT_HUES),
    ),
)


def inks(theme: Theme) -> dict[str, str]:
    """Values of $ink-* for a theme that does not define them."""
    if theme.ansi:
        bright = "bright_" if theme.dark else ""
        grey = {"ink-dim": "ansi_white", "ink-rail": "ansi_bright_black", "ink-range": "ansi_white"}
        return grey | _hues(tuple(f"ansi_{bright}{hue}" for hue in ANSI_HUES))
    if theme.dark:
        return {"ink-dim": "#8c98a5", "ink-rail": "#4c5763", "ink-range": "#7a8896"} | _hues(DARK_HUES)
    return {"ink-dim": "#59636e", "ink-rail": "#a8b0b8", "ink-range": "#76808a"} | _hues(LIGHT_HUES)
