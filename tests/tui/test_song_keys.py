"""Keys for songs: NOW and NEXT, the set list, the set file, undo, markers."""

from __future__ import annotations

import pytest
from hands import playing
from msgspec.structs import replace
from stand_in import SONGS, status
from textual.events import MouseScrollDown

from perform.core.errors import WrongUse
from perform.core.messages.control_messages import BindingOptions
from perform.library import sets
from perform.stage.commands import (
    AddSong,
    Arm,
    Go,
    KeepLastMinutes,
    KeepSong,
    Learn,
    MoveSong,
    Open,
    RemoveSong,
    RenameSong,
    Save,
    StartRecording,
    StopRecording,
    Undo,
    UndoMapping,
)
from perform.stage.status import SongsStatus, SongStatus
from perform.tui.screens.set_list_screen import SetListScreen
from perform.tui.stage_line import Refusal

SIZES = [(120, 40), (80, 24)]


def songs(stage, **fields) -> None:
    stage.words = replace(stage.words, songs=replace(stage.words.songs, **fields))


async def asked(hands, *commands) -> None:
    await hands.until(lambda: hands.stage.asked == list(commands))
    await hands.settle()


def line(hands, word: str) -> str:
    return next(line for line in hands.text().split("\n") if word in line)


# -- NOW and NEXT


@pytest.mark.parametrize("size", SIZES)
async def test_now_and_next_are_always_visible(stage, clock, size):
    async with playing(stage, clock, size) as hands:
        for keys in ((), ("o",), ("escape", "j"), ("e",)):
            await hands.press(*keys)
            assert "NOW 3/5 Glass Harbour *  06:12" in hands.text(), keys
            assert "NEXT 4 Choir" in hands.text()
        clock.now += 61
        await hands.settle()
        assert "Glass Harbour *  07:13" in hands.text(), "it is drawn under two dialogs too"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("fields", "wide", "narrow"),
    [
        ({}, "↻ 1/2 models ready, 3 s ▲ 1 missing", "↻ 1/2 ready, 3 s ▲ 1 missing"),
        ({"next": 2, "ready": 2}, "● ready", "● ready"),
        ({"next": 2, "ready": 2, "failed": 1}, "▲ 1 failed", "▲ 1 failed"),
        ({"next": 2, "going": True, "wait": 0.0}, "▶ going… ↻ 1/2 models ready", "▶ 1/2 ready"),
        ({"next": 2, "going": True, "ready": 2}, "▶ going…", "▶ going…"),
        ({"next": 0}, "NEXT – n arms 4 Choir of Rust", "NEXT – n arms 4 Choir of Rust"),
        ({"next": 0, "now": 5}, "NEXT – last song", "NEXT – last song"),
    ],
)
async def test_next_shows_how_many_models_are_ready(stage, clock, size, fields, wide, narrow):
    songs(stage, **fields)
    async with playing(stage, clock, size) as hands:
        assert (wide if size[0] == 120 else narrow) in line(hands, "NEXT")


@pytest.mark.parametrize(
    ("load", "shown"), [(0.34, "● ready 34%"), (1.2, "▲ ready 120%"), (0.0, "● ready  ⏎")]
)
async def test_next_shows_its_predicted_load(stage, clock, load, shown):
    lines = [replace(song, load=load) for song in stage.words.songs.lines]
    songs(stage, next=2, ready=2, lines=tuple(lines))
    async with playing(stage, clock, (120, 40)) as hands:
        assert shown in line(hands, "NEXT")


async def test_a_saved_set_has_no_star_and_no_set_draws_too(stage, clock):
    songs(stage, changed=False)
    async with playing(stage, clock) as hands:
        assert "Glass Harbour  06:12" in hands.text()
        stage.words = status(*stage.words.decks[:3], songs=SongsStatus())
        await hands.until(lambda: "NOW –" in hands.text())
        await hands.press("n", "p", "j", "J", "enter", "N", "delete", "down", "end", "escape")
        assert stage.asked == []


async def test_n_and_p_arm_the_neighbour_of_the_armed_song(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press("n", "n", "p", "p", "p")
        await asked(hands, Arm(5), Arm(4), Arm(3), Arm(2))
        assert "NEXT 2 [b]Tide[/]" in hands.text()
        songs(stage, next=0, now=5)
        await hands.until(lambda: "last song" in hands.text())
        await hands.press("n")
        assert "this is the last song" in hands.text()


async def test_n_and_enter_go_to_the_next_song(stage, clock):
    """The stage has armed it already; the first press confirms it."""
    songs(stage, next=4, chosen=False)
    async with playing(stage, clock) as hands:
        await hands.press("n", "enter")
        await asked(hands, Arm(4), Go())
        songs(stage, next=4, chosen=False, going=False)
        await hands.until(lambda: "going" not in hands.text())
        await hands.press("p")
        await asked(hands, Arm(4), Go(), Arm(2))


@pytest.mark.parametrize("size", SIZES)
async def test_a_song_of_another_set_has_its_name_and_no_number(stage, clock, size):
    songs(stage, now=0, name="Nightfall", next=1)
    async with playing(stage, clock, size) as hands:
        assert "NOW –/5 Nightfall *  06:12" in hands.text()
        await hands.press("K")
        await asked(hands, KeepSong())
        assert "Nightfall now starts with these settings" in hands.text()


async def test_presses_count_before_the_stage_answers(stage, clock):
    songs(stage, now=1, next=0)
    async with playing(stage, clock) as hands:
        stage.free.clear()
        await hands.until(lambda: hands.app.stage_line.silence() > 0.1)
        await hands.press("n", "n", "n", "enter")
        assert "NEXT 4 Choir of Rust  ↻ arming…" in hands.text()
        stage.free.set()
        await asked(hands, Arm(2), Arm(3), Arm(4), Go())


async def test_a_refused_arm_is_forgotten(stage, clock):
    async with playing(stage, clock) as hands:
        stage.refusal = WrongUse("that song cannot be armed")
        await hands.press("n")
        await hands.until(lambda: "▲ that song cannot be armed" in hands.text())
        await hands.until(lambda: "NEXT 4 Choir of Rust" in hands.text())


async def test_another_refusal_does_not_end_arming(stage, clock):
    async with playing(stage, clock) as hands:
        stage.free.clear()
        await hands.until(lambda: hands.app.stage_line.silence() > 0.1)
        await hands.press("n")
        hands.app.stage_line.outcomes.append(Refusal(WrongUse("no such model"), lambda: None))
        await hands.until(lambda: "▲ no such model" in hands.text())
        assert "↻ arming…" in hands.text()


async def test_enter_goes_n_goes_now_and_both_show_the_answer(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press("enter")
        await asked(hands, Go())
        assert "go: in 9 s" in hands.text()
        assert "▶ going…" in hands.text()
        await hands.press("N")
        await asked(hands, Go(), Go(now=True))
        assert "NOW 4/5 Choir of Rust" in hands.text()


async def test_enter_in_a_dialog_does_not_go(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press("=", *"-3", "enter", "C", "enter", "ctrl+p", *"freeze")
        await hands.press("enter")
        await hands.until(lambda: hands.value("deck/1/freeze") == 1)
        assert not [command for command in stage.asked if isinstance(command, Go)]


async def test_the_line_can_be_clicked(stage, clock):
    async with playing(stage, clock) as hands:
        hit = hands.target("status", action="app.go")
        await hands.pilot.click("#status", offset=(hit.x0 + 1, hit.y))
        await asked(hands, Go())
        hit = hands.target("status", action="app.save")
        await hands.pilot.click("#status", offset=(hit.x0 + 1, hit.y))
        await asked(hands, Go(), Save())
        hit = hands.target("status", action="app.set_list")
        await hands.pilot.click("#status", offset=(hit.x0 + 1, hit.y))
        assert isinstance(hands.app.screen, SetListScreen)


async def test_while_learning_song_keys_choose_the_address_to_learn(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press("l", "n", "p", "enter", "k", "R", "r", "f3", "A", "escape")
        await asked(
            hands,
            *(Learn(it) for it in ("deck/1/gain", "song/next", "song/previous", "song/go", "take/mark")),
            *(Learn("take/keep"), KeepLastMinutes(), Learn("take/record"), StartRecording()),
            *(Learn("scene/recall", options=BindingOptions(value=2)), Learn("scene/a"), Learn("")),
        )
        assert hands.value("take/mark") == 0


async def test_a_player_who_records_while_learning_loses_no_recording(stage, clock):
    """The keys that record are learnt and act, and stop a take with two presses as ever."""
    async with playing(stage, clock) as hands:
        await hands.press("l", "ctrl+r")
        await asked(hands, Learn("deck/1/gain"), Learn("take/record"), StartRecording(stems=True))
        stage.arena.set_meter("take/on", 1)
        stage.asked.clear()
        await hands.press("r")
        assert "still recording; press r again within 2 s to stop" in hands.text()
        await hands.press("r")
        await asked(hands, Learn("take/record"), Learn("take/record"), StopRecording())


async def test_while_learning_values_options_and_undo_are_keys(stage, clock):
    """A pad that sets the source, a song of the set list, a knob with a range on the deck in focus."""
    async with playing(stage, clock) as hands:
        await hands.press("l", "equals_sign")
        await hands.press(*"-20..6 pickup steps=64 focus", "enter")
        await hands.press("u", "j", "home", "down", "l")
        assert not isinstance(hands.app.screen, SetListScreen), "the line about learning is visible"
        await hands.press("equals_sign", *"nonsense", "enter")
        assert "nonsense" in hands.text()
        await hands.press("escape", "equals_sign", *"panic", "enter")
        assert hands.value("panic") == 0
        await hands.press("equals_sign", *"deck/2/tune -12..12", "enter")
        await hands.press("escape", "u")
        options = BindingOptions(range=(-20.0, 6.0), takeover="pickup", steps=64)
        await asked(
            hands,
            *(Learn("deck/1/gain"), Learn("focus/gain", options=options), UndoMapping()),
            *(Learn("song/jump", options=BindingOptions(value=2)), Learn("panic")),
            *(Learn("deck/2/tune", options=BindingOptions(range=(-12.0, 12.0))), Learn(""), Undo()),
        )


async def test_learning_shows_what_to_do_and_what_is_lost(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press("l")
        stage.words = replace(stage.words, learn_note="now turn it slowly to the left")
        await hands.until(lambda: "esc to stop   now turn it slowly to the left" in hands.text())


# -- the set list


async def test_the_set_list_arms_then_goes_and_closes(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press("j", "home", "down", "enter")
        await asked(hands, Arm(2))
        assert "○ NEXT  ↻ 0/2 ready, 9 s" in hands.text()
        await hands.press("enter")
        await asked(hands, Arm(2), Go())
        assert not isinstance(hands.app.screen, SetListScreen)


async def test_a_jump_shows_the_loading_time_first(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press("j", "end", "N")
        await asked(hands, Arm(5))
        assert "NEXT 5 SAFE: about 9 s" in hands.text()
        assert isinstance(hands.app.screen, SetListScreen)
        await hands.press("N")
        await asked(hands, Arm(5), Go(now=True))
        assert "NOW 5/5 SAFE" in hands.text()


@pytest.mark.parametrize("size", SIZES)
async def test_the_set_list_shows_models_notes_and_missing_models(stage, clock, size):
    async with playing(stage, clock, size) as hands:
        await hands.press("j")
        words = hands.words()
        assert "models 1 vintage, 2 rust, 4 wheel" in words
        assert "`perform models import rust.ts` or https://example.org/rust" in words
        assert "notes in D, and never louder than the bells" in words
        assert "▲ 1 missing" in line(hands, "○ NEXT")
        assert "● NOW   06:12" in line(hands, "Glass Harbour   ")
        await hands.press("up", "up")
        assert "slow; wait for the drums" in hands.text()
        await hands.press("j")
        assert not isinstance(hands.app.screen, SetListScreen)


async def test_moving_a_song_moves_the_mark(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press("j", "home", "J", "ctrl+down", "K", "ctrl+up", "K")
        await asked(hands, MoveSong(1, 2), MoveSong(2, 3), MoveSong(3, 2), MoveSong(2, 1))
        assert hands.app.screen._list.marked == 1


async def test_a_song_is_duplicated_renamed_and_removed(stage, clock):
    async with playing(stage, clock) as hands:
        frame = hands.app.read_frame()
        steps = ["home", *["down"] * (frame.songs.now - 1)]
        await hands.press("j", *steps, "d", "enter")
        assert "type a name" in hands.text()
        await hands.press(*"Tide", "space", "2", "enter")
        await asked(hands, AddSong("Tide 2"))
        await hands.press("home", "e", *(["backspace"] * 9), *"Intro", "enter")
        await asked(hands, AddSong("Tide 2"), RenameSong(1, "Intro"))
        await hands.press("delete", "enter", "delete", "b", "delete", "escape")
        assert len(stage.asked) == 2, "it goes back unless it is meant"
        await hands.press("delete", "y")
        await asked(hands, AddSong("Tide 2"), RenameSong(1, "Intro"), RemoveSong(1))
        await hands.press("backspace", "down", "enter")
        await asked(hands, AddSong("Tide 2"), RenameSong(1, "Intro"), RemoveSong(1), RemoveSong(1))


async def test_the_marked_song_is_duplicated(stage, clock):
    async with playing(stage, clock) as hands:
        assert hands.app.read_frame().songs.now != 1
        await hands.press("j", "home", "d", *"Tide", "enter")
        await asked(hands, AddSong("Tide", 1))


async def test_the_current_song_is_not_removed(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press("j", "up", "delete")
        assert "Glass Harbour is playing: go to another song before you remove it" in hands.text()
        assert isinstance(hands.app.screen, SetListScreen)


async def test_the_keys_of_the_stage_work_in_the_set_list(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press("j", "k", "R", "u", "n", "M", "!")
        await asked(hands, KeepLastMinutes(), Undo(), Arm(5))
        assert [hands.value(a) for a in ("take/mark", "master/mute", "panic")] == [1, 1, 1]
        assert isinstance(hands.app.screen, SetListScreen)


@pytest.mark.parametrize("size", SIZES)
async def test_the_set_list_by_mouse(stage, clock, size):
    async with playing(stage, clock, size) as hands:
        await hands.press("j")
        hit = hands.target("songs", action="mark_song(2)")
        await hands.pilot.click("#songs", offset=(hit.x0 + 6, hit.y))
        assert hands.app.screen._list.marked == 2
        await hands.pilot._post_mouse_events([MouseScrollDown], "#songs", offset=(5, 1))
        await hands.settle()
        assert hands.app.screen._list.marked == 3
        hit = hands.target("songs", action="shift(-1)")
        await hands.pilot.click("#songs", offset=(hit.x0, hit.y))
        await asked(hands, MoveSong(3, 2))
        hit = hands.target("songs", action="arm")
        await hands.pilot.click("#songs", offset=(hit.x0, hit.y))
        await asked(hands, MoveSong(3, 2), Arm(2))


@pytest.mark.parametrize("size", SIZES)
async def test_a_long_set_scrolls(stage, clock, size):
    songs(stage, lines=tuple(SongStatus(f"song no {n}") for n in range(1, 100)), now=1, next=0)
    async with playing(stage, clock, size) as hands:
        await hands.press("j", "end")
        assert "song no 99" in hands.text()
        assert "song no 3 " not in hands.text()
        await hands.press("home")
        assert "song no 3 " in hands.text()
        stage.words = replace(stage.words, songs=SONGS)
        await hands.press("end")
        await hands.until(lambda: "SAFE" in hands.text())


# -- the set as a file


async def test_ctrl_s_saves_on_any_screen_and_shows_the_path(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press("o", "ctrl+s")
        await asked(hands, Save())
        assert "set saved: /music/sets/demo.toml" in hands.text()
        assert "Glass Harbour  06:12" in hands.text(), "the star is gone"


async def test_save_as_asks_for_a_name(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press("j", "S", *(["backspace"] * 9), "/", "enter")
        assert "use letters, digits, spaces" in hands.text()
        await hands.press("backspace", *"tonight", "enter")
        await asked(hands, Save("tonight"))
        assert "set saved: /music/sets/tonight.toml" in hands.text()


async def test_another_set_is_opened_by_name_or_path(stage, clock, home, tmp_path):
    (home / "sets").mkdir()
    for name in ("late", "early"):
        (home / "sets" / f"{name}.toml").write_text(f'name = "{name}"\n[[songs]]\nname = "{name} one"\n')
    (home / "sets" / "broken.toml").write_text("songs = 3")
    elsewhere = tmp_path / "else where.toml"
    elsewhere.write_text('name = "far"\n[[songs]]\nname = "a"\n')
    async with playing(stage, clock) as hands:
        await hands.press("j", "o")
        await hands.until(lambda: "late one" in hands.text())
        assert "this set has unsaved changes" in hands.text()
        await hands.press(*"brok", "enter")
        await hands.until(lambda: "broken.toml" in hands.words())
        assert stage.asked == []
        await hands.press(*["backspace"] * 4, "down", "down", "up", "enter")
        await asked(hands, Open("early"))
        assert "set early is open; the sound continues until you go to one of its songs" in hands.text()
        await hands.press("o")
        await hands.until(lambda: "late one" in hands.text())
        hands.app.screen.query_one("Field").value = str(elsewhere)
        await hands.until(lambda: "open the file" in hands.text())
        await hands.press("enter")
        await asked(hands, Open("early"), Open(str(elsewhere)))


async def test_a_set_that_uses_files_elsewhere_is_opened_by_a_second_enter(stage, clock, home, tmp_path):
    (home / "sets").mkdir()
    (tmp_path / "rain.wav").write_text("")
    text = f'name = "far"\n[[songs]]\nname = "a"\nfiles.1 = "{tmp_path}/rain.wav"\n'
    (home / "sets" / "far.toml").write_text(text)
    async with playing(stage, clock) as hands:
        await hands.press("j", "o")
        await hands.until(lambda: "far" in hands.text())
        await hands.press(*"far", "enter")
        await hands.until(lambda: "press enter again" in hands.words())
        assert "uses files outside of its folder" in hands.words()
        assert stage.asked == []
        await hands.press("enter")
        await asked(hands, Open("far"))
        assert sets.load_set("far").songs, "it is allowed from now on"


async def test_the_settings_are_kept_as_the_start_of_the_song(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press("K")
        await asked(hands, KeepSong())
        assert "Glass Harbour now starts with these settings; ctrl+s saves" in hands.text()


async def test_the_palette_has_the_keys_of_the_set_list(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press("ctrl+p", *"duplicate", "enter")
        await hands.until(lambda: "Copy the current song (Glass Harbour) as" in hands.text())
        await hands.press(*"x", "enter")
        await asked(hands, AddSong("x"))


# -- what was done


async def test_undo_and_redo_show_the_change(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press("u")
        await asked(hands, Undo())
        assert "undone: scene 3 stored" in hands.text()
        await hands.press("U")
        await asked(hands, Undo(), Undo(redo=True))
        assert "nothing to redo" in hands.text()


async def test_markers_and_the_last_minutes(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press("k")
        assert "marker set, but nothing is recording" in hands.text()
        stage.arena.set_meter("take/on", 1)
        stage.arena.set_meter("take/frames", 48000 * 61)
        await hands.press("k")
        assert "marker at 00:01:01" in hands.text()
        assert hands.value("take/mark") == 2
        assert stage.asked == []
        await hands.press("R")
        await asked(hands, KeepLastMinutes())
        await hands.until(lambda: "saved: take08.wav" in hands.text())
