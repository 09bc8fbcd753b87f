"""Layout of the arena: sizes, states, columns of the lane table, names of the meters."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from perform.core import params
from perform.core.params import DECKS, HOLDS, LATENTS, LFOS, RANDOMS, SEQUENCES

Meters = npt.NDArray[np.float64]  #: (len(METER_SLOTS),)

RING_FRAMES = 1 << 15  #: a lane's ring buffer: 0.68 s at 48 kHz
HISTORY_FRAMES = 1 << 21  #: the master's history: 43 s at 48 kHz
STEM_FRAMES = 1 << 20  #: the history of any other recorded track: 22 s at 48 kHz
INPUT_FRAMES = 1 << 16  #: the history of the live input: 1.4 s at 48 kHz
LATENT_HISTORY_FRAMES = 64  #: vectors of a lane's source: 0.3 s at the shortest frames
EVENT_LOG_BYTES = 1 << 20  #: an event log: 2.7 s of the stereo sound that an effect module gets at 48 kHz

INPUT = "input"  #: the track of the live input, aligned with the master
PRE = "pre"  #: the track before the limiter, aligned with the master
STEMS = tuple(f"deck{d}" for d in range(1, DECKS + 1))  #: the decks' tracks, after their faders

DEFAULT_RATE, DEFAULT_BLOCK = 48000, 256  #: if neither player nor device names another
NO_DEVICE = "null"  #: device name for: open no device

#: states of a deck, meter `deck/N/state`
EMPTY, LOADING, LIVE, FAILED = range(4)
STATES = ("empty", "loading", "live", "failed")

#: the mixer that reads the decks, meter `owner`
NO_MIXER, CLOCK, DEVICE = range(3)

#: values that a lane's voice reads: the table; the next song's; while it fades out, the last ones it read
NOW, NEXT, HELD = range(3)

LANES = 2 * DECKS  #: deck d has the lanes 2d - 2 and 2d - 1
INSERTS = DECKS + 1  #: insert 0 is the master's, insert N deck N's; insert I has the lane LANES + I
ALL_LANES = LANES + INSERTS
LANE_COLUMNS = [
    "live",  # 1: the mixer reads the lane's ring buffer
    "gate",  # gain to which the mixer fades the lane: 1 or 0
    "fade",  # seconds of a whole fade
    "trim",  # dB that bring the model to the common loudness
    "mode",  # which values the voice reads: NOW, NEXT, HELD
    "behind",  # frames of delay from the live input to the lane's output; 0 if the lane does not encode it
    "file",  # number of the file that the source "file" plays; 0: none
    "delay",  # of an insert: seconds from the mixer's sound to the sound of the module
    "dry",  # of an insert: seconds by which the module itself delays the sound
]
#: modulators that run through a cycle, by name
CYCLES: tuple[str, ...] = tuple(
    f"{kind} {n}"
    for kind, count in (("lfo", LFOS), ("random", RANDOMS), ("steps", SEQUENCES), ("hold", HOLDS))
    for n in range(1, count + 1)
)
#: the running phase of a modulator: cycles that it had run at a frame of the history, and its rate since then
PHASE_COLUMNS = ("cycles", "frame", "hz")
MODULATION_VERSION = "modulation/version"  #: grows when the stage changes `Arena.rows`
ROWS = 256  #: rows of modulation that a song can have
ROW_COLUMNS = ("source", "slot", "low", "high")  #: see `perform.core.modulation`
BEAT_VALUES = ("beat/origin", "beat/bpm")  #: frame of the history at which beat 0 sounds; its tempo
LANE: Mapping[str, int] = {name: i for i, name in enumerate(LANE_COLUMNS)}  #: column of `Arena.lanes`

#: name of each slot of `Arena.values`: the parameters, the lanes, the modulators' phases, the beat line
NAMES: tuple[str, ...] = (
    *params.ADDRESSES,
    *(f"lane/{n}/{column}" for n in range(ALL_LANES) for column in LANE_COLUMNS),
    MODULATION_VERSION,
    *(f"phase/{name.replace(' ', '/')}/{column}" for name in CYCLES for column in PHASE_COLUMNS),
    *BEAT_VALUES,
)
#: name of a parameter's value without modulation, in event logs; slot of a base value: len(NAMES) + its slot
BASE_NAMES: tuple[str, ...] = tuple(f"base/{address}" for address in params.ADDRESSES)
_AFTER_LANES = len(params.ADDRESSES) + ALL_LANES * len(LANE_COLUMNS)
LANE_VALUES = slice(len(params.ADDRESSES), _AFTER_LANES)  #: the lanes in `Arena.values`
VERSION_SLOT = _AFTER_LANES  #: MODULATION_VERSION in `Arena.values`
#: the phases in `Arena.values`, (len(CYCLES), len(PHASE_COLUMNS))
PHASE_VALUES = slice(_AFTER_LANES + 1, _AFTER_LANES + 1 + len(CYCLES) * len(PHASE_COLUMNS))

# Each meter has one writer, named in brackets.
DECK_METERS = [
    "state",  # [stage] one of STATES
    "pid",  # [stage] process id of the host process
    "frames",  # [render] frames rendered by the playing lane
    "load",  # [render] render time over frame duration; more than 1 is too slow
    "latency",  # [render] seconds from a parameter change to the device's block
    "input/latency",  # [render] seconds from live input to output, device included; 0: it does not encode it
    "resets",  # [render] decoder resets after NaN or infinity
    "notes",  # [render] notes that sound; 0 where the deck has one voice
    "peak/l",  # [audio] peak of the block after the fader, falling 20 dB/s
    "peak/r",
    "late",  # [audio] blocks for which the deck's audio came too late
    "bad",  # [audio] blocks that contained NaN or infinity
    "howl",  # [render] 1 while a guard lowers the sound that comes back to the deck
    *(f"in/{i}" for i in range(LATENTS)),  # [render] latents from the source, sigma
    *(f"z/{i}" for i in range(LATENTS)),  # [render] latents to the decoder, sigma
]
LANE_METERS = [
    "frames",  # [render] frames rendered
    "resets",  # [render] decoder resets after NaN or infinity
    "behind",  # [render] frames of delay from live input to ring buffer; 0 if the lane does not encode it
    "begin",  # [render] of an insert: frames from a place in its ring buffer to that place in its input
    "late",  # [audio] of an insert: blocks that it played without the module, which was too late
]
_STAGE_METERS = [
    "epoch",  # [stage] odd while a batch is being written
    "rate",  # [stage] frames a second
    "owner",  # [stage] NO_MIXER, CLOCK, DEVICE
    "block",  # [audio] frames a block
    "burst",  # [audio] frames that the device takes at once: a block, or several in a row
    "cue/on",  # [audio] 1 while the cue has outputs
    "buffered",  # [audio] seconds from input to output in the device's buffers; 0 without an input
    "resampler",  # [audio] seconds of delay where the device has another rate than the stage; else 0
    "frames",  # [audio] frames since the stage began
    "began",  # [audio] monotonic seconds at which frame 0 began, smoothed; 0 before the first block
    "time",  # [audio] monotonic seconds at which the last block began
    "until",  # [audio] monotonic seconds until which the frames taken so far last, played evenly
    "heartbeat/clock",  # [audio] blocks of the clock mixer
    "heartbeat/device",  # [audio] callbacks of the device mixer
    "heartbeat/recorder",  # [recorder] loop passes
    "heartbeat/control",  # [control] loop passes
    "heartbeat/osc",  # [osc] loop passes
    "heartbeat/clock_out",  # [clock out] loop passes
    "load",  # [audio] worst block time over its period, falling
    "xruns",  # [audio] underruns the device reported
    "missed",  # [audio] frames that no mixer filled: silence in the history
    "peak/l",  # [audio] master peak, falling 20 dB/s
    "peak/r",
    "has_played",  # [audio] 1 after a device has played
    "delay",  # [audio] frames from a ring buffer to the output
    "pulls",  # [audio] odd while the ring buffers are being read
    "pulled",  # [audio] frame of the history up to which they were read
    "input/level",  # [audio] dBFS of the live input as encoders get it
    "input/peak",  # [audio] its peak, falling 20 dB/s
    "input/pitch",  # [audio] Hz, the last reliable pitch; 0 before the first
    "input/gate",  # [audio] 1 while the input gate is open
    *(f"follow/deck/{d}" for d in range(1, DECKS + 1)),  # [audio] level 0..1 for the modulators "follow"
    "follow/input",
    "input/howls",  # [audio] how often the howl guard lowered the input
    "reduction",  # [audio] dB of gain reduction by the limiter, falling
    "realtime",  # [audio] 1 if the system granted real-time priority
    "tracks/on",  # [stage] the mixer writes all tracks; another number at each start, 0: only the master
    "tracks/seen",  # [audio] the value of `tracks/on` that `tracks/from` belongs to
    "tracks/from",  # [audio] first frame from which all tracks are complete; 0 while they are not written
    "take/on",  # [recorder] 1 while it records
    "take/frames",  # [recorder] frames of the take that are safe on disk
    "take/missed",  # [recorder] frames that were overwritten before the recorder read them
    "take/waiting",  # [recorder] frames that wait in memory because no folder accepts them; else 0
    "take/left",  # [recorder] seconds of disk space left
    "song",  # [stage] number of the song that plays
    "song/armed",  # [stage] number of the armed song; 0: none
    "scene",  # [stage] number of the scene recalled last; 0: none
    "clock/lock",  # [control] sequence lock of the next four
    "clock/kind",  # [control] what measured the tempo, see `perform.core.tempo_meters`
    "clock/seconds",  # [control] monotonic seconds of beat `clock/beat`
    "clock/beat",  # [control]
    "clock/bpm",  # [control] the measured tempo
    "clock/plays",  # [clock out] 1 while the devices that get our clock play
    "clock/late",  # [clock out] seconds by which a tick was late at worst, falling
    "control/count",  # [control] messages that reached a parameter
    "control/unmapped",  # [control] messages that are mapped to nothing
]
METER_SLOTS: Mapping[str, int] = {
    name: i
    for i, name in enumerate(
        _STAGE_METERS
        + [f"deck/{d}/{m}" for d in range(1, DECKS + 1) for m in DECK_METERS]
        + [f"lane/{n}/{m}" for n in range(ALL_LANES) for m in LANE_METERS]
    )
}
DECK_METER: Mapping[str, int] = {name: i for i, name in enumerate(DECK_METERS)}  #: index in `deck_meters`
LANE_METER: Mapping[str, int] = {name: i for i, name in enumerate(LANE_METERS)}  #: index in `lane_meters`


def lanes_of(deck: int) -> tuple[int, int]:
    """The two lanes of a deck (1..DECKS), as indices of `Arena.rings` and rows of `Arena.lanes`."""
    return 2 * deck - 2, 2 * deck - 1


def insert_lane(insert: int) -> int:
    """The lane of an insert: 0 is the master's, N deck N's."""
    return LANES + insert


def log_of(lane: int) -> int:
    """The event log of a lane, as an index of `Arena.event_logs`; LANES is the mixer's."""
    return lane if lane < LANES else lane + 1


def bank_of(lane: int) -> slice:
    """The slots of the attributes and actions of a lane's module."""
    if lane < LANES:
        return params.attribute_slots(lane // 2 + 1)
    return params.insert_slots(lane - LANES)
