"""A running screen for tests: its keys, frames and texts, and a clock that only tests move."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager

from stand_in import FakeStage
from textual.containers import Vertical

from perform.core import params
from perform.tui.app import Instrument


class Clock:
    """Seconds that stand still."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Hands:
    """An app that runs, the pilot that plays it, and the stage below."""

    def __init__(self, app: Instrument, pilot, stage: FakeStage) -> None:  # type: ignore[no-untyped-def]
        self.app, self.pilot, self.stage = app, pilot, stage

    def value(self, address: str) -> float:
        return float(self.stage.arena.table[params.slot(address)])

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.settle()

    async def settle(self) -> None:
        """Six frames: every printed number is up to date; then frames until nothing is laid out anew."""
        for _ in range(6):
            self.app.tick()
        sizes = None
        while sizes != (now := [widget.size for widget in self.app.screen.query("*")]):
            sizes = now
            await self.pilot.pause()
            self.app.tick()
            await self.pilot.pause()

    async def until(self, condition) -> None:  # type: ignore[no-untyped-def]
        """Frames until something is so; half a minute is enough for anything, also on a busy machine."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if condition():
                return
            self.app.tick()
            await self.pilot.pause(0.02)
        raise AssertionError(f"it never came true on\n{self.text()}")

    def text(self) -> str:
        """All that is on the screen."""
        return "\n".join(strip.text for strip in self.app.screen._compositor.render_strips())

    def words(self) -> str:
        """The text of the topmost dialog, with wrapped lines joined again."""
        box = self.app.screen.query_one(Vertical).region
        lines = self.text().split("\n")[box.y + 1 : box.bottom - 1]
        return " ".join(" ".join(line[box.x + 1 : box.right - 1] for line in lines).split())

    def target(self, widget: str, address: str = "", action: str = ""):  # type: ignore[no-untyped-def]
        """The first thing on a drawn widget that can be clicked for an address or an action."""
        lines = next(s for s in self.app.screen_stack if s.query(f"#{widget}")).query_one(f"#{widget}")
        return next(
            h
            for h in lines.hits()  # type: ignore[attr-defined]
            if (address and h.address == address) or (action and h.action == action)
        )


@asynccontextmanager
async def playing(  # type: ignore[no-untyped-def]
    stage: FakeStage, clock: Clock, size: tuple[int, int] = (120, 40), **look: object
):
    """A running screen that has seen the stage's status."""
    app = Instrument(stage, clock, **look)  # type: ignore[arg-type]
    async with app.run_test(size=size) as pilot:
        hands = Hands(app, pilot, stage)
        await hands.until(lambda: app.stage_line.status is not None)
        await hands.settle()
        yield hands
        stage.free.set()
