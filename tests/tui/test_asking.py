"""The commands that the screen sends, and a stage that refuses, stalls or dies."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hands import playing
from msgspec.structs import replace
from stand_in import status
from textual.widgets import OptionList

from perform.control import mapping_files
from perform.control.control_names import ControlId
from perform.control.layers import MappingLayers
from perform.control.learning import ControlLearning
from perform.control.router import ControlRouter
from perform.core import params
from perform.core.errors import WrongUse
from perform.core.messages.control_messages import BindingOptions, BindingRow
from perform.library import matrices
from perform.library.matrices import LatentMatrix, MatrixSide
from perform.stage.client import StageGone
from perform.stage.commands import (
    AddMarker,
    Learn,
    Load,
    Save,
    SaveMapping,
    StartRecording,
    StopRecording,
    Unlearn,
    Unload,
    UseFile,
    UseMapping,
    UseMatrix,
)
from perform.stage.status import BindingStatus, TouchStatus
from perform.tui import keys, page_keys
from perform.tui.screens.chooser import MOST
from perform.tui.screens.dialog import Field
from perform.tui.screens.leave_dialog import LeaveDialog
from perform.tui.screens.model_browser import ModelBrowser
from perform.tui.screens.value_entry import ValueEntry
from perform.tui.stage_line import WAITING


async def test_recording_starts_at_once_and_stops_at_the_second_press(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press("r")
        await hands.until(lambda: stage.asked == [StartRecording()])
        stage.arena.set_meter("take/on", 1)
        await hands.press("r")
        assert "press r again within 2 s to stop" in hands.text()
        clock.now += 2.5
        await hands.press("r")
        assert stage.asked == [StartRecording()], "the presses lay too far apart"
        clock.now += 1.5
        await hands.press("r")
        await hands.until(lambda: stage.asked == [StartRecording(), StopRecording()])


async def test_a_second_panic_mutes_and_only_m_unmutes(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press("!")
        assert (hands.value("panic"), hands.value("master/mute")) == (1, 0)
        await hands.press("!")
        assert (hands.value("panic"), hands.value("master/mute")) == (1, 1)
        assert "MASTER MUTED: press M to unmute" in hands.text()
        await hands.press("!", "!", "!")
        assert hands.value("master/mute") == 1
        await hands.press("M")
        assert hands.value("master/mute") == 0
        assert "MASTER MUTED" not in hands.text()


async def test_a_take_that_no_disk_accepts_is_shown_large_while_it_happens(stage, clock):
    async with playing(stage, clock) as hands:
        stage.arena.set_meter("take/waiting", 12 * 48000)
        await hands.until(
            lambda: "THE TAKE CANNOT BE WRITTEN: free disk space; 12 s wait in memory" in hands.text()
        )
        stage.arena.set_meter("take/missed", 3 * 48000)
        await hands.until(lambda: "THE TAKE CANNOT BE WRITTEN: free disk space; 3 s LOST" in hands.text())
        stage.arena.set_meter("take/waiting", 0)
        await hands.until(lambda: "THE TAKE CANNOT" not in hands.text())


async def test_two_slow_presses_are_two_panics(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press("!")
        clock.now += 2.1
        await hands.press("!")
        assert (hands.value("panic"), hands.value("master/mute")) == (2, 0)


@pytest.mark.parametrize("dialog", ["o", "=", "?", "C", "S", "j", "ctrl+q", "ctrl+p"])
async def test_panic_works_under_every_dialog(stage, clock, dialog):
    async with playing(stage, clock) as hands:
        await hands.press(dialog)
        assert len(hands.app.screen_stack) == 2
        await hands.press("f12")
        assert hands.value("panic") == 1
        clock.now += 3
        if dialog != "ctrl+p":  # the palette is Textual's own and types it
            await hands.press("!")
            assert hands.value("panic") == 2
        await hands.press("escape")
        assert len(hands.app.screen_stack) == 1


async def test_learning_follows_the_cursor_until_esc(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press("l")
        assert "move a control to map it to deck/1/gain, esc to stop" in hands.text()
        await hands.press("down", "m", "\\")
        assert hands.value("deck/1/mute") == 0, "while learning, m names the switch and leaves it alone"
        await hands.press("escape", "m")
        wanted = [Learn(a) for a in ("deck/1/gain", "deck/1/pan", "deck/1/mute", "xfade", "")]
        await hands.until(lambda: stage.asked == wanted)
        assert hands.value("deck/1/mute") == 1


async def test_a_learned_control_is_named_beside_its_row(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press("l", "down")
        stage.words = status(
            *stage.words.decks[:3],
            bindings=(BindingStatus("deck/1/pan", "Twister 3:CC77"),),
            learnt="deck/1/pan",
        )
        await hands.until(lambda: "LEARNED  deck/1/pan ← Twister 3:CC77" in hands.text())
        assert "3:77" in hands.text()


async def test_learning_without_a_midi_device_says_that_none_is_connected(stage, clock):
    async with playing(stage, clock) as hands:
        stage.words = replace(stage.words, midi=(), osc="")
        await hands.press("l")
        await hands.until(lambda: "no MIDI device is connected: plug one in" in hands.text())
        stage.words = replace(stage.words, midi=("nanoKONTROL2 MIDI 1",))
        await hands.until(lambda: "no MIDI device" not in hands.text() and "LEARN " in hands.text())


async def test_learning_that_the_stage_ended_is_not_called_learned(stage, clock):
    """The parameter has a control from before, and no control moved for a minute."""
    async with playing(stage, clock) as hands:
        await hands.press("l")
        await hands.until(lambda: hands.app.view.learn_confirmed)
        assert hands.app.read_frame().control("deck/1/gain")
        stage.words = replace(stage.words, learning="", learn_note="no control has moved for 60 s")
        ended = (
            "LEARN  has ended: select a parameter to learn it, esc to stop   no control has moved for 60 s"
        )
        await hands.until(lambda: ended in hands.text())
        assert "LEARNED" not in hands.text()
        await hands.press("down")
        await hands.until(lambda: "move a control to map it to deck/1/pan" in hands.text())


async def test_a_refused_learn_leaves_the_screen_without_learning(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press("l")
        await hands.until(lambda: stage.asked == [Learn("deck/1/gain")])
        stage.refusal = WrongUse("an exp curve needs a range without zero")
        await hands.press("down")
        await hands.until(lambda: "▲ an exp curve needs" in hands.text())
        assert "LEARN" not in hands.text()


async def test_locating_shows_what_a_control_does_and_which_controls_a_parameter_has(stage, clock):
    def row(control: str, sends: str, to: str, layer: str = "device", hidden_by: str = "") -> BindingRow:
        return BindingRow("Box", control, sends, to, "absolute", "scale", layer, "box", hidden_by)

    stage.bindings = (
        row("knob 1", "1:CC16", "focus/pan"),
        row("knob 1", "1:CC16", "xfade"),
        replace(row("knob 1", "1:CC16", "focus/z/0/bias"), audible=True),
        row("fader 3", "CC2", "deck/3/gain", hidden_by="song dawn"),
        row("fader 3", "CC2", "nothing", layer="song"),
        row("fader 4", "1:CC3", "deck/3/gain"),
    )
    bound = [("focus/pan", "Box 1:CC16"), ("xfade", "Box 1:CC16"), ("deck/3/gain", "Box 1:CC3")]
    before = TouchStatus("Box 1:CC3=9", "deck/3/gain", 0, "Box", "1:CC3", 6)
    words = status(*stage.words.decks[:3], bindings=tuple(BindingStatus(*it) for it in bound), touched=before)
    stage.words = words = replace(words, other_mappings=1)
    async with playing(stage, clock, (160, 40)) as hands:

        async def touch(sends: str, address: str, number: int, turn: int = 0) -> None:
            touched = TouchStatus(f"Box {sends}=9", address, turn, "Box", sends, number)
            stage.words = replace(words, touched=touched)
            await hands.until(lambda: hands.app.frame.status.touched == touched)
            await hands.settle()

        stage.arena.knobs.set_deck(2, [], [0.1, 5.0])  # z0 can hardly be heard
        await hands.press("2", "i")
        await hands.until(lambda: hands.app.view.control_rows)
        await hands.settle()
        assert "◎ deck 2 gain ← no control" in hands.text(), "the touch before i does not count"
        assert "mapping nanokontrol2 +1 " in hands.text(), "another controller has another one"
        await hands.press("down")
        assert "◎ deck 2 pan ← Box knob 1 (1:CC16)" in hands.text()
        stage.arena.hardware[params.slot("deck/2/pan")] = 0.5
        await touch("1:CC16", "deck/2/pan", 7, turn=20)
        assert "◎ Box knob 1 (1:CC16) → deck 2 pan  0.00   turn right 20" in hands.text()
        assert "and xfade, deck 2 z1 bias   absolute, scale   device" in hands.text()
        await touch("1:CC3", "deck/3/gain", 8)
        assert "◎ Box fader 4 (1:CC3) → deck 3 gain" in hands.text()
        assert hands.app.read_frame().focus == 2, "a look at a control moves no other knob"
        await touch("1:CC2", "", 9)
        assert "◎ Box fader 3 (CC2) → nothing, by song box   l learns it" in hands.text()
        await touch("1:CC2", "", 10)
        await hands.press("3")
        assert "◎ deck 3 gain ← Box fader 4 (1:CC3)" in hands.text(), "its cursor is there"
        await hands.press("escape")
        assert "◎" not in hands.text()
        await hands.press("l", "i")
        await hands.until(lambda: Learn("") in stage.asked)
        assert hands.app.view.locate is not None


async def test_the_screen_shows_where_a_control_stands_and_how_far_to_turn_it(stage, clock):
    """`▹` in the bar of a parameter that something else has moved; the line TOUCHED says the way."""
    stands = {"deck/1/pan": (0.5, 0.75), "deck/1/gain": (-3.0, None), "xfade": (0.9, None)}
    async with playing(stage, clock, (160, 50)) as hands:

        async def touch(turn: int, number: int) -> None:
            touched = TouchStatus("Box 1:CC16=96", "deck/1/pan", turn, "Box", "1:CC16", number)
            stage.words = replace(stage.words, touched=touched)
            await hands.until(lambda: hands.app.frame.status.touched == touched)
            await hands.settle()

        def line(of: str) -> str:
            return next(it for it in hands.text().split("\n") if of in it)

        await hands.settle()
        assert "▹" not in hands.text(), "nothing is known of any control"
        for address, (value, _) in stands.items():
            stage.arena.hardware[params.slot(address)] = value
        await touch(turn=32, number=7)
        assert hands.text().count("▹") == len(stands)
        assert "Box 1:CC16=96 → deck 1 pan  0.00   turn right 32" in line("TOUCHED")
        await touch(turn=-32, number=8)
        assert "   turn left 32" in line("TOUCHED")
        stage.arena.table[params.slot("deck/1/pan")] = 0.5
        await touch(turn=0, number=9)
        assert hands.text().count("▹") == len(stands) - 1, "they have met"
        assert "turn" not in line("TOUCHED")


async def test_a_pad_learns_walk_by_the_dialog_and_sets_it(stage, clock, home):
    """From the typed word to the source of the deck: dialog, learning, mapping file, router."""
    async with playing(stage, clock) as hands:
        hands.app.view.selected[1] = "deck/1/source"
        await hands.press("l", "equals_sign", *"walk", "enter")
        await hands.until(lambda: len(stage.asked) == 2)
    command = stage.asked[1]
    assert command == Learn("deck/1/source", options=BindingOptions(value=params.SOURCES.index("walk")))
    layers = MappingLayers()
    learning = ControlLearning(layers)
    layers.read_all({})
    learning.learn(command.address, None, command.options)
    assert learning.bind("Pads", ControlId("note", 36, 10), ["Pads"])
    learning.save()
    written = mapping_files.load(home / "controllers" / "generic.toml")  # the player's own
    assert [it.to for it in written.bindings] == ["deck/1/source"]
    table = params.defaults()
    router = ControlRouter(table, stage.arena.meters, stage.arena.hardware)
    router.use(layers.routes(["Pads"]))
    for _ in range(2):
        router.handle("Pads", (0x99, 36, 20))
        router.handle("Pads", (0x89, 36, 0))
        assert params.SOURCES[int(table[params.slot("deck/1/source")])] == "walk"


async def test_mappings_of_the_focus_show_on_the_focused_deck(stage, clock):
    stage.words = status(*stage.words.decks[:3], bindings=(BindingStatus("focus/pan", "Twister 3:CC77"),))
    async with playing(stage, clock) as hands:
        assert hands.app.read_frame().control("deck/1/pan") == "Twister 3:CC77"
        await hands.press("2")
        assert hands.app.read_frame().control("deck/2/pan") == "Twister 3:CC77"
        assert hands.app.read_frame().control("deck/1/pan") == ""


async def test_a_mapping_of_an_address_is_shown_before_one_of_the_focus(stage, clock):
    bindings = (BindingStatus("focus/z/0/bias", "Any:CC1"), BindingStatus("deck/1/z/0/bias", "MyBox 1:CC33"))
    stage.words = status(*stage.words.decks[:3], bindings=bindings)
    async with playing(stage, clock) as hands:
        assert hands.app.read_frame().control("deck/1/z/0/bias") == "MyBox 1:CC33"


async def test_unlearn_and_leaving_while_learning(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press("L", "l")
        await hands.until(lambda: stage.asked == [Unlearn("deck/1/gain"), Learn("deck/1/gain")])
    assert stage.asked[-1] == Learn(""), "a screen that leaves must not leave the stage learning"


async def test_the_browser_loads_into_the_focused_deck_and_changes_no_parameter(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press("5")
        before = stage.arena.table.copy()
        await hands.press("o")
        await hands.until(lambda: "organ" in hands.text())
        assert "[bold]pipes[/bold]" in hands.text()
        assert "▲ not a perform model" in hands.text()
        await hands.press("o", "r", "g")
        assert "glass" not in hands.text()
        await hands.press("enter")
        await hands.until(lambda: stage.asked == [Load(5, "organ")])
        assert (stage.arena.table == before).all()
        await hands.until(lambda: "↻ LOADING" in hands.text())


async def test_the_browser_unloads(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press("o")
        await hands.until(lambda: "unload vintage" in hands.text())
        await hands.press(*"unlo", "enter")
        await hands.until(lambda: stage.asked == [Unload(1)])


async def test_a_filter_that_matches_nothing_loads_nothing(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press("o")
        await hands.until(lambda: "organ" in hands.text())
        await hands.press(*"[zz", "enter")
        assert "no model matches '[zz'" in hands.text()
        assert isinstance(hands.app.screen, ModelBrowser)
        await hands.press("escape")
        assert stage.asked == []


async def test_a_path_loads_the_file_it_names(stage, clock, home):
    path = home / "models" / "organ.safetensors"
    async with playing(stage, clock) as hands:
        await hands.press("o")
        await hands.until(lambda: "organ" in hands.text())
        hands.app.screen.query_one(Field).value = str(path)
        await hands.until(lambda: "load the file" in hands.text())
        await hands.press("enter")
        await hands.until(lambda: stage.asked == [Load(1, str(path))])


async def test_the_browser_stays_open_if_a_file_is_not_a_model(stage, clock, tmp_path):
    (tmp_path / "bad.safetensors").write_text("nothing")
    async with playing(stage, clock) as hands:
        await hands.press("o")
        await hands.until(lambda: "organ" in hands.text())
        hands.app.screen.query_one(Field).value = str(tmp_path / "bad.safetensors")
        await hands.until(lambda: "load the file" in hands.text())
        await hands.press("enter")
        await hands.until(lambda: "not a perform model" in hands.words())
        assert isinstance(hands.app.screen, ModelBrowser)
        await hands.press("escape")
        assert stage.asked == []


async def test_an_empty_library_names_perform_train(stage, clock, home):
    for path in (home / "models").iterdir():
        path.unlink()
    async with playing(stage, clock) as hands:
        await hands.press("o")
        await hands.until(lambda: "no models: make one with `perform train`" in hands.text())


async def test_mappings_are_chosen_and_saved(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press("C", "enter")
        await hands.until(lambda: stage.asked == [UseMapping("generic")])
        await hands.press("S", *(["backspace"] * 20), "/", "enter")
        assert "use letters, digits, spaces" in hands.text()
        await hands.press("backspace", *"mine", "enter")
        await hands.until(lambda: stage.asked[1:] == [SaveMapping("mine")])


async def test_the_page_of_the_mapping_tells_what_each_control_does_and_why(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press("D")
        await hands.until(lambda: "no controller is connected" in hands.text())
        await hands.press("escape")
        knob = BindingRow("Box [2]", "knob 1", "CC16", "deck/1/pan", "absolute", "scale", "device", "box")
        stage.bindings = (knob, replace(knob, sends="CC17", control="CC17", hidden_by="song dawn"))
        await hands.press("D")
        await hands.until(lambda: "Box [2]" in hands.text())
        lines = [" ".join(line.split()) for line in hands.text().splitlines()]
        assert any("knob 1 CC16 deck/1/pan absolute, scale device box" in line for line in lines)
        assert any("CC17 deck/1/pan absolute, scale hidden by song dawn" in line for line in lines)


async def test_a_refusal_is_shown_literally_in_one_line(stage, clock):
    async with playing(stage, clock) as hands:
        stage.refusal = WrongUse("no model is called '[b]x'", hint="there are: glass")
        await hands.press("r")
        await hands.until(lambda: "▲ no model is called '[b]x'; there are: glass" in hands.text())


async def test_markup_in_names_is_shown_as_it_is(stage, clock):
    async with playing(stage, clock) as hands:
        assert "[red]night[/] bus" in hands.text()
        assert "3 tensors are" in hands.text()


async def test_a_stalled_stage_does_not_hold_up_the_keys(stage, clock):
    async with playing(stage, clock) as hands:
        stage.free.clear()
        await hands.until(lambda: hands.app.stage_line.silence() > 0.1)
        params.set_value(stage.arena.table, "deck/1/pan", 0)
        await hands.press("down", "right", "l", "escape", "r")
        assert hands.value("deck/1/pan") == pytest.approx(0.02)
        assert stage.asked == []
        hands.app.stage_line._waiting_since -= 10
        await hands.settle()
        assert re.search(r"the stage has not answered for 1\d s; the knobs still work", hands.text())
        stage.free.set()
        await hands.until(lambda: stage.asked == [Learn("deck/1/pan"), Learn(""), StartRecording()])


async def test_keys_held_while_the_stage_is_stalled_do_not_pile_up(stage, clock):
    async with playing(stage, clock) as hands:
        stage.free.clear()
        await hands.until(lambda: hands.app.stage_line.silence() > 0.1)
        for _ in range(5 * WAITING):
            hands.app.stage_line.ask(AddMarker("held"))
        await hands.until(lambda: "the stage does not answer; what you pressed just now is" in hands.text())
        stage.free.set()
        await hands.until(lambda: len(stage.asked) == WAITING)
        assert hands.app.stage_line._commands.empty()


async def test_the_screen_closes_even_if_the_stage_never_answers(stage, clock):
    async with playing(stage, clock) as hands:
        stage.free.clear()
        await hands.until(lambda: hands.app.stage_line.silence() > 0.1)
        await hands.press("ctrl+q", "k")
    assert hands.app.return_value == "leave"


async def test_the_screen_survives_the_end_of_the_stage_and_shows_it(stage, clock):
    async with playing(stage, clock) as hands:
        stage.dead = True
        await hands.until(lambda: "the stage has ended: press ctrl+q to leave" in hands.text())
        await hands.press("right", "m", "o", "escape", "r", "l", "escape", "!")
        assert "the stage has ended" in hands.text()
        assert "LIVE" not in hands.text()
        assert "ENDED" in hands.text()
        frame = hands.app.read_frame()
        assert not any(frame.meters), "nothing of the last moment stands still"
        await hands.press("ctrl+q")
    assert isinstance(hands.app.stage_line.gone, StageGone)


@pytest.mark.parametrize(
    ("keys", "result"),
    [(("k",), "leave"), (("s",), "stop"), (("enter",), "leave"), (("down", "enter"), "stop")],
)
async def test_leaving_while_sound_is_live_asks(stage, clock, keys, result):
    async with playing(stage, clock) as hands:
        await hands.press("ctrl+q")
        assert isinstance(hands.app.screen, LeaveDialog)
        await hands.press("b")
        assert not isinstance(hands.app.screen, LeaveDialog)
        await hands.press("ctrl+q", "ctrl+q")
        assert len(hands.app.screen_stack) == 2
        await hands.press(*keys)
    assert hands.app.return_value == result


def quiet(stage, changed: bool) -> None:
    """Nothing sounds."""
    for d in (1, 2, 3):
        stage.arena.set_meter(f"deck/{d}/state", 0)
    stage.words = replace(stage.words, songs=replace(stage.words.songs, changed=changed))


async def test_leaving_in_silence_stops_without_a_question(stage, clock):
    quiet(stage, changed=False)
    async with playing(stage, clock) as hands:
        await hands.pilot.press("ctrl+q")
    assert hands.app.return_value == "stop"


async def test_leaving_with_unsaved_changes_asks_and_can_save(stage, clock):
    quiet(stage, changed=True)
    async with playing(stage, clock) as hands:
        await hands.press("ctrl+q")
        assert "▲ the set has unsaved changes" in hands.text()
        await hands.press("ctrl+s")
        await hands.until(lambda: stage.asked == [Save()])
        await hands.press("s")
    assert hands.app.return_value == "stop"


async def test_the_status_bar_shows_the_age_of_the_last_dropout(stage, clock):
    async with playing(stage, clock) as hands:
        assert "XRUN 0 " in hands.text()
        stage.arena.set_meter("deck/2/late", 2)
        stage.arena.set_meter("xruns", 1)
        hands.app.tick()
        clock.now += 12
        await hands.settle()
        assert "XRUN 3 12 s ago" in hands.text()


async def test_a_deck_counts_late_and_bad_blocks(stage, clock):
    async with playing(stage, clock, (240, 40)) as hands:
        stage.arena.set_meter("deck/2/late", 2)
        await hands.settle()
        assert "late 2" in hands.text()
        stage.arena.set_meter("deck/2/bad", 3)
        await hands.settle()
        assert "bad 3" in hands.text()


async def test_a_stopped_mixer_is_shown(stage, clock):
    stage.arena.set_meter("frames", 4800)
    async with playing(stage, clock) as hands:
        assert "the mixer has stopped" not in hands.text()
        clock.now += 1.5
        await hands.settle()
        assert "the mixer has stopped" in hands.text()
        stage.arena.set_meter("frames", 9600)
        await hands.settle()
        assert "the mixer has stopped" not in hands.text()


async def test_every_palette_entry_names_an_action_that_exists(stage, clock):
    async with playing(stage, clock) as hands:
        app = hands.app
        await hands.press("j")
        for key in (*keys.ALWAYS, *keys.KEYS, *page_keys.SET_LIST):
            owner = app.screen if key in page_keys.SET_LIST else app._play
            owner = app if key.action.startswith("app.") else owner
            assert hasattr(owner, f"action_{key.action.removeprefix('app.').partition('(')[0]}"), key
        named = {c.title for c in app.get_system_commands(app.screen)}
        assert {
            "mute",
            "record a take; press twice within 2 s to stop",
            "focus deck 8",
            "undo",
            "recall scene F9",
        } <= named
        assert {key.description for key in page_keys.SET_LIST} <= named, "on the set list, its keys as well"
        await hands.press("escape")
        named = {c.title for c in app.get_system_commands(app.screen)}
        assert "save the set under a name" in named
        assert "remove the marked song" not in named, "there is no mark"


async def test_the_palette_runs_actions(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press("ctrl+p", *"freeze", "enter")
        await hands.until(lambda: len(hands.app.screen_stack) == 1 and hands.value("deck/1/freeze") == 1)


async def test_the_palette_finds_parameters_and_takes_a_value(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press("2", "ctrl+p", *"deck 2 pan", "enter")
        await hands.until(lambda: isinstance(hands.app.screen, ValueEntry))
        await hands.press(*"-0.5", "enter")
        assert hands.value("deck/2/pan") == -0.5
        assert hands.app.frame.selected.address == "deck/2/pan", "the cursor is there"
        await hands.press("ctrl+p", *"master gain", "enter")
        await hands.until(lambda: isinstance(hands.app.screen, ValueEntry))
        await hands.press("escape")


async def test_a_locked_layout_takes_no_value_from_the_palette(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press("f10")
        command = next(c for c in hands.app.get_system_commands(hands.app.screen) if c.title == "master gain")
        command.callback()
        await hands.settle()
        assert hands.app.view.locked
        assert not isinstance(hands.app.screen, ValueEntry)


async def test_keys_can_be_remapped_by_id(stage, clock):
    async with playing(stage, clock) as hands:
        hands.app.set_keymap({"deck.mute": "j"})
        await hands.press("m")
        assert hands.value("deck/1/mute") == 0
        await hands.press("j")
        assert hands.value("deck/1/mute") == 1


@pytest.mark.parametrize("more", [keys.KEYS, page_keys.SET_LIST])
def test_ids_and_keys_are_unique(more):
    table = (*keys.ALWAYS, *more)
    assert len({k.id for k in table}) == len(table)
    each = [key for k in table for key in k.keys.split(",")]
    assert len(set(each)) == len(each)


def _sounds(home: Path) -> Path:
    folder = home / "sounds"
    (folder / "field").mkdir(parents=True)
    soundfile.write(folder / "field" / "rain.wav", np.zeros((44100 * 62, 1), np.float32), 44100)
    (folder / "broken.flac").write_bytes(b"fLaC")
    return folder


async def test_a_sound_file_is_chosen_for_a_deck(stage, clock, home):
    _sounds(home)
    async with playing(stage, clock) as hands:
        await hands.press("O")
        await hands.until(lambda: "field/rain.wav" in hands.text())
        assert "1:02  44.1 kHz  mono" in hands.text()
        assert "▲ cannot be read as sound" in hands.text()
        assert "the source is `file`" in hands.text(), "otherwise the file would not play"
        await hands.press(*"bro", "enter")
        assert len(hands.app.screen_stack) == 2 and not stage.asked
        assert f"▲ {home}"[:30] in hands.text(), "why it cannot be"
        await hands.press(*["backspace"] * 3, *"rain", "enter")
        await hands.until(lambda: stage.asked == [UseFile(1, "field/rain.wav")])
        assert len(hands.app.screen_stack) == 1


async def test_without_sounds_a_path_can_be_typed(stage, clock, home, tmp_path):
    (tmp_path / "x.wav").write_bytes((_sounds(home) / "field" / "rain.wav").read_bytes())
    shutil.rmtree(home / "sounds")
    async with playing(stage, clock) as hands:
        await hands.press("O")
        await hands.until(lambda: "no sounds yet: type a path, or put files into" in hands.text())
        hands.app.screen.query_one(Field).value = str(tmp_path / "x.wav")
        await hands.until(lambda: "use the file" in hands.text())
        await hands.press("enter")
        await hands.until(lambda: stage.asked == [UseFile(1, str(tmp_path / "x.wav"))])


async def test_a_path_is_completed_as_in_a_shell(stage, clock, home, tmp_path):
    """Tab adds what all entries have in common; enter on a folder looks into it; other files are left out."""
    (tmp_path / "Recordings" / "rainy day").mkdir(parents=True)
    shutil.copy(_sounds(home) / "field" / "rain.wav", tmp_path / "Recordings" / "rainy day" / "roof.wav")
    (tmp_path / "Recordings" / "rainy day" / "roof.txt").touch()
    (tmp_path / "Recordings" / "rainy night").mkdir()
    async with playing(stage, clock) as hands:
        await hands.press("O")
        field = hands.app.screen.query_one(Field)
        field.value = f"{tmp_path}/rec"
        await hands.until(lambda: f"{tmp_path}/Recordings/" in hands.text())
        assert "tab completes" in hands.text()
        await hands.press("tab")
        await hands.until(lambda: "rainy night/" in hands.text())
        await hands.press("tab")
        assert field.value == f"{tmp_path}/Recordings/rainy "
        await hands.press("enter")
        await hands.until(lambda: "roof.wav" in hands.text())
        assert field.value.endswith("/rainy day/")
        assert "roof.txt" not in hands.text()
        await hands.press("enter")
        await hands.until(lambda: stage.asked == [UseFile(1, f"{tmp_path}/Recordings/rainy day/roof.wav")])


async def test_tab_adds_no_letter_that_only_some_entries_have(stage, clock, home, tmp_path):
    """Also where a letter has another length in lower case, and where a folder has more than is shown."""
    for name in ("Straße 1", "Straße 2", *(f"tone {n}" for n in range(MOST)), "tuba"):
        (tmp_path / name).mkdir()
    async with playing(stage, clock) as hands:
        await hands.press("o")
        await hands.until(lambda: "tab catalogue" in hands.text())
        field = hands.app.screen.query_one(Field)
        options = hands.app.screen.query_one(OptionList).options
        for typed, first, completed in (("str", "Straße 1", "Straße "), ("t", "tone 0", "t")):
            field.value = f"{tmp_path}/{typed}"
            await hands.until(lambda first=first: options and options[0].id == f">{tmp_path}/{first}/")
            await hands.press("tab")
            assert field.value == f"{tmp_path}/{completed}"
        assert str(options[-1].prompt) == "and 1 more: type on"


async def test_the_chooser_marks_and_removes_the_decks_file(stage, clock, home):
    _sounds(home)
    stage.words = status(replace(stage.words.decks[0], file="field/rain.wav"), *stage.words.decks[1:3])
    stage.arena.table[params.slot("deck/1/source")] = params.SOURCES.index("file")
    async with playing(stage, clock) as hands:
        assert re.search(r"source +FILE rain\.wav", hands.text())
        hands.app.view.selected[1] = "deck/1/source"
        await hands.until(lambda: "field/rain.wav (O)" in hands.text())
        await hands.press("O")
        await hands.until(lambda: "● field/rain.wav" in hands.text())
        assert "which a chooses" not in hands.text()
        await hands.press(*"no file", "enter")
        await hands.until(lambda: stage.asked == [UseFile(1, "")])


async def test_a_matrix_is_chosen_for_a_follower(stage, clock, home):
    folder = _sounds(home)
    sides = MatrixSide("bells", "b" * 64, 2), MatrixSide("vintage", "v" * 64, 8)
    made = LatentMatrix(*sides, np.zeros((8, 2), np.float32), np.zeros(8, np.float32), 0.71)
    matrices.save(folder / "bells-vintage.matrix", made)
    stage.arena.table[params.slot("deck/1/source")] = params.SOURCES.index("deck")
    async with playing(stage, clock) as hands:
        assert re.search(r"source +DECK by variance", hands.text())
        await hands.press("O")
        await hands.until(lambda: "bells → vintage  explains 71 %" in hands.text())
        assert "rain.wav" not in hands.text()
        await hands.press("enter")
        await hands.until(lambda: stage.asked == [UseMatrix(1, "bells-vintage.matrix")])
