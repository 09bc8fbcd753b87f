"""A gig is built on the screen: by keys alone, and by the mouse, which leaves only names to the keyboard."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable

import pytest
from hands import Hands, playing
from textual.widgets import OptionList

from perform.core.errors import WrongUse
from perform.core.params import SOURCES
from perform.stage.commands import (
    AddSong,
    EditSong,
    Go,
    KeepSong,
    Load,
    MoveSong,
    NewSet,
    RemoveSong,
    RenameSong,
    Save,
    StartRecording,
    StoreScene,
)
from perform.tui.screens.dialog import DialogKeys
from perform.tui.screens.scene_dialog import parse_glide

SONGS = "VW"
Step = Callable[[Hands], Awaitable[None]]


async def drawn(hands: Hands) -> None:
    """One frame, once a list has been read."""
    while any(thread.name == "background" for thread in threading.enumerate()):
        await hands.pilot.pause(0.01)
    await hands.pilot.pause()
    hands.app.tick()
    await hands.pilot.pause()


def typed(*presses: str) -> Step:
    """Keys, or words of which each letter is a key."""

    async def step(hands: Hands) -> None:
        for press in presses:
            await hands.pilot.press(*(press[1:] if press.startswith("'") else [press]))
            await drawn(hands)

    return step


def clicked(*targets: str) -> Step:
    """Clicks on `widget action`; `'words` are typed, `ok` is a click on "enter" in a dialog."""

    async def step(hands: Hands) -> None:
        for target in targets:
            if target.startswith("'"):
                await hands.pilot.press(*target[1:])
            elif target == "ok":
                line = hands.app.screen.query_one(DialogKeys)
                at = str(line.visual).find("enter")
                await hands.pilot.click(DialogKeys, offset=(max(at, 0) + 1, 0))
            elif target in ("list", "yes"):
                await hands.pilot.click(OptionList, offset=(2, int(target == "yes")))
            elif target == "clear":
                await hands.pilot.press("ctrl+u")
            elif target.startswith("field "):
                await hands.pilot.click(f"#{target[6:]}")
            else:
                widget, action = target.split(" ", 1)
                hit = hands.target(widget, action=action)
                await hands.pilot.click(f"#{widget}", offset=(hit.x0 + 1, hit.y))
            await drawn(hands)

    return step


GIG: dict[str, tuple[Step, Step, list[object]]] = {
    "new set": (
        typed("j", "c", "'t", "enter", "escape"),
        clicked("foot app.set_list", "songs app.new_set", "'t", "ok", "songs back"),
        [NewSet("t")],
    ),
    "songs": (
        typed("j", *(k for name in SONGS for k in ("a", f"'{name}", "enter")), "escape"),
        clicked(
            "foot app.set_list",
            *(k for name in SONGS for k in ("songs app.new_song", f"'{name}", "ok")),
            "songs back",
        ),
        [
            AddSong(name, after, empty=True) for after, name in enumerate(SONGS, 4)
        ],  # each after the one before
    ),
    "a model": (
        typed("4", "o", "'gla", "enter"),
        clicked("decks deck(4)", "foot app.browse", "'gla", "list"),
        [Load(4, "glass")],
    ),
    "a source": (typed("a"), clicked("decks source"), []),
    "a scene with a glide": (
        typed("w", "f4", "'f", "tab", "'8 beats", "enter"),
        clicked("foot app.prefix('store')", "foot app.scene(3)", "'f", "field scene-glide", "'8 beats", "ok"),
        [StoreScene(3, "f", 8.0, beats=True)],
    ),
    "tempo, notes, length, switch, fade, mapping of a song": (
        typed("d", "'in D", "tab", "'7:30", "tab", "'92", *["tab"] * 3, "'g", "enter"),
        clicked(
            "decks app.song_details",
            *("'in D", "field field-length", "'7:30", "field field-tempo", "'92"),
            *("field field-mapping", "'g", "ok"),
        ),
        [EditSong(3, "in D", 450.0, "tail", 2.0, 92.0, "g")],
    ),
    "keep the start": (typed("K"), clicked("decks app.keep_song"), [KeepSong()]),
    "move, copy, rename, remove": (
        typed("j", "J", "d", "'c", "enter", "e", "ctrl+u", "'n", "enter", "delete", "y", "escape"),
        clicked(
            *("foot app.set_list", "songs shift(1)", "songs app.add_song", "'c", "ok", "songs rename"),
            *("clear", "'n", "ok", "songs remove", "yes", "songs back"),
        ),
        [MoveSong(4, 5), AddSong("c", 5), RenameSong(5, "n"), RemoveSong(5)],
    ),
    "save": (typed("ctrl+s"), clicked("foot app.save"), [Save()]),
    "record with stems": (
        typed("ctrl+r"),
        clicked("decks app.record_stems"),
        [StartRecording(stems=True)],
    ),
    "go": (typed("enter"), clicked("foot app.go"), [Go()]),
}


@pytest.mark.parametrize("by", ["keys", "mouse"])
async def test_a_whole_gig_is_built(stage, clock, by):
    async with playing(stage, clock, (120, 40) if by == "keys" else (200, 60)) as hands:
        await hands.until(lambda: stage.asked or by == "keys")  # the controller's picture
        for step, (keys, mouse, wanted) in GIG.items():
            stage.asked.clear()
            await (keys if by == "keys" else mouse)(hands)
            await hands.until(lambda wanted=wanted: len(stage.asked) >= len(wanted))
            assert stage.asked == wanted, step
            assert len(hands.app.screen_stack) == 1, f"a dialog is open after: {step}"
        assert hands.value("focus") == 4 and hands.value("deck/4/source") == SOURCES.index("loop")


async def test_a_click_beside_a_dialog_cancels_it(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press("=")
        await hands.pilot.click(offset=(2, 20))
        await hands.settle()
        assert not hands.app.screen.is_modal and "rec off" in hands.text()


def test_typed_glides_are_read():
    assert parse_glide("") == (0.0, False)
    assert parse_glide(" 2,5 s ") == (2.5, False)
    assert parse_glide("8 beats") == (8.0, True)
    for wrong in ("x", "-1", "700", "4 bars", "1.2.3"):
        with pytest.raises(WrongUse, match="glide"):
            parse_glide(wrong)
