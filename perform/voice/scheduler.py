"""Just-in-time rendering: when each voice's next frame has to begin, and which voices render together."""

from __future__ import annotations

import collections
import math
import queue
import time

import numpy as np

from perform.core import params
from perform.core.arena import DECK_METER, LANE_METER, METER_SLOTS, Arena, TableReader
from perform.core.lifeline import Lifeline
from perform.core.messages import AnyOrder, AttributeRefused, DropVoice, SetTexts, StartVoice, VoiceDropped
from perform.engine.protocol import PlayableModel
from perform.voice.assignments import Assignments
from perform.voice.encoder_input import EncoderInput, listen
from perform.voice.voice import Voice, render
from perform.voice.voice_lane import VoiceLane

WARM_UP = 2  #: frames decoded before anything else: they cost 20 to 100 times the rest
REHEARSAL = 10  #: frames timed before anybody listens, at the priority they will have
HISTORY = 1000  #: render times the lead is reckoned from
RECENT = 100  #: render times the load is reckoned from: none of the rehearsal
ENOUGH = 20  #: render times that say something; so often the load is shown
NAP_S, PATIENT_NAP_S = 0.004, 0.0002  #: longest sleep between two looks at the rings
TOGETHER = 0.25  #: a voice due within so much of a frame is decoded with the one that is due now


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

    def run(self, line: Lifeline, orders: queue.SimpleQueue[AnyOrder]) -> None:
        """Render for ever."""
        while True:
            while not self._lanes or not orders.empty():
                self._handle(line, orders.get())
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
                    place, number, kept, error = lane.voice.settings.refused.pop()
                    line.report(AttributeRefused(n, int(place), float(number), kept, error))
            if self._frames % 50 == 0:
                self._slowest = float(np.percentile(self._times, 99.9))

    def _handle(self, line: Lifeline, order: AnyOrder) -> None:
        match order:
            case StartVoice(lane, deck, texts):
                self._lanes[lane] = VoiceLane(
                    self._arena, self._look, lane, deck, self._host, self._rate, texts, self._desk
                )
            case SetTexts(lane, texts):
                if lane in self._lanes:
                    self._lanes[lane].voice.settings.hear(texts)
            case DropVoice(lane):
                self._lanes.pop(lane, None)
                line.report(VoiceDropped(lane))

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
