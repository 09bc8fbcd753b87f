"""The process around a host: it renders its model's voices just in time into their lanes, and dies alone.

Started idle, it waits for its order: a warm spare, so that loading a model costs the load alone. All decks
that play one model are voices of one process; those whose frames fall together are decoded together.

    python -m perform.voice.host_process       (orders and reports: perform/core/lifeline.py)
    order  start {arena, model, rate, patient, idle}    the first; `idle`: take only what nobody else wants
           hurry {}                                     idle no more: somebody waits for the model
           voice {lane, deck, words}                    a new voice on a lane that is this process's alone now
           words {lane, words}                          other words of its attributes
           drop  {lane}                                 end it; nothing is written to the lane from then on
           seats {seats, mine, files}                   how all decks are (`desk.Seat`); who plays this; what
                                                        they play or will (`desk.File`)
    report loading {words} | says {words} | ready {render_ms, sha256, made, attributes, actions, prior}
           failed {error} | dropped {lane}
           refused {lane, place, number, kept, error}: an attribute, by the module
           heard {file, part, seconds}: so much of a file, 0..1, has been encoded in so long
"""

from __future__ import annotations

import collections
import gc
import math
import os
import queue
import threading
import time
from pathlib import Path

import msgspec
import numpy as np

from perform.core import params
from perform.core.arena import DECK_METER, HELD, LANE, LANE_METER, METER_SLOTS, NEXT, NOW, Arena, TableReader
from perform.core.attributes import Words
from perform.core.errors import PerformError
from perform.core.lifeline import Lifeline, Message
from perform.core.params import Table
from perform.core.realtime import RENDER_PRIORITY, hurry, idle, real_time
from perform.core.ring_buffers import Audio
from perform.engine.protocol import PlayableModel
from perform.foreign.opening import open_host, prepare
from perform.library.cards import read_card
from perform.voice.assignments import Assignments, DeckAssignment, FileAssignment
from perform.voice.encoder_input import EncoderInput, listen
from perform.voice.frame_writer import FrameWriter, check_room
from perform.voice.lane_context import LaneContext
from perform.voice.voice import Voice, render

WARM_UP = 2  #: frames decoded before anything else: they cost 20 to 100 times the rest
REHEARSAL = 10  #: frames timed before anybody listens, at the priority they will have
HISTORY = 1000  #: render times the lead is reckoned from
RECENT = 100  #: render times the load is reckoned from: none of the rehearsal
ENOUGH = 20  #: render times that say something; so often the load is shown
NAP_S, PATIENT_NAP_S = 0.004, 0.0002  #: longest sleep between two looks at the rings
TOGETHER = 0.25  #: a voice due within so much of a frame is decoded with the one that is due now


class VoiceLane:
    """[render] A voice, where it writes, and the numbers it goes by."""

    def __init__(
        self,
        arena: Arena,
        look: TableReader,
        index: int,
        deck: int,
        host: PlayableModel,
        rate: float,
        words: Words,
        desk: Assignments,
    ) -> None:
        self._look, self._index = look, index
        self.ring, self.meters = arena.rings[index], arena.lane_meters(index)
        self.deck_meters = arena.deck_meters(deck)
        self.fresh = True  # nothing of it has been shown
        self.meters[:] = 0.0
        self._mode = int(arena.lanes[index, LANE["mode"]])
        self.numbers: Table = (arena.next if self._mode == NEXT else arena.table).copy()
        self._place = LaneContext(arena, index, desk)
        self.voice = Voice(host, deck, rate, self.numbers, self._place)
        self.voice.settings.hear(words)
        self._out = FrameWriter(arena, index, deck, host, self.voice, rate)

    def look(self) -> Table:
        """Its numbers now: the table's, the coming song's, or for a voice that fades the last it had."""
        mode = int(self._look.lanes[self._index, LANE["mode"]])
        if mode == NOW:
            self.numbers[:] = self._look.table
            if self._mode == NEXT:
                self.voice.adopt(self.numbers)
        self._mode = mode
        self.voice.attend(self.numbers)
        return self.numbers

    def hears(self, slack: float, tolerance: float) -> bool:
        """All that the next frame needs has come in; see `EncoderInput.follow`, which these are for."""
        ear = self.voice.ear
        if ear is None:
            return True
        if not self.pulled:
            ear.let_go()
            return True
        ear.follow(self._place.sounds(), slack, tolerance)
        return ear.complete()

    def write(self, audio: Audio) -> None:
        """The voice's next frame."""
        self._out.write(audio, self.numbers)
        self.meters[LANE_METER["frames"]] += 1
        self.meters[LANE_METER["resets"]] = self.voice.resets
        self.meters[LANE_METER["behind"]] = self.voice.behind

    @property
    def pulled(self) -> bool:
        """The mixer pulls it, as far as this process has looked."""
        return bool(self._look.lanes[self._index, LANE["live"]])

    @property
    def shown(self) -> bool:
        """It is what its deck plays, so it writes the deck's meters."""
        return self._mode != HELD and self.pulled


class Scheduler:
    """[render] Begins each frame as late as it may: when the device has left no more than `lead` of sound."""

    def __init__(
        self, arena: Arena, host: PlayableModel, rate: float, patient: bool, desk: Assignments
    ) -> None:
        self._desk = desk
        self._arena, self._host, self._rate, self._patient = arena, host, rate, patient
        self._look = TableReader(arena)
        self._nap = PATIENT_NAP_S if patient else NAP_S
        self._lanes: dict[int, VoiceLane] = {}
        self._frame_s = host.card.ratio / host.card.sample_rate
        self._times: collections.deque[float] = collections.deque(maxlen=HISTORY)
        self._recent: collections.deque[float] = collections.deque(maxlen=RECENT)
        self._frames = 0
        self._slowest = 0.0  # p99.9 of the render times, seconds

    def warm_up(self) -> None:
        """Decode unheard until the times are steady."""
        table = params.defaults()  # the stage's is not for this model
        voice = Voice(self._host, 1, self._rate, table)
        for _ in range(WARM_UP):
            render(self._host, [voice], [table])

    def rehearse(self) -> float:
        """Decode unheard, half of the time, to know how long a frame takes; returns the median, seconds."""
        table = params.defaults()
        voice = Voice(self._host, 1, self._rate, table)
        for _ in range(REHEARSAL):
            began = time.perf_counter()
            render(self._host, [voice], [table])
            self._times.append(time.perf_counter() - began)
            time.sleep(self._times[-1])  # who plays already goes first
        if encoder := self._host.encoder:  # loaded now, not when a deck first listens
            listen([EncoderInput(encoder, encoder.stream(), self._arena.input, self._rate)])
        self._slowest = max(self._times)
        return float(np.median(self._times))

    def run(self, line: Lifeline, orders: queue.SimpleQueue[Message]) -> None:
        """Render for ever."""
        while True:
            while not self._lanes or not orders.empty():
                self._obey(line, orders.get())
            spare = {n: self._spare(lane) for n, lane in self._lanes.items()}
            least = min(spare.values())
            if least >= 0:
                time.sleep(min(max(least, 0.0003), self._nap))
                continue
            self._look.update()
            due = [self._lanes[n] for n, s in spare.items() if s < TOGETHER * self._frame_s]
            for lane in due:
                lane.look()
            if ready := [lane for lane in due if self._hears(lane)]:
                self._render(ready)
            for n, lane in self._lanes.items():
                while lane.voice.settings.refused:
                    line.report("refused", lane=n, **lane.voice.settings.refused.pop()._asdict())
            if self._frames % 50 == 0:
                self._slowest = float(np.percentile(self._times, 99.9))

    def _obey(self, line: Lifeline, order: Message) -> None:
        lane = int(order["lane"])
        if order["order"] == "voice":
            arena, look, deck, words = self._arena, self._look, order["deck"], order["words"]
            self._lanes[lane] = VoiceLane(arena, look, lane, deck, self._host, self._rate, words, self._desk)
        elif order["order"] == "words":
            if lane in self._lanes:
                self._lanes[lane].voice.settings.hear(order["words"])
        else:
            self._lanes.pop(lane, None)
            line.report("dropped", lane=lane)

    def _lead(self, lane: VoiceLane) -> float:
        """Seconds of sound that a ring still has when a frame is begun: the slowest frame, and the margin."""
        longest = lane.ring.capacity / self._rate - self._period() - 2 * self._frame_s
        return min(self._slowest + params.margin(self._arena.table), max(longest, 0.0))  # a block may grow

    def _period(self) -> float:
        """Seconds of a device's block."""
        return float(self._arena.meters[METER_SLOTS["block"]] / self._rate)

    def _spare(self, lane: VoiceLane) -> float:
        """Seconds until a lane's next frame has to be begun.

        A device takes whole blocks: since it took the last one, that much of the next is as good as gone; all
        of it where nobody keeps time (`patient`), or nobody pulls yet.
        """
        ear = lane.voice.ear
        if ear and lane.pulled:
            return -1.0 if self._hears(lane) else max(self._until(ear.end), 0.0003)
        gone = self._period()
        if lane.pulled and not self._patient:
            since = time.monotonic() - float(self._arena.meters[METER_SLOTS["time"]])
            gone = min(max(since, 0.0), gone)
        return lane.ring.fill / self._rate - gone - self._lead(lane)

    def _hears(self, lane: VoiceLane) -> bool:
        """A frame whose input is complete is begun at once, so its slack is the time there is to render it.

        That is the margin, less what the limiter takes of it; or the slowest frame, where that is more.
        """
        margin = params.margin(self._arena.table) * self._rate
        slack = max(margin - self._arena.meters[METER_SLOTS["delay"]], self._slowest * self._rate)
        block = float(self._arena.meters[METER_SLOTS["block"]])
        return lane.hears(slack, block / 2)

    def _until(self, frame: int) -> float:
        """Seconds until the input has come that far, as the mixer lays it block by block."""
        blocks = math.ceil((frame - self._arena.input.written) / self._arena.meters[METER_SLOTS["block"]])
        since = time.monotonic() - float(self._arena.meters[METER_SLOTS["time"]])
        return float(blocks * self._period() - since)

    def _render(self, lanes: list[VoiceLane]) -> None:
        began = time.perf_counter()
        voices, tables = [lane.voice for lane in lanes], [lane.numbers for lane in lanes]
        for lane, audio in zip(lanes, render(self._host, voices, tables), strict=True):
            lane.write(audio)
            if lane.shown:
                self._show(lane)
        took = time.perf_counter() - began
        self._times.append(took)
        self._recent.append(took)
        self._frames += 1

    def _show(self, lane: VoiceLane) -> None:
        meters, voice = lane.deck_meters, lane.voice
        meters[DECK_METER["resets"]] = voice.resets
        meters[DECK_METER["frames"]] = lane.meters[LANE_METER["frames"]]
        behind = lane.meters[LANE_METER["behind"]]
        late = self._arena.meters[METER_SLOTS["delay"]]
        device = self._arena.meters[METER_SLOTS["buffered"]]
        meters[DECK_METER["heard"]] = (behind + late) / self._rate + device if behind else 0.0
        shown = min(len(voice.z), params.LATENTS)
        for latents, first in ((voice.given, DECK_METER["in/0"]), (voice.z, DECK_METER["z/0"])):
            meters[first : first + shown] = latents[:shown]
        if self._frames % ENOUGH == 0 or lane.fresh:
            lane.fresh = False
            # 0 while nothing can be said: what stands there is of the host before
            load = float(np.percentile(self._recent, 95)) if len(self._recent) >= ENOUGH else 0.0
            meters[DECK_METER["load"]] = load / self._frame_s
            meters[DECK_METER["latency"]] = (
                self._frame_s / 2 + self._lead(lane) + self._period() + lane.voice.held_s
            )


def start(
    line: Lifeline,
    order: Message,
    orders: queue.SimpleQueue[Message],
    hurried: threading.Event,
    desks: queue.SimpleQueue[Assignments],
) -> None:
    """[render] Load, warm up, report, then render whatever lanes are given until the process ends."""
    arena = Arena.open(Path(order["arena"]))
    if order["idle"]:
        idle()
        if hurried.is_set():  # before that
            hurry()
    try:
        made = prepare(Path(order["model"]), lambda words: line.report("loading", words=words))
        check_room(arena, read_card(made), order["rate"])
        host = open_host(made)
        desk = Assignments(
            host,
            lambda words: line.report("says", words=words),
            heard=lambda file, part, seconds: line.report("heard", file=file, part=part, seconds=seconds),
        )
        desks.put(desk)
        renderer = Scheduler(arena, host, order["rate"], order["patient"], desk)
        renderer.warm_up()
    except PerformError as error:
        line.report("failed", error=str(error))
        return
    except Exception as error:  # whatever a library raises, the stage is told what it was
        line.report("failed", error=f"{order['model']}: {error!r}")
        raise
    gc.collect()
    gc.freeze()
    gc.disable()
    real_time(RENDER_PRIORITY)
    try:
        render_s = renderer.rehearse()
        if host.encoder and not host.card.delay_known:
            words = f"{host.card.name}: its own delay is not known, and not in the time shown for its input"
            line.report("says", words=words)
        attributes = {"attributes": msgspec.to_builtins(host.attributes), "actions": list(host.actions)}
        about = {"sha256": host.sha256, "made": str(made), "prior": host.has_prior}
        line.report("ready", render_ms=render_s * 1000.0, **about, **attributes)
        renderer.run(line, orders)
    except PerformError as error:  # a stranger's module that no longer does what it promised
        line.report("failed", error=str(error))


def main() -> None:
    """[main] Be warm, then be a model's host."""
    line = Lifeline()
    order = line.next()
    if order is None:
        return
    orders: queue.SimpleQueue[Message] = queue.SimpleQueue()
    seats: queue.SimpleQueue[Message] = queue.SimpleQueue()
    desks: queue.SimpleQueue[Assignments] = queue.SimpleQueue()
    hurried = threading.Event()

    def listen() -> None:
        while (message := line.next()) is not None:
            if message["order"] == "hurry":
                hurried.set()
                hurry()
            elif message["order"] == "seats":
                seats.put(message)
            else:
                orders.put(message)
        os._exit(0)

    def read() -> None:
        desk = desks.get()
        while True:
            told = seats.get()
            seats_now = msgspec.convert(told["seats"], dict[int, DeckAssignment], strict=False)
            files = msgspec.convert(told["files"], dict[int, FileAssignment], strict=False)
            desk.tell(seats_now, set(told["mine"]), files)

    threading.Thread(target=listen, name="orders", daemon=True).start()
    threading.Thread(target=read, name="seats", daemon=True).start()
    start(line, order, orders, hurried, desks)


if __name__ == "__main__":
    main()
