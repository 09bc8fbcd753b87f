"""A gig on a real JACK server, in a real terminal: five songs are made, saved, opened again and played.

By keys alone, and then by the mouse, which leaves only names and numbers to the keyboard.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from rig import Jack, until
from test_screen import Terminal

from perform.library import sets
from perform.stage.client import Client, running
from perform.stage.commands import Quit

MODELS = {"One": "bells", "Two": "choir", "Three": "strike", "Four": "reeds", "Five": "storm"}
REACTION_S = 0.4  #: a hand does not click sooner on what has just appeared
SIZES = {"keys": (120, 40), "mouse": (200, 60)}  #: the mouse has more to click on a large screen


class Player:
    """Two hands and two eyes: what is pressed has to be seen."""

    def __init__(self, terminal: Terminal, client: Client) -> None:
        self.terminal, self.client = terminal, client

    def sees(self, text: str, where: str = "") -> None:
        until(lambda: text in self.terminal.shows, 30, f"{text!r} {where} on\n{self.terminal.shows}")

    def sees_no(self, text: str) -> None:
        until(lambda: text not in self.terminal.shows, 30, f"no {text!r} on\n{self.terminal.shows}")

    def press(self, *keys: str) -> None:
        self.terminal.press(*keys)

    def type(self, text: str) -> None:
        self.terminal.type(text)
        self.sees(text)

    def click(self, text: str, label: str | None = None) -> None:
        """Click on the last place where a text is seen, once it stays there; label: the part to click on."""
        self.sees(text)
        place, since = (-1, -1), 0.0

        def stays() -> bool:
            nonlocal place, since
            lines = self.terminal.shows.splitlines()
            row = max((number for number, line in enumerate(lines) if text in line), default=-1)
            now = (lines[row].rindex(text), row) if row >= 0 else (-1, -1)
            if now != place:
                place, since = now, time.monotonic()
            return place[1] >= 0 and time.monotonic() - since > REACTION_S

        until(stays, 20, f"{text!r} at one place on\n{self.terminal.shows}")
        column, row = place
        self.terminal.click(column + text.index(label or text) + 1, row)

    @property
    def song(self) -> str:
        return self.client.status().songs.name


class Keys(Player):
    """A player without a mouse."""

    def answer(self, question: str, text: str) -> None:
        """Type the answer to what the screen asks."""
        self.sees(question)
        self.type(text)
        self.press("Enter")

    def new_set(self, name: str) -> None:
        self.press("j", "c")
        self.answer("A new set", name)

    def new_song(self, name: str) -> None:
        self.press("a")
        self.answer("A new, empty song", name)

    def close_list(self) -> None:
        self.press("Escape")

    def load(self, model: str) -> None:
        self.press("1", "o")
        self.answer("A model for deck 1", model)

    def source(self) -> None:
        self.press("a")

    def scene(self, name: str) -> None:
        self.press("w", "F3")
        self.answer("glide", name)

    def keep(self) -> None:
        self.press("K")

    def save(self) -> None:
        self.press("C-s")

    def record_stems(self) -> None:
        self.press("C-r")

    def stop_recording(self) -> None:
        self.press("r", "r")

    def go(self) -> None:
        self.press("Enter")

    def open_list(self) -> None:
        self.press("j")

    def go_to(self, number: int, name: str) -> None:
        self.press("j")
        self.sees("Set Tour")
        self.press("Home", *["Down"] * (number - 1))
        self.sees(f"▸  {number} {name}")
        self.press("Enter")
        self.sees(f"NEXT {number} {name}")
        self.press("Enter")

    def open_set(self, name: str) -> None:
        self.press("o")
        self.answer("Open another set", name)


class Mouse(Player):
    """A player who types only names and numbers."""

    def new_set(self, name: str) -> None:
        self.open_list()
        self.click("c new set")
        self.sees("A new set")
        self.type(name)
        self.click("enter opens it", "enter")

    def new_song(self, name: str) -> None:
        self.click("a new  ", "a new")
        self.sees("A new, empty song")
        self.type(name)
        self.click("enter adds it", "enter")

    def close_list(self) -> None:
        self.click("esc back", "back")

    def load(self, model: str) -> None:
        self.click("o load")
        self.sees("A model for deck 1")
        self.type(model)
        self.click(f"  {model} ", model)

    def source(self) -> None:
        self.click("source")

    def scene(self, name: str) -> None:
        self.click("w scene")
        self.click("F3 ", "F3")
        self.sees("glide")
        self.type(name)
        self.click("enter stores", "enter")

    def keep(self) -> None:
        self.click("K keep start", "keep")

    def save(self) -> None:
        self.click("^s save")

    def record_stems(self) -> None:
        self.click("^r rec stems", "rec")

    def stop_recording(self) -> None:
        self.click("r rec")
        self.click("r rec")

    def go(self) -> None:
        self.click("⏎ go  j", "go")

    def open_list(self) -> None:
        self.click("j songs")

    def go_to(self, number: int, name: str) -> None:
        self.open_list()
        self.sees("Set Tour")
        if f"▸  {number} {name}" not in self.terminal.shows:
            self.click(f"│     {number} {name}", name)
        self.sees(f"▸  {number} {name}")
        self.click("⏎ arm, go", "arm")
        self.sees(f"NEXT {number} {name}")
        self.click("⏎ arm, go", "arm")

    def open_set(self, name: str) -> None:
        self.click("o open")
        self.sees("Open another set")
        self.type(name)
        self.click(f"● {name} ", name)  # marked: it is the one that plays


@pytest.fixture
def terminal(
    request: pytest.FixtureRequest, runtime: Path, monkeypatch: pytest.MonkeyPatch, jack: Jack
) -> Iterator[Terminal]:
    for name, value in (("TERM", "xterm-256color"), ("COLUMNS", "80"), ("LINES", "24")):
        monkeypatch.setenv(name, value)
    opened = Terminal(f"perform-gig-{os.getpid()}", *SIZES[request.getfixturevalue("by")])
    yield opened
    opened.close()
    if running(runtime):
        client = Client(runtime)
        client.ask(Quit())
        client.wait_end(20)


@pytest.mark.parametrize("by", ["keys", "mouse"])
def test_a_gig_from_nothing(by: str, terminal: Terminal, runtime: Path) -> None:
    until(lambda: running(runtime), 30, "a stage")
    player = (Keys if by == "keys" else Mouse)(terminal, Client(runtime))
    player.sees("rec off")
    player.new_set("Tour")
    player.sees_no("A new set")
    player.sees("Set Tour")
    for name in MODELS:
        player.new_song(name)
        player.sees_no("A new, empty song")
        player.sees(f"new song: {name}")
    player.close_list()
    player.sees_no("Set Tour")
    player.go_to(2, "One")  # the first song of a new set is empty
    for name, model in MODELS.items():
        if name != "One":
            player.go()
        until(lambda n=name: player.song == n, 30, f"song {name} on\n{terminal.shows}")
        player.load(model)
        player.sees_no("A model for deck 1")
        until(
            lambda m=model: player.client.status().decks[0].model.lower() == m,
            60,
            f"{model} on deck 1 of\n{terminal.shows}",
        )
        player.source()
        player.scene(f"of {name}")
        player.sees_no("glide")
        player.sees("F3 of")
        player.keep()
        player.sees("now starts with these settings")
    player.save()
    player.sees("set saved")

    saved = sets.load_set("Tour")
    assert [song.name for song in saved.songs[1:]] == list(MODELS)
    assert [song.models[1].name for song in saved.songs[1:]] == list(MODELS.values())
    assert [song.scenes["2"].name for song in saved.songs[1:]] == [f"of {name}" for name in MODELS]

    player.open_list()
    player.open_set("Tour")
    player.sees_no("Open another set")
    player.close_list()
    player.sees_no("Set Tour")
    player.record_stems()
    player.sees("REC")
    player.go_to(2, "One")
    for name, model in MODELS.items():
        if name != "One":
            player.go()
        until(lambda n=name: player.song == n, 60, f"song {name} again on\n{terminal.shows}")
        until(lambda m=model: player.client.status().decks[0].model.lower() == m, 60, f"{model} again")
    player.stop_recording()
    until(lambda: player.client.status().last_take, 20, "the take's end")
    take = Path(player.client.status().last_take)
    assert take.is_file() and take.with_name(f"{take.stem}_deck1.wav").is_file()
