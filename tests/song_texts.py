"""Parts of a song as a set's file has them: rows of modulation, loops, examples."""

from __future__ import annotations

from collections.abc import Sequence


def row(source: str, to: str, low: float, high: float) -> str:
    """A row of modulation."""
    return f'[[songs.modulation]]\nsource = "{source}"\nto = "{to}"\nlow = {low}\nhigh = {high}\n'


def loop(address: str, seconds: float, points: Sequence[Sequence[float]]) -> str:
    """A loop that moves a parameter."""
    return (
        f'[[songs.loops]]\naddress = "{address}"\nseconds = {seconds}\npoints = {list(map(list, points))}\n'
    )


def example(deck: int, macros: Sequence[float], latents: Sequence[float]) -> str:
    """An example; further macros are 0."""
    all_macros = [*macros, *[0.0] * (8 - len(macros))]
    return f"[[songs.examples]]\ndeck = {deck}\nmacros = {all_macros}\nlatents = {list(latents)}\n"
