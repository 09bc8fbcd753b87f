"""A take to sound again, from its gesture log: the same mixer, the same decoders, what they heard and when.

The same bits as the master for a take that was recorded offline; for a live one what decoders and limiter
remember of the seconds before the take is made again from the log, and the rest is rounding.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from perform.audio.mixer import Mixer
from perform.core import params
from perform.core.arena import INPUT, LANES, NAMES, RING_FRAMES, STEMS, Arena
from perform.core.errors import PerformError, WrongUse
from perform.core.event_log import BEGIN, LOST, READ, VALUES, WHOLE, RingReadEvent, unpack_values
from perform.core.params import ADDRESSES
from perform.core.ring_buffers import Audio
from perform.engine.protocol import PlayableModel
from perform.foreign.opening import open_model
from perform.library import hashes, places
from perform.library.cards import find_model, models, sha256
from perform.recorder import gesture_log, take_index
from perform.recorder.markers import Marker
from perform.recorder.new_files import check_new, writing
from perform.recorder.take_names import beside
from perform.recorder.take_writer import read_track
from perform.recorder.wav import FORMATS
from perform.voice.lane_replay import LaneReplay, RecordedModel, RecordedStream, runs

MASTER = "master"


class ReplayOptions(NamedTuple):
    """How a take is to be rendered; None: as it was recorded. begin, end: seconds of the take."""

    rate: int | None = None
    float32: bool | None = None
    stems: bool = False
    swap: Mapping[int, str] = {}  #: deck -> another model, by library name or path
    begin: float = 0.0
    end: float | None = None


@dataclass
class LoggedTake:
    """What all logs of a take tell.

    begin, end : the take's frames of the tape; mixer : what the mixer told; lanes : what their voices told
    damaged : the frame of the tape from which on a damaged log may lack something
    """

    rate: int
    block: int
    samples: str
    begin: int
    end: int
    mixer: list[gesture_log.LoggedEvent]
    lanes: dict[int, list[RecordedStream]]
    slots: np.ndarray  #: from the log's slots to ours, -1 for what is no more
    lost: int  #: records that found no room
    damaged: int | None = None
    marks: list[Marker] = field(default_factory=list)


def load(take: take_index.Take) -> LoggedTake:
    """[disk] A take's logs, up to where they are damaged; PerformError where one is missing."""
    logs = []
    for master in take.files:
        path = master.with_suffix(gesture_log.SUFFIX)
        if not path.exists():
            hint = "takes of another version have none; the WAV itself is whole"
            raise PerformError("this take has no gesture log", where=str(path), hint=hint)
        logs.append(gesture_log.read(path))
    seen: set[gesture_log.LoggedEvent] = set()
    records: list[gesture_log.LoggedEvent] = []
    for log in logs:  # each part's log begins with a piece of the one before
        records += [record for record in log.records if record not in seen]
        seen = set(log.records) if len(logs) > 1 else seen
    first = logs[0].header
    # a voice tells of frames that its ring holds for later
    known = [max((r.at for r in log.records), default=0) - RING_FRAMES for log in logs if log.damaged]
    try:
        lanes = {
            lane: found
            for lane in range(LANES)
            if (found := runs(((r.kind, r.payload) for r in records if r.who == lane), _places(first, lane)))
        }
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise PerformError(f"its gesture log is damaged ({error})", where=str(take.path)) from error
    ours = {name: i for i, name in enumerate(NAMES)}
    return LoggedTake(
        rate=first.rate,
        block=first.block,
        samples=first.samples,
        begin=first.position,
        end=first.position + take.frames,
        mixer=sorted((r for r in records if r.who == LANES), key=lambda record: record.at),
        lanes=lanes,
        slots=np.array([ours.get(name, -1) for name in first.names], np.intp),
        lost=sum(int.from_bytes(r.payload[:8], "little") for r in records if r.kind == LOST),
        damaged=min(known, default=None),
        marks=list(take.marks),
    )


def _places(header: gesture_log.GestureHeader, lane: int) -> npt.NDArray[np.intp]:
    """Of each slot of a log its place in the bank of a lane's deck, or -1."""
    bank = {name: i for i, name in enumerate(ADDRESSES[params.bank(lane // 2 + 1)])}
    return np.array([bank.get(name, -1) for name in header.names], np.intp)


def render(
    take: take_index.Take, out: Path, wish: ReplayOptions, on_progress: Callable[[float], None]
) -> LoggedTake:
    """Render a take to a WAV, with `wish.stems` a file each deck beside it; never overwrites.

    on_progress : is told seconds done. PerformError where a model is missing, or the log is damaged before
    what is wished for ends.
    """
    played = load(take)
    rate = wish.rate or played.rate
    samples = played.samples if wish.float32 is None else ("float32" if wish.float32 else "pcm24")
    begin = played.begin + round(wish.begin * played.rate)
    end = played.end if wish.end is None else min(played.end, played.begin + round(wish.end * played.rate))
    if begin >= end:
        what = f"nothing lies between {wish.begin:g} s and {wish.end or take.seconds:g} s"
        raise WrongUse(what, where=str(take.path), hint=f"it is {take.seconds:.1f} s long")
    if played.damaged is not None and played.damaged < end:
        known = max(0, (played.damaged - played.begin) // played.rate)
        hint = (
            f"--to {known} renders what comes before" if known else "the sound of the take does not need it"
        )
        raise PerformError(f"its gesture log is damaged {known} s in", where=str(take.path), hint=hint)
    tracks = [MASTER, *(stem for i, stem in enumerate(STEMS) if wish.stems and _sounds(played, i))]
    hosts = _hosts(played, wish.swap)  # what is missing is said before a file is made
    check_new(out, (".wav",))
    scale = rate / played.rate
    marks = [
        Marker(round((mark.frame - begin + played.begin) * scale), mark.name)
        for mark in played.marks
        if begin <= mark.frame + played.begin <= end
    ]
    with tempfile.TemporaryDirectory(prefix="perform-", dir=places.memory()) as folder, ExitStack() as files:
        arena = Arena.create(Path(folder) / "arena")
        arena.show("tracks/on", wish.stems)
        player = TakeReplay(arena, played, hosts, rate, RingReplay(take, played, rate))
        form, write = FORMATS[samples], {}
        for track in tracks:
            write[track] = files.enter_context(writing(beside(out, track), rate, form, marks))
        for at, blocks in player.play(begin, end, tracks):
            for track in tracks:
                write[track](blocks[track])
            on_progress((at - begin) / played.rate)
    return played


class RingReplay:
    """[disk] What came in while a take was recorded, for its monitor; silence where that is not known.

    At another rate than it was played at it is silence too.
    """

    def __init__(self, take: take_index.Take, played: LoggedTake, rate: int) -> None:
        known = INPUT in take.tracks and rate == played.rate
        self._blocks = take_index.sound(take, INPUT) if known else iter(())
        self._at, self._block = played.begin, np.zeros((0, 2), np.float32)

    def take(self, at: int, frames: int) -> Audio:
        """(frames, 2) from a frame of the tape on; later each time."""
        out = np.zeros((frames, 2), np.float32)
        while self._at + len(self._block) < at + frames:
            begin = max(at, self._at)
            part = self._block[begin - self._at :]
            out[begin - at : begin - at + len(part)] = part
            self._at += len(self._block)
            self._block = next(self._blocks, np.zeros((0, 2), np.float32))
            if not len(self._block):
                return out
        begin = max(at, self._at)
        part = self._block[begin - self._at : at + frames - self._at]
        out[begin - at : begin - at + len(part)] = part
        return out


class TakeReplay:
    """[render] The mixer of a take again, and its lanes.

    host : of the models by what the log says of them, a function a deck; came: its input
    """

    def __init__(
        self,
        arena: Arena,
        played: LoggedTake,
        host: Callable[[int, RecordedModel], PlayableModel],
        rate: int,
        came: RingReplay,
    ) -> None:
        self._arena, self._played, self._rate, self._came = arena, played, rate, came
        self._lanes = {
            lane: LaneReplay(found, lambda model, deck=lane // 2 + 1: host(deck, model), rate, played.rate)  # type: ignore[misc]
            for lane, found in played.lanes.items()
        }
        self._reading: dict[int, int] = {}  # lane -> scaled position of the ring that comes next
        self._once: dict[int, tuple[int, int]] = {}  # lane -> position and frames, for one block
        self._mixer: Mixer | None = None

    def play(self, begin: int, end: int, tracks: list[str]) -> Iterator[tuple[int, dict[str, Audio]]]:
        """Frames of the tape -> after each block: frame reached, (n, 2) of each track within begin..end."""
        events = self._events(begin)
        at = max(0, min(begin, events[0].at)) if events else begin
        start, index, silent_until = at, 0, at
        while at < end:
            while index < len(events) and events[index].at <= at:
                try:
                    self._apply(events[index])
                except (ValueError, LookupError, TypeError, RecursionError) as error:
                    raise PerformError(f"the gesture log is damaged at frame {at} ({error})") from error
                index += 1
            stop = min(end, at + self._block(at, start))
            if index < len(events):
                missed = self._missed(events[index])
                silent_from = events[index].at - missed
                stop = min(stop, events[index].at if silent_from <= at else silent_from)
                silent_until = events[index].at if missed and silent_from <= at else silent_until
            n = self._frames(stop) - self._frames(at)
            heard = self._came.take(at, n)
            blocks = self._mix(n, tracks, heard, silent=at < silent_until)
            if stop > begin:
                cut = max(0, self._frames(begin) - self._frames(at))
                yield stop, {track: audio[cut:] for track, audio in blocks.items()}
            at = stop

    def _block(self, at: int, start: int) -> int:
        """Frames to the end of the block that `at` lies in: rounding falls as it fell."""
        return self._played.block - (at - start) % self._played.block

    def _frames(self, at: int) -> int:
        return round(at * self._rate / self._played.rate)

    def _events(self, begin: int) -> list[gesture_log.LoggedEvent]:
        """What the mixer told, from the last time it told everything long enough before."""
        early = begin - round(gesture_log.PREROLL_S * self._played.rate)
        found = self._played.mixer
        whole = [i for i, record in enumerate(found) if record.kind in (WHOLE, BEGIN)]
        first = max((i for i in whole if found[i].at <= early), default=whole[0] if whole else 0)
        return found[first:]

    def _missed(self, event: gesture_log.LoggedEvent) -> int:
        if event.kind != BEGIN or self._mixer is None:
            return 0
        return int(_words(event).get("missed", 0))

    def _apply(self, event: gesture_log.LoggedEvent) -> None:
        if event.kind in (VALUES, WHOLE, BEGIN):
            told, values, _ = unpack_values(event.payload)
            slots = self._played.slots[told]
            self._arena.numbers[slots[slots >= 0]] = values[slots >= 0]
            if event.kind == BEGIN or self._mixer is None:
                factor, rise = _words(event)["opening"] if event.kind == BEGIN else (1.0, 1.0)
                self._mixer = Mixer(self._arena, self._rate, opening=(float(factor), float(rise)))
        elif event.kind == READ:
            reading = RingReadEvent.unpack(event.payload)
            position = self._frames(reading.ring)
            self._reading.pop(reading.lane, None)
            if reading.whole:
                self._reading[reading.lane] = position
            elif reading.frames:
                self._once[reading.lane] = position, self._frames(reading.frames)

    def _mix(self, n: int, tracks: list[str], heard: Audio, *, silent: bool) -> dict[str, Audio]:
        if silent or self._mixer is None:
            return {track: np.zeros((n, 2), np.float32) for track in tracks}
        for lane, position in self._reading.items():
            self._fill(lane, position, n)
            self._reading[lane] = position + n
        for lane, (position, frames) in self._once.items():
            self._fill(lane, position, min(frames, n))
        out = np.zeros((n, 2), np.float32)
        at = self._arena.tape.written
        self._mixer.fill(out, heard)
        for lane in (*self._reading, *self._once):
            self._arena.rings[lane].clear()
        self._once.clear()
        return {
            track: out if track == MASTER else read_track(self._arena.tracks[track], at, n)[0]
            for track in tracks
        }

    def _fill(self, lane: int, position: int, frames: int) -> None:
        if lane in self._lanes:
            self._arena.rings[lane].write(self._lanes[lane].take(position, frames))


def _words(event: gesture_log.LoggedEvent) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(unpack_values(event.payload)[2])
    return found


def _sounds(played: LoggedTake, deck: int) -> bool:
    """Whether a deck, 0 the first, played anything."""
    return any(lane // 2 == deck for lane in played.lanes)


def _hosts(played: LoggedTake, swap: Mapping[int, str]) -> Callable[[int, RecordedModel], PlayableModel]:
    """Deck and model -> its host. PerformError names every model that is missing, WrongUse a wrong swap."""
    wanted = {deck: find_model(name) for deck, name in swap.items()}
    for deck in wanted:
        if not _sounds(played, deck - 1):
            there = ", ".join(str(lane // 2 + 1) for lane in sorted(played.lanes))
            raise WrongUse(f"deck {deck} is silent in this take", hint=f"there are decks {there}")
    files: dict[str, Path] = {}
    missing = []
    for lane, found in played.lanes.items():
        for model in {run.model for run in found} if lane // 2 + 1 not in wanted else ():
            path = _find(model)
            if path:
                files[model.sha256] = path
            else:
                missing.append(f"{model.name} (SHA-256 {model.sha256[:12]}) of deck {lane // 2 + 1}")
    if missing:
        hint = "put the file among your models, or render with another: --swap DECK=MODEL"
        raise PerformError(f"a model of this take is not here: {'; '.join(sorted(set(missing)))}", hint=hint)
    made: dict[Path, PlayableModel] = {}

    def host(deck: int, model: RecordedModel) -> PlayableModel:
        path = wanted.get(deck) or files[model.sha256]
        if path not in made:
            made[path] = open_model(path, separate_process=True)
        return made[path]

    return host


def _find(model: RecordedModel) -> Path | None:
    """The file of a model, by its hash: where it was played, else in the library, its own name first."""
    if played := hashes.find(model.sha256):
        return played
    known = models() | {path.stem: path for path in places.cache().glob("*.safetensors")}
    names = sorted(known, key=lambda name: name != model.name)
    for name in names:
        with suppress(OSError):
            if sha256(known[name]) == model.sha256:
                return known[name]
    return None
