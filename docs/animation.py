"""An animated SVG of a terminal: each row of the screen is drawn once for as long as it stays the same."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from rich.color import Color
from rich.style import Style
from textual.app import App
from textual.filter import ANSIToTruecolor
from textual.strip import Strip

Row = str  #: the markup of one line

_WIDTH, _HEIGHT = 12.2, 24.4  # of a cell, as in Rich's pictures
_BRAILLE, _BEHIND = "\u2800", "\u2900"
_STYLE = (
    "text{font-family:Fira Code,monospace;font-size:20px;white-space:pre;fill:#d7dde5}.b{font-weight:bold}"
)


def rows(app: App[None]) -> list[Row]:
    """The lines that the screen shows now."""
    to_colours, background = ANSIToTruecolor(app.ansi_theme), app.screen.styles.background
    strips = app.screen._compositor.render_strips()
    return [
        _markup(strip.apply_filter(to_colours, background).simplify(), background.hex.lower())
        for strip in strips
    ]


def animation(frames: Sequence[list[Row]], seconds: float, background: str, size: tuple[int, int]) -> str:
    """All frames (rows of each) one after another within so many seconds, over and over; size: in cells."""
    shown: dict[tuple[int, int], list[str]] = {}  # first frame and the one behind the last -> its rows
    for y in range(size[1]):
        first = 0
        for at in range(1, len(frames) + 1):
            if at == len(frames) or frames[at][y] != frames[first][y]:
                line = f'<g transform="translate(0 {_HEIGHT * y:.1f})">{frames[first][y]}</g>'
                shown.setdefault((first, at), []).append(line)
                first = at
    styles, groups = [_STYLE], []
    for (first, behind), lines in shown.items():
        name = f"f{first}_{behind}"
        if behind - first < len(frames):
            begin, end = (100 * at / len(frames) for at in (first, behind))
            hidden = "visibility:hidden"
            steps = f"0%,{begin:g}%{{{hidden}}}" if first else ""
            steps += f"{begin:g}%{{visibility:visible}}{end:g}%,100%{{{hidden}}}"
            styles.append(f"@keyframes {name}{{{steps}}}")
            still = f"{hidden};" if first else ""  # where nothing moves, the first frame is shown
            styles.append(f".{name}{{{still}animation:{name} {seconds:g}s step-end infinite}}")
        groups.append(f'<g class="{name}">{"".join(lines)}</g>')
    box = f"0 0 {_WIDTH * size[0]:.1f} {_HEIGHT * size[1]:.1f}"
    return (
        f'<svg viewBox="{box}" xml:space="preserve" xmlns="http://www.w3.org/2000/svg"><style>{"".join(styles)}</style>'
        f'<rect width="100%" height="100%" fill="{background}"/>{"".join(groups)}</svg>\n'
    )


def _markup(strip: Strip, background: str) -> Row:
    """Draw a line. Where it has characters of other fonts, which may be wider, each part has its place."""
    grounds, text, x = "", "", 0
    placed = any(_BRAILLE <= character < _BEHIND for character in strip.text)
    for segment in strip:
        width, style = segment.cell_length, segment.style or Style()
        colour, ground = _hex(style.color), _hex(style.bgcolor)
        if style.reverse:
            colour, ground = ground, colour
        if ground and ground != background:
            place = f'x="{_WIDTH * x:.1f}" width="{_WIDTH * width:.1f}"'
            grounds += f'<rect {place} height="24.6" fill="{ground}"/>'
        word = escape(segment.text)
        look = f' x="{_WIDTH * x:.1f}"' * placed
        look += f' fill="{colour}"' * bool(colour) + ' class="b"' * bool(style.bold)
        text += f"<tspan{look}>{word}</tspan>" if segment.text.strip() and look else word
        x += width
    length = "" if placed else f' textLength="{_WIDTH * x:.1f}"'
    return f'{grounds}<text y="18.5"{length}>{text}</text>'


def _hex(colour: Color | None) -> str:
    return colour.get_truecolor().hex if colour and not colour.is_default else ""
