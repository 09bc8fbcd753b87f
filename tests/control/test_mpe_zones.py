"""MPE: each finger moves its own parameters, whatever channel it gets, and gives them back when it leaves."""

from __future__ import annotations

import pytest

from perform.control.binding import Binding
from perform.control.control_values import centred
from perform.control.finger_rows import FingerRows
from perform.control.mapping import Mapping
from perform.core import params
from perform.core.arena import Arena
from perform.library.song import ModulationRow
from perform.stage.modulation_writer import ModulationWriter
from tests.control.test_router import PORT, Rig

BASE = 0.25  #: value of the latents before the fingers come


def rig(*bindings: Binding) -> Rig:
    made = Rig(*bindings, takeover="scale")
    for latent in range(6):
        made.table[params.slot(f"deck/1/z/{latent}/bias")] = BASE
    return made


def latents(made: Rig, *numbers: int) -> list[float]:
    return [made.get(f"deck/1/z/{number}/bias") for number in numbers]


PRESSES = [Binding(f"finger {n + 1} press", f"deck/1/z/{n}/bias", range=(0, 3)) for n in range(2)]


def test_each_finger_moves_its_own_latent_and_gives_it_back() -> None:
    made = rig(*PRESSES, Binding("finger 1 slide", "deck/1/z/2/bias", range=(-1, 1)))
    made(0xD4, 20), made(0xB4, 74, 127), made(0x94, 60, 90)  # values come before the note
    made(0x92, 67, 90)
    made(0xD2, 127)
    assert latents(made, 0, 1, 2) == [3 * centred(20), 3.0, 1.0]
    made(0xD4, 64), made(0xB4, 74, 64)
    assert latents(made, 0, 1, 2) == [1.5, 3.0, 0.0]
    made(0x84, 60, 0)
    assert latents(made, 0, 1, 2) == [BASE, 3.0, BASE]
    made(0x97, 70, 90), made(0xD7, 127)
    assert latents(made, 0, 1) == [3.0, 3.0], "the next finger on another channel is finger 1 again"
    made(0x92, 67, 0), made(0x97, 70, 0)
    assert latents(made, 0, 1) == [BASE, BASE], "note on with velocity 0 is a release"
    assert made.meter("unmapped") == 0 or made.router.touch


def test_a_slide_over_an_octave_covers_the_range_of_a_bend() -> None:
    made = rig(Binding("finger 1 bend", "deck/1/z/3/bias", range=(-3, 3)))
    made(0x91, 60, 90)
    assert latents(made, 3) == [0.0]
    semitone = 8192 / 48
    for semitones, value in ((6, 1.5), (-12, -3.0), (24, 3.0)):
        bend = 8192 + round(semitones * semitone)
        made(0xE1, bend & 127, bend >> 7)
        assert latents(made, 3) == [pytest.approx(value, abs=0.01)]
    made(0xB1, 101, 0), made(0xB1, 100, 0), made(0xB1, 6, 24)  # the members bend by 24 semitones
    made(0xE1, 0, 64 + 16)
    assert latents(made, 3) == [pytest.approx(1.5, abs=0.01)]
    made(0x81, 60, 0)
    assert latents(made, 3) == [BASE]


def test_absolute_leaves_the_parameter_where_the_finger_left_it() -> None:
    made = rig(Binding("finger 1 press", "deck/1/z/0/bias", range=(0, 3), mode="absolute"))
    made(0x91, 60, 90), made(0xD1, 127), made(0xD1, 64), made(0x81, 60, 0)
    assert latents(made, 0) == [1.5]


def test_the_zones_are_those_that_the_device_announces() -> None:
    def announce(made: Rig, master: int, members: int) -> None:
        status = 0xB0 + master - 1
        made(status, 101, 0), made(status, 100, 6), made(status, 6, members)

    made = rig(*PRESSES, Binding("bend", "deck/1/z/4/bias", range=(-3, 3), channel=9))
    announce(made, 1, 4)
    made(0x91, 60, 90), made(0xD1, 127)
    made(0xE8, 127, 127), made(0xE8, 0, 0)
    assert latents(made, 0, 4) == [3.0, -3.0], "channel 9 is no member"
    announce(made, 16, 12)  # leaves two members to the lower zone
    made(0x9E, 60, 90), made(0xDE, 127)
    assert latents(made, 1) == [3.0]
    assert made.router.touch and made.router.touch.text() == f"{PORT} 16:finger 2 press=127"
    made(0xD3, 10)
    announce(made, 1, 0), announce(made, 16, 0)


def test_fingers_are_released_by_a_vanished_device_a_panic_and_a_change_of_mapping() -> None:
    for release in (
        lambda made: made.router.disconnect(PORT),
        lambda made: params.trigger(made.table, "panic"),
        lambda made: (made.router.use({PORT: []}), made(0x81, 60, 0)),
    ):
        made = rig(*PRESSES)
        made(0x91, 60, 90), made(0xD1, 127)
        assert latents(made, 0) == [3.0]
        release(made)
        made.router.tick()
        assert latents(made, 0) == [BASE]


def test_an_eleventh_finger_plays_nothing_and_frees_nothing() -> None:
    made = rig(*[Binding(f"finger {n} press", "xfade") for n in range(1, 11)])
    for channel in range(1, 13):
        made(0x90 + channel, 60, 90)
    for channel in range(1, 13):
        made(0x80 + channel, 60, 0)
    assert made.get("xfade") == 0.5


def test_an_eleventh_finger_that_leaves_unheard_keeps_no_later_finger() -> None:
    made = rig(Binding("finger 1 press", "deck/1/z/0/bias", range=(0, 3)))
    for channel in range(1, 12):
        made(0x90 + channel, 60, 90)
    for channel in range(1, 11):
        made(0x80 + channel, 60, 0)
    made.router.use({PORT: []})  # a song without fingers: the eleventh leaves now
    made(0x8B, 60, 0)
    made = again(made, Binding("finger 1 press", "deck/1/z/0/bias", range=(0, 3)))
    made(0x9B, 62, 90), made(0xDB, 127)
    assert latents(made, 0) == [3.0]
    made(0x8B, 62, 0)
    assert latents(made, 0) == [BASE]


def again(made: Rig, *bindings: Binding) -> Rig:
    """The mapping with fingers is back."""
    made.use(Mapping("test", (), bindings, "jump"))
    return made


def test_a_finger_leaves_when_its_channel_leaves_the_zone() -> None:
    made = rig(*PRESSES)
    made(0x98, 60, 90), made(0xD8, 127)
    assert latents(made, 0) == [3.0]
    made(0xB0, 101, 0), made(0xB0, 100, 6), made(0xB0, 6, 5)  # channel 9 is no member any more
    assert latents(made, 0) == [BASE]
    made(0x91, 62, 90), made(0xD1, 127)
    assert latents(made, 0, 1) == [3.0, BASE], "its number is free again"
    made(0x88, 60, 0)
    assert latents(made, 0) == [3.0]


def test_two_notes_on_one_channel_are_one_finger() -> None:
    made = rig(*PRESSES)
    made(0x91, 60, 90), made(0x91, 64, 90), made(0xD1, 127)
    assert latents(made, 0, 1) == [3.0, BASE]
    made(0x81, 60, 0)
    assert latents(made, 0) == [3.0], "the other key is still held"
    made(0x81, 64, 0)
    assert latents(made, 0) == [BASE]


def fingers(made: Rig, *names: str) -> list[float]:
    return [made.get(f"finger/{name}") for name in names]


def test_fingers_of_a_song_need_no_binding_and_rest_when_they_leave() -> None:
    made = rig(Binding("pressure", "deck/1/z/5/bias", range=(0, 3)))
    made(0x91, 60, 90), made(0xD1, 127)
    assert fingers(made, "1/press") == [0.0], "this is no MPE keyboard"
    assert latents(made, 5) == [3.0]
    made.router.song_has_fingers = True
    made(0x91, 60, 90), made(0xD1, 64), made(0xB1, 74, 127), made(0xE1, 0, 64 + 16)
    assert fingers(made, "1/press", "1/slide", "1/bend") == [0.5, 1.0, 1.0]
    assert made.router.touch and made.router.touch.slot == params.slot("finger/1/bend")
    assert latents(made, 5) == [1.5], "what the mapping binds plays on"
    made(0x93, 64, 90), made(0xD3, 127)
    assert fingers(made, "2/press", "2/bend") == [1.0, 0.5]
    made.router.song_has_fingers = False
    made(0x81, 60, 0)
    assert fingers(made, "1/press", "1/slide", "1/bend", "2/press") == [0.0, 0.5, 0.5, 1.0]
    made.router.song_has_fingers = True
    made.router.disconnect(PORT)
    made.router.tick()
    assert fingers(made, "2/press", "2/bend") == [0.0, 0.5]
    made(0x92, 60, 90), made(0xD2, 64)
    params.trigger(made.table, "panic")
    made.router.tick()
    assert fingers(made, "1/press") == [0.0]


def test_a_song_with_rows_of_fingers_is_noticed(arena: Arena) -> None:
    rows, writer = FingerRows(arena), ModulationWriter(arena)
    assert not rows.any()
    for source, wanted in (("finger 10 slide", True), ("macro 8", False), ("hold 1", False)):
        writer.write([ModulationRow(source, "deck/1/z/0/bias", 0.0, 1.0)])
        assert rows.any() == wanted
