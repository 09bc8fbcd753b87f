"""The stage's parts tick while something changes, and now and then while nothing does."""

from __future__ import annotations

import pytest

from perform.core import params
from perform.core.arena import Arena
from perform.core.tempo_meters import TAPPED, MeasuredTempo, TempoMeters
from perform.stage import stillness
from perform.stage.stillness import MOVED_S, STILL_S, Stillness


class Clock:
    """A clock that the test moves on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(stillness.time, "monotonic", lambda: self.now)

    def pass_on(self, seconds: float) -> None:
        self.now += seconds


def test_parts_tick_at_once_after_a_change_and_seldom_without_one(
    arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, tempo = Clock(monkeypatch), TempoMeters(arena.meters)
    rests = Stillness(arena)
    changes = [
        lambda: params.trigger(arena.table, "song/go"),
        lambda: arena.lanes.__setitem__((0, 0), 1),
        lambda: tempo.write(MeasuredTempo(TAPPED, 1.0, 0.0, 120.0)),
    ]
    for change in changes:
        change()
        assert not rests.skips(busy=False)
        clock.pass_on(MOVED_S / 2)
        assert not rests.skips(busy=False)  # fades that the change began still run
        clock.pass_on(MOVED_S)
        assert not rests.skips(busy=False)
        clock.pass_on(STILL_S / 2)
        assert rests.skips(busy=False)
        clock.pass_on(STILL_S)
        assert not rests.skips(busy=False)
    assert rests.skips(busy=False)
    assert not rests.skips(busy=True)
