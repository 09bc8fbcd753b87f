"""Just-in-time rendering: decides when each voice's next frame starts and which voices render as a batch."""

from __future__ import annotations

import collections
import contextlib
import math
import queue
import time

import numpy as np

from perform.core import params
from perform.core.arena import Arena
from perform.core.arena_layout import DECK_METER, LANE_METER, LANES, METER_SLOTS
from perform.core.lifeline import Lifeline
from perform.core.messages.host_messages import (
    AttributeRefused,
    DropVoice,
    FramesTimed,
    SetTexts,
    StartVoice,
    TimeFrames,
    VoiceDropped,
)
from perform.core.messages.message_lines import AnyOrder
from perform.core.ring_buffers import HistoryBuffer
from perform.core.table_reader import TableReader
from perform.engine import varispeed
from perform.engine.protocol import PlayableModel
from perform.voice import chord
from perform.voice.assignments import Assignments
from perform.voice.encoder_input import EncoderInput, encode_inputs
from perform.voice.insert_lane import InsertLane
from perform.voice.voice import Voice, render, render_applied
from perform.voice.voice_lane import VoiceLane

WARM_UP = 2  #: frames decoded first: they take 20 to 100 times as long as later ones
REHEARSAL = 10  #: frames timed before any voice sounds, at real-time priority
LEAD_TIMES = 1000  #: render times from which the lead follows
LOAD_TIMES = 100  #: render times from which the load follows; the rehearsal does not count
SHOW_EVERY = 20  #: frames between two updates of the load meter; it is 0 before the first
MIN_SLEEP_S = 0.0003
NAP_S, PATIENT_NAP_S = 0.012, 0.0002  #: longest sleep, seconds: the device may take a block early
BATCH_WITHIN = 0.25  #: frames; a voice due this soon joins the batch that is due now

_BURST, _UNTIL, _DELAY, _BUFFERED, _RESAMPLER = (
    METER_SLOTS[name] for name in ("burst", "until", "delay", "buffered", "resampler")
)


class Scheduler:
    """[render] Starts each frame when the ring buffer has no more than the lead of sound left.

    The lead is the slowest render time (p99.9) plus the margin.
    patient : no clock drives the mixer (`--patient`), so fill each ring whenever it has room
    """

    def __init__(
        self, arena: Arena, model: PlayableModel, rate: float, patient: bool, assignments: Assignments
    ) -> None:
        self._assignments = assignments
        self._arena, self._model, self._rate, self._patient = arena, model, rate, patient
        self._reader = TableReader(arena)
        self._nap = PATIENT_NAP_S if patient else NAP_S
        self._burst = self._burst_s = self._until_burst = self._margin_s = 0.0  # see `_read_device`
        self._lanes: dict[int, VoiceLane] = {}
        self._inserts: dict[int, InsertLane] = {}  # by lane
        self._frame_s = model.card.ratio / model.card.sample_rate
        self._times: collections.deque[float] = collections.deque(maxlen=LEAD_TIMES)
        self._recent: collections.deque[float] = collections.deque(maxlen=LOAD_TIMES)
        self._frames = 0
        self._slowest = 0.0  # p99.9 of the render times, seconds

    def warm_up(self) -> None:
        """Decode unheard frames until the render times are steady."""
        varispeed.warm_up(self._model.card.sample_rate / self._rate)
        table = params.defaults()  # the arena's table is not for this model
        voice = Voice(self._model, 1, self._rate, table)
        for _ in range(WARM_UP):
            render(self._model, [voice], [table])
        chord.warm_up(self._model)

    def rehearse(self) -> float:
        """Render and time some frames without output, with pauses; return the median time, seconds."""
        table = params.defaults()
        voice = Voice(self._model, 1, self._rate, table)
        for _ in range(REHEARSAL):
            began = time.perf_counter()
            render(self._model, [voice], [table])
            self._times.append(time.perf_counter() - began)
            time.sleep(self._times[-1])  # leave half of the time to processes that play already
        if encoder := self._model.encoder:  # load it now, not when a deck begins to play the input
            encode_inputs([EncoderInput(encoder, encoder.stream(), self._arena.input, self._rate)])
        self._slowest = max(self._times)
        return float(np.median(self._times))

    def run(self, line: Lifeline, orders: queue.SimpleQueue[AnyOrder]) -> None:
        """Render until the process ends."""
        while True:
            self._turn(line, orders)

    def _turn(self, line: Lifeline, orders: queue.SimpleQueue[AnyOrder]) -> None:
        """Handle the orders that wait; then render the frames that are due, or wait for the next one."""
        while not (self._lanes or self._inserts) or not orders.empty():
            self._handle(line, orders.get())
        self._read_device()
        left = {n: self._seconds_left(lane) for n, lane in self._lanes.items()}
        soonest = min([*left.values(), *map(self._until_input, self._inserts.values())])
        if soonest >= 0:
            with contextlib.suppress(queue.Empty):
                self._handle(line, orders.get(timeout=min(max(soonest, MIN_SLEEP_S), self._nap)))
            return
        self._reader.update()
        for insert in self._inserts.values():
            if insert.is_due:
                self._render_insert(insert)
        due = [self._lanes[n] for n, s in left.items() if s < BATCH_WITHIN * self._frame_s]
        for lane in due:
            lane.update()
        if ready := [lane for lane in due if self._input_complete(lane)]:
            self._render(ready)
        settings = {n: lane.voice.settings for n, lane in self._lanes.items()}
        settings |= {n: insert.voice.settings for n, insert in self._inserts.items()}
        for n, one in settings.items():
            while one.refused:
                place, number, kept, error = one.refused.pop()
                line.report(AttributeRefused(n, int(place), float(number), kept, error))
        if self._frames % 50 == 0:
            self._slowest = float(np.percentile(self._times, 99.9))

    def _handle(self, line: Lifeline, order: AnyOrder) -> None:
        match order:
            case StartVoice(lane, _, texts) if lane >= LANES:
                self._inserts[lane] = InsertLane(
                    self._arena, self._reader, lane, self._model, self._rate, texts, self._assignments
                )
            case StartVoice(lane, deck, texts):
                self._lanes[lane] = VoiceLane(
                    self._arena, self._reader, lane, deck, self._model, self._rate, texts, self._assignments
                )
            case SetTexts(lane, texts):
                if one := self._lanes.get(lane) or self._inserts.get(lane):
                    one.voice.settings.set_texts(texts)
            case DropVoice(lane):
                self._lanes.pop(lane, None)
                self._inserts.pop(lane, None)
                line.report(VoiceDropped(lane))
            case TimeFrames():
                playing = (self._lanes or self._inserts) and self._recent  # its frames are timed already
                render_s = float(np.median(self._recent)) if playing else self.rehearse()
                line.report(FramesTimed(1000.0 * render_s))

    def _lead(self, lane: VoiceLane) -> float:
        """Seconds of sound left in the ring when a frame must start: slowest render time plus margin."""
        longest = lane.ring.capacity / self._rate - self._burst_s - 2 * lane.voice.frame_s
        return min(self._slowest + self._margin_s, max(longest, 0.0))  # leaves room for a longer burst

    def _read_device(self) -> None:
        """Read how the device takes its frames now.

        _burst, _burst_s : frames that it takes at once, and their length in seconds
        _until_burst     : seconds until it may take the next burst; negative if it is due
        _margin_s        : the player's margin, seconds
        """
        meters = self._arena.meters
        self._burst = float(meters[_BURST])
        self._burst_s = self._burst / self._rate
        self._until_burst = float(meters[_UNTIL]) - time.monotonic()
        self._margin_s = params.margin(self._arena.table)

    def _seconds_left(self, lane: VoiceLane) -> float:
        """Seconds until a lane's next frame has to start.

        A device takes frames in bursts of blocks. Frames that it has taken and not yet played do not count
        as used of the next burst, except if rendering is `patient` or the mixer does not read the lane yet.
        """
        encoder_input = lane.voice.encoder_input
        if encoder_input and lane.is_live:
            if not self._input_complete(lane):
                return max(self._until_written(encoder_input.end, self._arena.input), MIN_SLEEP_S)
            if lane.voice.ratio == 1.0:
                return -1.0  # a tuned voice's input may be complete long before its frame is due
        used = self._burst_s
        if lane.is_live and not self._patient:
            used -= min(max(self._until_burst, 0.0), used)
        return lane.ring.fill / self._rate - used - self._lead(lane)

    def _input_complete(self, lane: VoiceLane) -> bool:
        """Whether the input of a lane's next frame has arrived; the frame then starts at once.

        The slack is the margin less the limiter's delay; or, if that is longer, as many bursts as the slowest
        render time needs: input of the burst in which a frame sounds comes too late for it.
        """
        if lane.voice.encoder_input is None:
            return True
        margin, burst = self._margin_s * self._rate, self._burst
        needed = 0.0 if self._patient else math.ceil(self._slowest / self._burst_s) * burst
        return lane.input_complete(max(margin - self._arena.meters[_DELAY], needed), burst / 2)

    def _until_input(self, insert: InsertLane) -> float:
        """Seconds until an insert's next frame can be rendered; negative if it can be now."""
        if insert.is_due:
            return -1.0
        if not insert.has_room:
            return self._nap
        return max(self._until_written(insert.voice.end, insert.input), MIN_SLEEP_S)

    def _until_written(self, frame: int, history: HistoryBuffer) -> float:
        """Seconds until the mixer, burst by burst, has written the input up to this frame."""
        bursts = math.ceil((frame - history.written) / self._burst)
        return (bursts - 1) * self._burst_s + self._until_burst

    def _render(self, lanes: list[VoiceLane]) -> None:
        began = time.perf_counter()
        voices, tables = [lane.voice for lane in lanes], [lane.table for lane in lanes]
        for lane, audio in zip(lanes, render_applied(self._model, voices, tables), strict=True):
            lane.write(audio)
            if lane.is_shown:
                self._show(lane)
        self._note_time(began)

    def _render_insert(self, insert: InsertLane) -> None:
        began = time.perf_counter()
        insert.render()
        self._note_time(began)

    def _note_time(self, began: float) -> None:
        took = time.perf_counter() - began
        self._times.append(took)
        self._recent.append(took)
        self._frames += 1

    def _show(self, lane: VoiceLane) -> None:
        meters, voice = lane.deck_meters, lane.voice
        meters[DECK_METER["resets"]] = voice.resets
        meters[DECK_METER["notes"]] = voice.chord.notes
        sound = voice.deck_sound
        meters[DECK_METER["howl"]] = sound is not None and sound.feedback.lowered
        meters[DECK_METER["frames"]] = lane.meters[LANE_METER["frames"]]
        input_delay = lane.meters[LANE_METER["behind"]]
        mixer_delay, device = self._arena.meters[_DELAY], self._arena.meters[_BUFFERED]
        meters[DECK_METER["input/latency"]] = (
            (input_delay + mixer_delay) / self._rate + device if input_delay else 0.0
        )
        shown = min(len(voice.z), params.LATENTS)
        home = voice.home.z[:shown]  # the meters count from where bias 0 is
        for latents, first in ((voice.source_latents, DECK_METER["in/0"]), (voice.z, DECK_METER["z/0"])):
            meters[first : first + shown] = latents[:shown] - home
        if self._frames % SHOW_EVERY == 0 or lane.is_new:
            lane.is_new = False
            # 0 until there are enough times: the meter may still show another process's load
            load = float(np.percentile(self._recent, 95)) if len(self._recent) >= SHOW_EVERY else 0.0
            meters[DECK_METER["load"]] = load / voice.frame_s
            meters[DECK_METER["latency"]] = (
                voice.frame_s / 2
                + self._lead(lane)
                + self._burst_s
                + lane.voice.resampler_s
                + self._arena.meters[_RESAMPLER]
            )
