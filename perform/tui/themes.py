"""Colour themes: `stage`, `stage-contrast`, and the values of $ink-* in any other theme."""

from __future__ import annotations

from textual.theme import Theme

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
        variables={"ink-dim": "#8492a2", "ink-rail": "#3a4653", "ink-range": "#66788c"},
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
        variables={"ink-dim": "#c8d0d8", "ink-rail": "#7a8693", "ink-range": "#c8d0d8"},
    ),
)


def inks(theme: Theme) -> dict[str, str]:
    """Values of $ink-* for a theme that does not define them."""
    if theme.ansi:
        return {"ink-dim": "ansi_white", "ink-rail": "ansi_bright_black", "ink-range": "ansi_white"}
    if theme.dark:
        return {"ink-dim": "#8c98a5", "ink-rail": "#4c5763", "ink-range": "#7a8896"}
    return {"ink-dim": "#59636e", "ink-rail": "#a8b0b8", "ink-range": "#76808a"}
