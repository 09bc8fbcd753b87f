"""Colour themes: `stage`, `stage-contrast`, the hues of the decks, and $ink-* in any other theme.

The themes that come with Textual are made legible: every colour of text has a contrast of at least 4.5:1 to
its background (WCAG 2), also as the nearest of 256 colours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache

from rich.color import Color, ColorSystem
from textual import color
from textual.theme import BUILTIN_THEMES, Theme

#: hue of each deck, on a dark and on a light background; contrast to the background at least 4.5:1
DARK_HUES = ("#5aa7f0", "#ffa348", "#3fc9a8", "#e080b8", "#d2c24a", "#a394f5", "#6fd06a", "#e88a62")
LIGHT_HUES = ("#0b5cad", "#8f4a00", "#00685a", "#9c2670", "#6a5a00", "#5a3fc0", "#206b1c", "#a03a14")
BRIGHT_HUES = ("#7cc4ff", "#ffb84d", "#5fe8c6", "#ff9ed2", "#f0e060", "#c0b4ff", "#8ef088", "#ffa888")
#: of the terminal's own 16 colours: those that stand out in every palette. Blue is too dark on black; yellow,
#: green and cyan are too bright on white
ANSI_DARK_HUES = ("cyan", "yellow", "green", "magenta") * 2
ANSI_LIGHT_HUES = ("blue", "magenta", "red", "black") * 2
LEAST_CONTRAST = 4.5
_TEXT = ("foreground", "primary", "accent", "error")  #: colours of a theme that the screen writes in
_STEP = 0.06  #: share of white or black that is mixed in until a colour is legible


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


def names() -> list[str]:
    """The names of all themes, with those of Textual."""
    return [*(theme.name for theme in THEMES), *BUILTIN_THEMES]


def legible(theme: Theme) -> Theme:
    """The theme with colours that can be read on its background and in its dialogs."""
    if theme in THEMES:
        return theme
    if theme.ansi:
        return replace(theme, primary="ansi_bright_cyan", error="ansi_bright_red") if theme.dark else theme
    colours = theme.to_color_system().generate()
    grounds = (colours["background"], colours["surface"])
    foreground, primary, accent, error = (_legible(colours[name], grounds, theme.dark) for name in _TEXT)
    theme = replace(theme, foreground=foreground, primary=primary, accent=accent, error=error)
    return replace(theme, variables=theme.variables | _marked_text(theme))


def _marked_text(theme: Theme) -> dict[str, str]:
    """Colours of a marked line's text, in a list that has the focus and in one that does not."""
    colours = theme.to_color_system().generate() | theme.variables
    found = {}
    for kind in MARKED:
        grounds, text = marked_grounds(colours, kind), colours[f"{kind}-foreground"]
        if not text.startswith("auto"):  # Textual's own choice of black or white can be read
            found[f"{kind}-foreground"] = _legible(text, grounds, dark=_light(grounds[0], _TRUE) < MIDDLE)
    return found


def marked_grounds(colours: Mapping[str, str], kind: str) -> list[str]:
    """What a marked line of a kind in MARKED lies on, in a dialog and on the screen."""
    over = color.Color.parse(colours[f"{kind}-background"])
    grounds = (color.Color.parse(colours[name]) for name in ("surface", "background"))
    return [ground.blend(over.with_alpha(1), over.a).hex for ground in grounds]


def inks(theme: Theme) -> dict[str, str]:
    """Values of $ink-* for a theme that does not define them."""
    if theme.ansi and theme.dark:
        grey = {"ink-dim": "ansi_white", "ink-rail": "ansi_bright_black", "ink-range": "ansi_white"}
        return grey | _hues(tuple(f"ansi_bright_{hue}" for hue in ANSI_DARK_HUES))
    if theme.ansi:
        grey = {"ink-dim": "ansi_bright_black", "ink-rail": "ansi_white", "ink-range": "ansi_bright_black"}
        return grey | _hues(tuple(f"ansi_{hue}" for hue in ANSI_LIGHT_HUES))
    dim, rail, band = ("#8c98a5", "#4c5763", "#7a8896") if theme.dark else ("#59636e", "#a8b0b8", "#76808a")
    colours = theme.to_color_system().generate()
    grounds = (colours["background"], colours["surface"])
    text = {"ink-dim": dim} | _hues(DARK_HUES if theme.dark else LIGHT_HUES)
    text = {name: _legible(colour, grounds, theme.dark) for name, colour in text.items()}
    return text | {"ink-rail": rail, "ink-range": band}


_TRUE = ColorSystem.TRUECOLOR
MIDDLE = 0.18  #: luminance at which black and white stand out equally
MARKED = ("block-cursor", "block-cursor-blurred")  #: Textual's names for a marked line


def contrast(one: str, other: str, colours: ColorSystem = ColorSystem.TRUECOLOR) -> float:
    """Contrast of two colours by WCAG 2, 1..21, as a terminal with these colours shows them."""
    high, low = sorted((_light(one, colours), _light(other, colours)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@lru_cache(4096)
def _light(colour: str, colours: ColorSystem) -> float:
    """Relative luminance, 0..1."""
    shown = Color.parse(colour).downgrade(colours).get_truecolor()
    parts = [part / 255 for part in shown]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _legible(colour: str, grounds: Iterable[str], dark: bool) -> str:
    """The colour, lighter on a dark background and darker on a light one until it stands out."""
    grounds, towards, share, mixed = tuple(grounds), 255 if dark else 0, 0.0, colour
    start = Color.parse(colour).get_truecolor()
    while share < 1.0 and not all(
        contrast(mixed, ground, colours) >= LEAST_CONTRAST
        for ground in grounds
        for colours in (ColorSystem.TRUECOLOR, ColorSystem.EIGHT_BIT)
    ):
        share = min(share + _STEP, 1.0)
        mixed = "#" + "".join(f"{round(part + share * (towards - part)):02x}" for part in start)
    return mixed
