"""From MIDI bytes to parameter values: exact ends of the range, every mode, and invalid bytes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perform.control import mapping_files
from perform.control.binding import Binding
from perform.control.control_values import centred
from perform.control.hand import Takeover
from perform.control.mapping import Mapping
from perform.control.midi_parser import MidiParser
from perform.control.port_routes import RoutedLayer
from perform.control.router import MOVED, ControlRouter
from perform.core import params
from perform.core.arena_layout import METER_SLOTS, Meters
from perform.core.beat import BeatLine
from perform.core.knob_ranges import KnobRanges
from perform.core.modulation import Modulation, Row, mask, pack_rows
from perform.core.modulators import MODULATORS, moment, resting_phases
from perform.core.params import SPEC_AT, Table
from perform.core.spec import MODULE_DEFAULT, Curve
from tests.control.test_mapping import bindings

PORT = "nanoKONTROL2"


class Rig:
    def __init__(
        self,
        *bindings: Binding,
        ports: tuple[str, ...] = (),
        on: tuple[str, ...] = (PORT,),
        takeover: Takeover = "jump",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.table: Table = params.defaults()
        self.meters: Meters = np.zeros(len(METER_SLOTS))
        self.hardware: Table = np.full_like(self.table, math.nan)
        self.knobs = KnobRanges.full()
        self.router = ControlRouter(self.table, self.meters, self.hardware, clock, self.knobs)
        self.use(Mapping("test", ports, bindings, takeover), on=on)

    def use(self, *mappings: Mapping, on: tuple[str, ...] = (PORT,), one_channel: bool = False) -> None:
        """Lay the mappings over each other, the first beneath."""
        self.router.use(
            {
                port: [
                    RoutedLayer(
                        [it for it in mapping.bindings if mapping.responds_to(port, it, on)],
                        mapping.takeover,
                        one_channel,
                    )
                    for mapping in mappings
                ]
                for port in on
            }
        )

    def __call__(self, *data: int, port: str = PORT) -> None:
        self.router.handle(port, data)

    def get(self, address: str) -> float:
        return float(self.table[params.slot(address)])

    def meter(self, name: str) -> float:
        return float(self.meters[METER_SLOTS[f"control/{name}"]])


@pytest.mark.parametrize("curve", ["lin", "exp", "s"])
@pytest.mark.parametrize("invert", [False, True])
@pytest.mark.parametrize("ends", [(0.3, 2.9), (2.9, 0.3), (0.1, 0.7)])
@pytest.mark.parametrize("control", ["cc 9", "bend", "note 9"])
def test_the_ends_of_a_range_are_exact(
    curve: Curve, invert: bool, ends: tuple[float, float], control: str
) -> None:
    rig = Rig(Binding(control, "deck/1/speed", range=ends, curve=curve, invert=invert))
    low, high = reversed(ends) if invert else ends
    bottom, top = {
        "cc 9": ((0xB0, 9, 0), (0xB0, 9, 127)),
        "bend": ((0xE0, 0, 0), (0xE0, 127, 127)),
        "note 9": ((0x80, 9, 0), (0x90, 9, 127)),
    }[control]
    rig(*top)
    assert rig.get("deck/1/speed") == high
    rig(*bottom)
    assert rig.get("deck/1/speed") == (1.0 if control == "note 9" else low), "a note goes back"


def test_pitch_bend_zero_is_the_middle_of_the_range() -> None:
    rig = Rig(Binding("bend", "deck/1/pan"), Binding("bend", "deck/1/z/3/bias", range=(-3, 1), curve="s"))
    rig(0xE0, 1, 0)
    rig(0xE0, 0, 64)
    assert rig.get("deck/1/pan") == 0.0 and rig.get("deck/1/z/3/bias") == -1.0
    last = -math.inf
    for pitch in range(0, 16384, 7):  # 14 bits, rising all the way
        rig(0xE0, pitch & 127, pitch >> 7)
        assert rig.get("deck/1/pan") > last
        last = rig.get("deck/1/pan")


def test_buttons_and_pads_toggle() -> None:
    rig = Rig(
        Binding("cc 48", "deck/1/mute", mode="toggle"),
        Binding("note 1", "deck/2/mute"),
        Binding("note 2", "deck/1/side"),
        Binding("note 3", "deck/1/pan", range=(-0.5, 0.5), mode="toggle"),
        Binding("note 4", "deck/3/side", range=(2, 0)),
    )
    for expected in (1.0, 0.0, 1.0):
        rig(0xB0, 48, 127), rig(0xB0, 48, 127), rig(0xB0, 48, 0)
        rig(0x90, 1, 1), rig(0x90, 1, 0)
        assert rig.get("deck/1/mute") == rig.get("deck/2/mute") == expected
    sides = []
    for _ in range(4):
        rig(0x90, 2, 9), rig(0x90, 4, 9)
        sides.append((rig.get("deck/1/side"), rig.get("deck/3/side")))
    assert sides == [(2, 0), (0, 2), (1, 1), (2, 0)]
    for expected in (0.5, -0.5, 0.5):
        rig(0x90, 3, 100)
        assert rig.get("deck/1/pan") == expected


def test_a_note_sets_a_value_by_velocity_until_its_release_or_for_good() -> None:
    rig = Rig(
        Binding("note 1", "deck/1/pan"),
        Binding("note 1", "deck/2/pan", mode="absolute"),
        Binding("note 1", "deck/1/freeze", mode="momentary"),
    )
    rig(0x90, 1, 127)
    assert rig.get("deck/1/pan") == rig.get("deck/2/pan") == rig.get("deck/1/freeze") == 1.0
    rig(0x80, 1, 64)
    assert (rig.get("deck/1/pan"), rig.get("deck/2/pan"), rig.get("deck/1/freeze")) == (0.0, 1.0, 0.0)
    rig(0x90, 1, 1)
    assert rig.get("deck/1/freeze") == 1.0, "a low velocity also switches"


def test_an_action_fires_once_per_press() -> None:
    rig = Rig(Binding("cc 42", "panic"), Binding("note 3", "focus/reset"))
    for value in (0, 64, 127, 90, 63, 64, 47, 127):
        rig(0xB0, 42, value)
    rig(0x90, 3, 1), rig(0x80, 3, 0), rig(0x90, 3, 1)
    assert rig.get("panic") == 2 and rig.get("deck/1/reset") == 2


def test_focus_addresses_move_the_deck_that_has_the_focus_now() -> None:
    rig = Rig(Binding("cc 1", "focus/pan"), Binding("note 1", "focus", range=(3, 3)))
    rig(0xB0, 1, 127)
    rig(0x90, 1, 5), rig(0x80, 1, 0)
    rig(0xB0, 1, 0)
    assert (rig.get("deck/1/pan"), rig.get("deck/3/pan")) == (1.0, -1.0)
    for odd, deck in ((math.nan, 1), (99.0, 8), (-1.0, 1), (2.6, 3)):
        rig.table[params.slot("focus")] = odd
        rig(0xB0, 1, 127)
        assert rig.get(f"deck/{deck}/pan") == 1.0


def test_a_binding_responds_only_to_its_channel_and_port() -> None:
    rig = Rig(
        Binding("cc 1", "deck/1/pan", channel=2),
        Binding("cc 1", "deck/2/pan", port="MIX"),
        ports=("kontrol",),
        on=(PORT, "MIDI Mix"),
    )
    rig(0xB0, 1, 127)
    assert rig.meter("unmapped") == 1
    rig(0xB1, 1, 127)
    rig(0xBF, 1, 0, port="MIDI Mix")
    assert rig.router.touch and params.ADDRESSES[rig.router.touch.slot] == "deck/2/pan"
    rig(0xB1, 1, 0, port="unknown")
    assert (rig.get("deck/1/pan"), rig.get("deck/2/pan")) == (1.0, -1.0)
    assert rig.meter("count") == 2 and rig.meter("unmapped") == 2


def test_while_learning_channel_messages_are_kept_for_it() -> None:
    rig = Rig()
    rig(0xB0, 7, 1)
    rig.router.learning = True
    for data in ((0xF8,), (0xF0, 1, 0xF7), (), (0xB3, 9, 1)):
        rig(*data)
    assert [it[:2] for it in rig.router.moved] == [(PORT, (0xB3, 9, 1))]
    for value in range(5000):
        rig(0xB0, 10 + value % 2, value % 128)
    assert len(rig.router.moved) == MOVED and rig.router.moved[-1][1] == (0xB0, 11, 7), "it is bounded"


messages = st.lists(
    st.lists(st.integers(0, 255), max_size=6)
    | st.tuples(st.integers(0x80, 0xEF), st.integers(0, 127), st.integers(0, 127)).map(list)
    | st.lists(st.integers(-5, 300), max_size=4),
    max_size=40,
)


@settings(max_examples=120)
@given(bindings=st.lists(bindings(), max_size=8), stream=messages, odd=st.floats())
def test_no_message_raises_or_sets_a_value_out_of_range(
    bindings: list[Binding], stream: list[list[int]], odd: float
) -> None:
    rig = Rig(*bindings)
    if bindings:
        slot = params.slot(bindings[0].addresses[0])
        rig.table[slot] = SPEC_AT[slot].clamp(odd) if SPEC_AT[slot].action else odd
    touched = {params.slot(a) for binding in bindings for a in binding.addresses}
    before = rig.table.copy()
    rig.router.learning = True
    for data in stream:
        rig(*data)
    for slot in np.flatnonzero(rig.table != before):
        value = float(rig.table[slot])
        assert slot in touched or np.isnan(before[slot])
        assert np.isnan(before[slot]) or (math.isfinite(value) and SPEC_AT[slot].clamp(value) == value)


def test_random_bytes_set_only_values_in_range() -> None:
    rig = Rig(*mapping_files.load(mapping_files.bundled() / "generic.toml").bindings)
    noise = np.random.default_rng(1).integers(0, 256, 300_000).tolist()
    for at in range(0, len(noise) - 3, 3):
        rig(*noise[at : at + 3])
    for slot, value in enumerate(rig.table):
        assert math.isfinite(value) and SPEC_AT[slot].clamp(float(value)) == value


@pytest.mark.parametrize(
    "data", [(), (0xB0,), (0xB0, 1), (0xB0, 1, 128), (7, 100), (0xF0, 1, 2), (0xF7,), (0xFE,)]
)
def test_other_messages_are_ignored(data: tuple[int, ...]) -> None:
    assert list(MidiParser().parse(data)) == []


def test_a_program_change_sets_its_number() -> None:
    rig = Rig(Binding("program", "song/jump"), Binding("program", "focus", channel=3))
    rig(0xC0, 0)
    assert rig.get("song/jump") == 1
    rig(0xC0, 127)
    assert rig.get("song/jump") == 128
    rig(0xC2, 4)
    assert rig.get("focus") == 5
    assert not math.isnan(rig.get("song/jump")) and rig.meter("unmapped") == 0


def test_a_switch_is_released_on_the_deck_where_it_was_pressed() -> None:
    rig = Rig(Binding("cc 64", "focus/freeze"), takeover="scale")
    rig(0xB0, 64, 127)
    rig.table[params.slot("focus")] = 2
    rig(0xB0, 64, 0)
    assert (rig.get("deck/1/freeze"), rig.get("deck/2/freeze")) == (0.0, 0.0)


def test_a_vanished_device_and_a_panic_release_pressed_controls() -> None:
    rig = Rig(Binding("cc 64", "deck/1/freeze"), Binding("note 1", "deck/1/pan"), Binding("cc 9", "panic"))
    rig(0xB0, 64, 127), rig(0x90, 1, 127)
    assert (rig.get("deck/1/freeze"), rig.get("deck/1/pan")) == (1.0, 1.0)
    rig.router.disconnect(PORT), rig.router.tick()
    assert (rig.get("deck/1/freeze"), rig.get("deck/1/pan")) == (0.0, 0.0)
    rig(0xB0, 64, 127)
    assert rig.get("deck/1/freeze") == 0.0, "still held when it came back: not a new press"
    rig(0xB0, 64, 0), rig(0xB0, 64, 127), rig(0x90, 1, 127)
    assert (rig.get("deck/1/freeze"), rig.get("deck/1/pan")) == (1.0, 1.0)
    rig(0xB0, 9, 127), rig.router.tick()
    assert (rig.get("deck/1/freeze"), rig.get("deck/1/pan"), rig.get("panic")) == (0.0, 0.0, 1.0)


def test_the_first_press_after_a_replug_counts_if_the_control_was_let_go() -> None:
    now = [100.0]
    rig = Rig(Binding("cc 64", "song/go"), clock=lambda: now[0])
    rig(0xB0, 64, 127)
    for pause, presses in ((0.2, 1), (30.0, 2)):
        rig.router.disconnect(PORT), rig.router.tick()
        now[0] += 10.0
        rig.router.connect(PORT)
        now[0] += pause
        rig(0xB0, 64, 127)
        assert rig.get("song/go") == presses, f"{pause} s after it was plugged in"


def test_only_the_press_sets_a_value() -> None:
    rig = Rig(
        Binding("note 1", "scene/recall", range=(3, 3)),
        Binding("note 2", "scene/recall", value="2"),
        Binding("note 3", "deck/1/source", value="walk"),
        Binding("cc 4", "deck/1/pan", value=-0.5),
    )
    for pad, scene in ((1, 3), (2, 2)):
        rig(0x90, pad, 100)
        assert rig.get("scene/recall") == scene
        rig.table[params.slot("scene/recall")] = 0  # the stage has recalled it
        rig(0x80, pad, 0)
        assert rig.get("scene/recall") == 0
    rig(0x90, 3, 1), rig(0xB0, 4, 127)
    assert (rig.get("deck/1/source"), rig.get("deck/1/pan")) == (2.0, -0.5)


def test_a_knob_takes_over_after_a_song_or_the_focus_moved_its_parameter() -> None:
    """A small turn must not move the gain by 42 dB, or a latent from one end to the other."""
    rig = Rig(
        Binding("cc 7", "focus/gain"), Binding("cc 8", "deck/1/z/0/bias", takeover="jump"), takeover="scale"
    )
    rig(0xB0, 7, 120), rig(0xB0, 7, 119)
    rig.table[params.slot("deck/1/gain")] = -40.0
    rig(0xB0, 7, 118)
    assert abs(rig.get("deck/1/gain") + 40.0) < 0.03 * 72
    rig.table[params.slot("focus")] = 2
    rig(0xB0, 7, 117)
    assert abs(rig.get("deck/2/gain")) < 0.03 * 72
    rig(0xB0, 8, 127)
    assert rig.get("deck/1/z/0/bias") == 4.0, "this binding jumps"


def test_the_screen_can_read_the_position_of_each_control() -> None:
    rig = Rig(Binding("cc 7", "focus/pan"), Binding("cc 64", "deck/1/freeze"), takeover="scale")
    pans = [params.slot(f"deck/{deck}/pan") for deck in (1, 2)]
    rig(0xB0, 7, 127), rig(0xB0, 64, 127)
    assert rig.hardware[pans[0]] == 1.0 and np.isnan(rig.hardware).sum() == len(rig.table) - 1
    touch = rig.router.touch
    assert touch and params.ADDRESSES[touch.slot] == "deck/1/freeze"
    rig(0xB0, 7, 107)
    touch = rig.router.touch
    assert (
        touch
        and touch.slot == pans[0]
        and touch.turn == round(127 * ((rig.get("deck/1/pan") + 1) / 2 - centred(107)))
    )
    rig.table[params.slot("focus")] = 2
    rig.router.tick()
    assert np.isnan(rig.hardware[pans[0]]) and rig.hardware[pans[1]] == pytest.approx(2 * centred(107) - 1)
    rig.router.disconnect(PORT), rig.router.tick()
    assert np.isnan(rig.hardware).all()


def test_a_later_layer_hides_the_controls_that_it_binds_and_no_others() -> None:
    rig = Rig()
    device = Mapping(
        "box",
        (),
        (Binding("cc 1", "deck/1/pan"), Binding("cc 2", "deck/2/pan"), Binding("cc 3", "xfade")),
        "jump",
    )
    player = Mapping("mine", (), (Binding("cc 1", "deck/3/pan"), Binding("cc 3", "nothing")), "jump")
    song = Mapping("song", (PORT,), (Binding("cc 1", "deck/4/pan", channel=2),), "jump")
    rig.use(device, player, song, on=(PORT, "Keys"))
    for control in (1, 2, 3):
        rig(0xB0, control, 127)
    pans = [rig.get(f"deck/{deck}/pan") for deck in (1, 2, 3, 4)]
    assert (pans, rig.get("xfade"), rig.meter("unmapped")) == ([0.0, 1.0, 1.0, 0.0], 0.5, 1)
    rig(0xB1, 1, 127), rig(0xB1, 1, 0, port="Keys")
    assert (rig.get("deck/4/pan"), rig.get("deck/3/pan")) == (1.0, -1.0)


def test_hands_survive_a_change_of_layers() -> None:
    """A knob that has met its parameter moves on with it when a song lays another mapping over others."""
    device = Mapping("box", (), (Binding("cc 1", "deck/1/pan"), Binding("cc 64", "focus/freeze")))
    rig = Rig(*device.bindings, takeover="scale")
    rig(0xB0, 1, 64), rig(0xB0, 1, 127), rig(0xB0, 1, 100), rig(0xB0, 64, 127)
    rig.use(device, Mapping("song", (), (Binding("cc 2", "xfade"), Binding("cc 64", "nothing"))))
    rig(0xB0, 1, 101), rig(0xB0, 64, 0)
    assert rig.get("deck/1/pan") == pytest.approx(2 * centred(101) - 1)
    assert rig.get("deck/1/freeze") == 0.0, "released where it was pressed"


def test_the_last_touched_control_names_one_parameter_and_its_turn() -> None:
    rig = Rig(Binding("cc 1", "deck/2/pan"), Binding("cc 1", "deck/1/pan", range=(1.0, -1.0)))
    rig(0xB0, 1, 100)
    rig.table[params.slot("deck/2/pan")] = -1.0
    rig(0xB0, 1, 0)
    touch = rig.router.touch
    assert touch and params.ADDRESSES[touch.slot] == "deck/2/pan" and touch.turn == 0


def test_generic_plays_one_channel_of_a_port_at_a_time() -> None:
    """Two fingers on an MPE keyboard do not fight over a latent."""
    rig, now = Rig(), [0.0]
    generic = Mapping("generic", (), (Binding("bend", "deck/1/pan"),), "jump")
    rig.router = ControlRouter(rig.table, rig.meters, rig.hardware, lambda: now[0])
    rig.use(generic, one_channel=True)
    for at in range(50):
        now[0] = at * 0.01
        rig(0xE1, 0, at), rig(0xE2, 127, 127)
        assert rig.get("deck/1/pan") == at / 64 - 1
    now[0] += 1.5
    rig(0xE2, 127, 127)
    assert rig.get("deck/1/pan") == 1.0, "the other channel plays after a second of silence"


def test_two_controllers_have_their_own_layers() -> None:
    rig = Rig()
    rig.router.use(
        {
            PORT: [RoutedLayer([Binding("cc 1", "deck/1/pan")], "jump")],
            "Keys": [RoutedLayer([Binding("cc 1", "deck/2/pan")], "jump")],
        }
    )
    rig(0xB0, 1, 127), rig(0xB0, 1, 0, port="Keys")
    assert (rig.get("deck/1/pan"), rig.get("deck/2/pan")) == (1.0, -1.0)


BELLS = [(-2.0, 4.0), (-0.3, 0.2), (-1.0, 1.0)]


def of_model(rig: Rig, ranges: list[tuple[float, float]], effects: tuple[float, ...] = ()) -> None:
    """Deck 1 plays another model."""
    rig.knobs.set_deck(1, ranges, effects)
    rig.router.tick()


def test_a_knob_on_a_latent_covers_the_corpus_of_the_model() -> None:
    rig = Rig(
        Binding("cc 1", "deck/1/z/0/bias"),
        Binding("cc 2", "deck/1/z/1/bias", invert=True),
        Binding("cc 3", "focus/z/1/bias", range=(-3, 3)),
        Binding("bend", "deck/1/z/2/bias"),
        Binding("cc 4", "deck/1/z/1/scale"),
    )
    of_model(rig, BELLS)
    for knob, address, values in (
        (1, "deck/1/z/0/bias", (-2.0, 0.0, 4.0)),
        (2, "deck/1/z/1/bias", (0.2, 0.0, -0.3)),
        (3, "deck/1/z/1/bias", (-3.0, 0.0, 3.0)),
        (4, "deck/1/z/1/scale", (-2.0, 0.0, 2.0)),
    ):
        for position, value in zip((0, 64, 127), values, strict=True):
            rig(0xB0, knob, position)
            assert rig.get(address) == pytest.approx(value), (knob, position)
    rig(0xE0, 127, 127)
    rig(0xE0, 0, 64)
    assert rig.get("deck/1/z/2/bias") == 0.0, "the wheel springs back to 0"
    of_model(rig, [])
    rig(0xB0, 1, 127)
    assert rig.get("deck/1/z/0/bias") == 4.0
    rig(0xB0, 1, 0)
    assert rig.get("deck/1/z/0/bias") == -4.0, "no figures: the full range"


@pytest.mark.parametrize("takeover", ["scale", "pickup"])
@pytest.mark.parametrize("control", ["cc 1", "bend"])
def test_another_model_under_a_knob_makes_no_jump(takeover: Takeover, control: str) -> None:
    """Ranges change at random while the knob moves: no step is larger than three of its own."""
    random = np.random.default_rng(5)
    rig = Rig(Binding(control, "deck/1/z/0/bias"), takeover=takeover)
    at, reached = 64, set()
    rig(*((0xB0, 1, at) if control == "cc 1" else (0xE0, 0, at)))
    for turn in range(400):
        if turn % 20 == 0:
            low, high = -float(random.uniform(0.1, 4.0)), float(random.uniform(0.1, 4.0))
            of_model(rig, [(low, high)])
            way = 1 if random.random() < 0.5 else -1
        at = min(max(at + way * int(random.integers(1, 3)), 0), 127)
        before = rig.get("deck/1/z/0/bias")
        rig(*((0xB0, 1, at) if control == "cc 1" else (0xE0, 0, at)))
        after = rig.get("deck/1/z/0/bias")
        steepest = max(-low, high, abs(before)) / 64
        assert abs(after - before) <= 2 * 3.01 * steepest
        reached.add(after in (low, high))
    assert True in reached or takeover == "pickup"


def test_audible_latents_are_counted_and_the_others_left_out() -> None:
    rig = Rig(
        Binding("cc 1", "focus/z/0/bias", audible=True),
        Binding("cc 2", "focus/z/1/bias", audible=True),
        Binding("cc 3", "deck/1/z/2/scale", audible=True),
    )
    of_model(rig, [(-1.0, 1.0)] * 4, (0.1, 6.0, 0.2, 3.0))
    rig(0xB0, 1, 127), rig(0xB0, 2, 127), rig(0xB0, 3, 127)
    assert [rig.get(f"deck/1/z/{i}/bias") for i in range(4)] == [0.0, 1.0, 0.0, 1.0]
    assert rig.get("deck/1/z/2/scale") == 1.0, "there is no third"
    assert math.isnan(rig.hardware[params.slot("deck/1/z/0/bias")])
    of_model(rig, [])
    rig(0xB0, 1, 0)
    assert rig.get("deck/1/z/0/bias") == -4.0, "without figures every latent counts"
    params.set_value(rig.table, "focus", 2)
    rig(0xB0, 2, 127)
    assert rig.get("deck/2/z/1/bias") == 4.0


def test_one_knob_on_a_macro_moves_many_latents() -> None:
    rig = Rig(Binding("cc 21", "macro/2"))
    rig(0xB0, 21, 127)
    assert rig.get("macro/2") == 1.0
    ends = {params.slot(f"deck/1/z/{i}/bias"): (-1.0) ** i for i in range(8)}
    modulation = Modulation(mask(params.slots(1)))
    modulation.use(pack_rows([Row(MODULATORS.index("macro 2"), i, 0.0, end) for i, end in ends.items()]))
    now = moment(0.0, BeatLine(0.0, 120.0, 48000.0), rig.table, resting_phases(rig.table, 0.0), rig.meters)
    assert dict(zip(modulation.slots.tolist(), modulation.modulated(now).tolist(), strict=True)) == ends


def test_a_pad_moves_any_parameter() -> None:
    """Every address. `input/open` too: no song opens the live input, but a pad may."""
    pads = [
        Binding("note 1", address, range=(0.0, 1.0) if spec.low <= MODULE_DEFAULT else None)
        for address, spec in params.SPECS.items()
    ]
    made = Rig(*pads)
    start = made.table.copy()
    made(0x90, 1, 127)
    still = [params.ADDRESSES[slot] for slot in np.flatnonzero(made.table == start)]
    assert [address for address in still if params.SPECS[address].default != params.SPECS[address].high] == []
    assert made.get("input/open") == 1
