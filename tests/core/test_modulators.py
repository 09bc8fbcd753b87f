"""Modulators are functions of a frame; rows add them to parameters."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perform.core import params
from perform.core.arena_layout import CYCLES, METER_SLOTS
from perform.core.beat import BeatLine
from perform.core.modulation import CAN_BE_MODULATED, Modulation, Row, mask, pack_rows
from perform.core.modulators import MODULATORS, Moment, make, moment, random_value, resting_phases
from perform.core.params import SHAPES, SPECS, Table, slot
from perform.core.spec import MODULE_DEFAULT

RATE = 48000.0
EVERYTHING = np.ones(len(SPECS), dtype=bool)


def at(table: Table, seconds: float, meters: np.ndarray | None = None, bpm: float = 120.0) -> Moment:
    """A moment of a song that began at frame 0."""
    line, still = BeatLine(0.0, bpm, RATE), np.zeros(len(METER_SLOTS))
    return moment(
        seconds * RATE, line, table, resting_phases(table, 0.0), still if meters is None else meters
    )


def value(name: str, now: Moment) -> float:
    modulator = make(name)
    return modulator.value(now, now.table[list(modulator.slots)].tolist())


def put(table: Table, **values: float) -> Table:
    for address, number in values.items():
        params.set_value(table, address.replace("_", "/"), number)
    return table


@pytest.mark.parametrize(
    ("shape", "values"),
    [
        ("sine", [0.5, 1.0, 0.5, 0.0, 0.5]),
        ("triangle", [0.5, 1.0, 0.5, 0.0, 0.5]),
        ("up", [0.0, 0.25, 0.5, 0.75, 0.0]),
        ("down", [1.0, 0.75, 0.5, 0.25, 1.0]),
        ("square", [1.0, 1.0, 0.0, 0.0, 1.0]),
    ],
)
def test_the_quarters_of_each_wave(shape: str, values: list[float]) -> None:
    table = put(params.defaults(), lfo_1_rate=2, lfo_1_shape=SHAPES.index(shape))
    assert [value("lfo 1", at(table, n / 8)) for n in range(5)] == pytest.approx(values)
    put(table, lfo_1_phase=0.25)
    assert value("lfo 1", at(table, 0.0)) == pytest.approx(values[1])


def test_a_synced_lfo_follows_the_beat_line_and_not_its_rate() -> None:
    table = put(params.defaults(), lfo_2_sync=1, lfo_2_beats=4, lfo_2_shape=SHAPES.index("up"))
    assert value("lfo 2", at(table, 1.0, bpm=120)) == pytest.approx(0.5)
    assert value("lfo 2", at(table, 1.0, bpm=60)) == pytest.approx(0.25)
    put(table, lfo_2_rate=7)
    assert value("lfo 2", at(table, 1.0, bpm=60)) == pytest.approx(0.25)


@settings(max_examples=100, derandomize=True)
@given(st.sampled_from(MODULATORS), st.floats(0, 1e5), st.integers(0, 2**31 - 1), st.integers(0, 5))
def test_every_modulator_stays_between_0_and_1(name: str, seconds: float, seed: int, shape: int) -> None:
    table = params.defaults()
    for address in (a for a in SPECS if a.startswith(("lfo", "random")) and a.endswith("seed")):
        params.set_value(table, address, seed)
    put(table, lfo_1_shape=shape, hold_1_of=seed % 30, lfo_1_rate=20, hold_1_rate=0.01)
    first = value(name, at(table, seconds))
    assert 0.0 <= first <= 1.0
    assert value(name, at(table, seconds)) == first, "another reader gets the same"


def test_random_values_depend_on_their_seed_and_are_spread() -> None:
    assert random_value(1, 5) == random_value(1, 5) != random_value(2, 5)
    drawn = [random_value(seed, number) for seed in range(40) for number in range(50)]
    assert np.histogram(drawn, 10, (0, 1))[0].min() > 140
    steps = [random_value(0, n) for n in range(2000)]
    assert abs(np.corrcoef(steps[1:], steps[:-1])[0, 1]) < 0.1


def test_random_steps_hold_and_a_random_lfo_is_smooth() -> None:
    table = put(params.defaults(), random_1_rate=4, lfo_1_rate=4, lfo_1_shape=SHAPES.index("random"))
    times = np.arange(2000) / 500
    steps = np.array([value("random 1", at(table, t)) for t in times])
    waves = np.array([value("lfo 1", at(table, t)) for t in times])
    assert len(np.unique(steps)) == 16
    assert np.abs(np.diff(waves)).max() < 0.0125  # 1.5 x 4 Hz / 500
    assert waves[0::125] == pytest.approx([random_value(0, n) for n in range(16)])


def test_steps_play_their_values_in_order_and_repeat() -> None:
    table = put(params.defaults(), steps_1_sync=1, steps_1_beats=1, steps_1_count=3)
    for i, number in enumerate((0.1, 0.9, 0.4), 1):
        params.set_value(table, f"steps/1/value/{i}", number)
    assert [value("steps 1", at(table, n * 0.5 + 0.1)) for n in range(5)] == [0.1, 0.9, 0.4, 0.1, 0.9]


@pytest.mark.parametrize("sync", [0, 1])
def test_sample_and_hold_samples_when_its_step_begins(sync: int) -> None:
    """However late in the step a reader looks for the first time."""
    table = put(params.defaults(), lfo_1_shape=SHAPES.index("up"), lfo_1_rate=0.3)
    put(table, hold_1_of=params.SAMPLED.index("lfo 1"), hold_1_sync=sync, hold_1_rate=2, hold_1_beats=1)
    held, late = make("hold 1"), value("hold 1", at(table, 1.9))
    seen = [
        held.value(now, now.table[list(held.slots)].tolist())
        for now in (at(table, t) for t in (1.5, 1.7, 1.9))
    ]
    assert seen == pytest.approx([0.45] * 3)
    assert late == pytest.approx(0.45)


def test_sample_and_hold_of_a_macro_keeps_the_first_value_of_its_step() -> None:
    table = put(params.defaults(), hold_1_of=params.SAMPLED.index("macro 1"), hold_1_rate=1, macro_1=0.3)
    held = make("hold 1")

    def look(seconds: float) -> float:
        return held.value(at(table, seconds), table[list(held.slots)].tolist())

    assert look(0.1) == 0.3
    put(table, macro_1=0.8)
    assert (look(0.9), look(1.1)) == (0.3, 0.8)


def test_followers_read_their_meter() -> None:
    meters = np.zeros(len(METER_SLOTS))
    meters[METER_SLOTS["follow/deck/3"]], meters[METER_SLOTS["follow/input"]] = 0.7, 0.2
    now = at(params.defaults(), 1.0, meters)
    assert [value(name, now) for name in ("follow deck/3", "follow input", "follow deck/1")] == [
        0.7,
        0.2,
        0.0,
    ]


# ---------------------------------------------------------------- rows


def modulated(table: Table, *rows: tuple[str, str, float, float], seconds: float = 0.0) -> dict[str, float]:
    modulation = Modulation(EVERYTHING)
    packed = [Row(MODULATORS.index(source), slot(to), low, high) for source, to, low, high in rows]
    modulation.use(pack_rows(packed))
    values = modulation.modulated(at(table, seconds))
    return {params.ADDRESSES[i]: v for i, v in zip(modulation.slots, values, strict=True)}


def test_rows_add_up_and_depth_scales_them() -> None:
    table = put(params.defaults(), macro_1=0.5, macro_2=1.0, deck_1_z_0_bias=0.25)
    rows = (
        ("macro 1", "deck/1/z/0/bias", -1.0, 3.0),
        ("macro 2", "deck/1/z/0/bias", 0.0, -0.5),
        ("macro 2", "deck/2/gain", 0.0, -6.0),
        ("lfo 1", "xfade", 0.2, 0.4),
    )
    assert modulated(table, *rows) == pytest.approx(
        {"deck/1/z/0/bias": 0.25 + 1.0 - 0.5, "deck/2/gain": -6.0, "xfade": 0.8}
    )
    put(table, lfo_1_depth=0.5)
    assert modulated(table, *rows)["xfade"] == pytest.approx(0.65)
    put(table, lfo_1_depth=0)
    assert modulated(table, *rows)["xfade"] == 0.5


def test_the_sum_stays_within_the_range_and_choices_stay_whole() -> None:
    table = put(params.defaults(), macro_1=1.0)
    table[slot("deck/1/attribute/1")] = MODULE_DEFAULT
    rows = (
        ("macro 1", "deck/1/z/1/bias", 0.0, 9.0),
        ("macro 1", "deck/1/gain", 0.0, -99.0),
        ("macro 1", "deck/1/mute", 0.0, 0.7),
        ("macro 1", "deck/1/attribute/1", 0.0, 2.0),
    )
    assert modulated(table, *rows) == {
        "deck/1/z/1/bias": 4.0,
        "deck/1/gain": -60.0,
        "deck/1/mute": 1.0,
        "deck/1/attribute/1": MODULE_DEFAULT,
    }


def test_a_reader_evaluates_only_its_own_rows() -> None:
    modulation = Modulation(mask(params.slots(2)))
    sources = [Row(0, slot(f"deck/{d}/gain"), 0.0, 1.0) for d in (1, 2, 3)]
    modulation.use(pack_rows(sources))
    assert [params.ADDRESSES[i] for i in modulation.slots] == ["deck/2/gain"]
    modulation.use(pack_rows([]))
    assert not len(modulation.slots)


def test_changed_rows_glide_and_then_cost_nothing() -> None:
    """A row that goes, one that stays, one that comes; later none."""
    modulation, table = Modulation(EVERYTHING), put(params.defaults(), macro_1=1.0)
    pan, fade = slot("deck/1/pan"), slot("xfade")
    one, macro = slot("deck/1/z/0/bias"), MODULATORS.index("macro 1")

    def look(seconds: float) -> dict[int, float]:
        now = modulation.modulated(at(table, seconds))
        return dict(zip(modulation.slots.tolist(), now.round(6).tolist(), strict=True))

    modulation.use(pack_rows([Row(macro, one, 0.0, 1.0), Row(macro, pan, 0.0, 0.4)]))
    assert look(0.0) == {one: 1.0, pan: 0.4}, "the first rows are there at once"
    changed = pack_rows([Row(macro, pan, 0.0, 0.6), Row(macro, fade, 0.0, 0.2)])
    modulation.use(pack_rows([]))
    modulation.use(changed)  # before it is evaluated again
    assert look(1.0) == {one: 1.0, pan: 0.4, fade: 0.5}
    assert look(1.05) == {one: 0.5, pan: 0.5, fade: 0.6}
    modulation.use(changed.copy())
    assert look(1.075) == {one: 0.25, pan: 0.55, fade: 0.65}, "equal rows begin no glide"
    assert look(1.1) == {pan: 0.6, fade: 0.7}
    modulation.use(pack_rows([]))
    assert look(2.0) == {pan: 0.6, fade: 0.7}
    assert look(2.1) == {}
    assert not len(modulation.slots)


def test_what_the_stage_reads_and_what_restarts_a_voice_cannot_be_modulated() -> None:
    can = {a for a, yes in zip(SPECS, CAN_BE_MODULATED, strict=True) if yes}
    assert {"deck/1/z/0/bias", "deck/8/gain", "xfade", "input/wet", "deck/1/attribute/3"} <= can
    for no in ("deck/1/seed", "deck/1/reset", "deck/1/source", "tempo", "input/open", "lfo/1/rate", "focus"):
        assert no not in can


def test_cycles_know_their_parameters() -> None:
    assert all(math.isfinite(SPECS[f"{name.replace(' ', '/')}/rate"].default) for name in CYCLES)
