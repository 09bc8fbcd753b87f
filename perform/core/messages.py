"""Orders from the stage to its child processes, and the reports that come back: one JSON line each.

`core/lifeline.py` is the child's end of the pipes, `stage/child.py` the stage's. The tag of a line is the
name of its class; unknown tags and unknown fields are refused. Paths are absolute, "" means none.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from perform.core.attributes import Attribute, Texts


class Order(Struct, frozen=True, tag=True, tag_field="order", forbid_unknown_fields=True):
    """Base of all orders: stage -> child."""


class Report(Struct, frozen=True, tag=True, tag_field="report", forbid_unknown_fields=True):
    """Base of all reports: child -> stage."""


# -- mixers (perform.audio.mixer_process)


class StartMixer(Order, frozen=True):
    """The first order to a mixer. rate (Hz) and block (frames): None for what the device prefers."""

    arena: str
    device: str | None
    input: str | None
    rate: float | None
    block: int | None
    patient: bool


class MixerReady(Report, frozen=True):
    """The clock mixer runs."""


class DeviceWaiting(Report, frozen=True):
    """No device can be opened; the device mixer tries again by itself."""

    error: str


class DevicePlaying(Report, frozen=True):
    """The device is open.

    device : its name, rate and block, for the log
    why : why this device was chosen
    input_error : why there is no live input, or ""
    """

    device: str
    why: str
    rate: float
    input_error: str


class DeviceLost(Report, frozen=True):
    """The device stopped calling; the device mixer ends."""

    device: str


# -- recorder (perform.recorder.recorder_process)


class OpenRecorder(Order, frozen=True):
    """The first order to a recorder: map the arena, repair unfinished takes in `folders`.

    retro : seconds of the past to keep in memory; 0 for none
    """

    arena: str
    folders: tuple[str, ...]
    retro: float = 0.0


class StartTake(Order, frozen=True):
    """Start a take.

    samples : a name of `wav_format.FORMATS`
    song : the song it starts in; becomes its first marker
    position : frame of the master history at which it starts; None: now
    """

    set: str
    tracks: tuple[str, ...] = ("master",)
    samples: str = "pcm24"
    song: str = ""
    position: int | None = None


class ContinueTake(Order, frozen=True):
    """Continue a take whose recorder died: a `TakeOpened` with its part raised by one.

    position : frame of the master history at which `path` starts; if there is no `path`, the new part
    part : number of the new part
    take : the take's first file
    path : the dead recorder's last file; the new part starts at the frame where it ends
    """

    set: str
    position: int
    part: int
    take: str
    began: int
    path: str = ""
    tracks: tuple[str, ...] = ("master",)
    samples: str = "pcm24"


class MarkTake(Order, frozen=True):
    """A marker ("mark", "song" or "scene") at a frame of the master history.

    Markers sent before `ContinueTake` are in that part, from its position on.
    """

    name: str
    what: str
    position: int


class WriteLastMinutes(Order, frozen=True):
    """Write the last minutes as a take: the `retro` seconds before now, or before the running take."""

    set: str


class EndTake(Order, frozen=True):
    """End the take."""


class TakeRepaired(Report, frozen=True):
    """An unfinished file of an earlier run is whole again."""

    path: str
    frames: int


class TakeOpened(Report, frozen=True):
    """The files of a part are open.

    path : the master's file
    position : frame of the master history at which this part starts; began: at which the take started
    take : the take's first file
    """

    path: str
    position: int
    part: int
    take: str
    began: int
    tracks: tuple[str, ...]
    samples: str


class TakeFailed(Report, frozen=True):
    """A file cannot go on; the next `TakeOpened` says where the take does.

    With an empty path, no folder accepts a file: the recorder tries again every second.
    """

    error: str
    path: str


class TakeClosed(Report, frozen=True):
    """The whole take is on the disk. path: its first file, or "" where the take never started."""

    path: str
    frames: int
    seconds: float
    missed: int


class DiskLow(Report, frozen=True):
    """The disk fills up: sent once below 30 minutes, and once below 1 GiB."""

    seconds_left: float
    bytes_left: int


class LastMinutesOpened(Report, frozen=True):
    """The take of the last minutes is being written at `path`; sent again if it moves to another folder."""

    path: str


class LastMinutesWritten(Report, frozen=True):
    """The take of the last minutes is done; an empty path where there is none."""

    path: str
    frames: int
    seconds: float
    error: str


class LastMinutesOff(Report, frozen=True):
    """The last minutes are not kept in memory, and why."""

    error: str


# -- control (perform.control.control_process)


class StartControl(Order, frozen=True):
    """The first order to the control process. ports: use only MIDI ports whose name contains one of these.

    mapping : a name or path; "" for the mapping made for the connected controllers
    """

    arena: str
    mapping: str
    ports: tuple[str, ...]


class LearnControl(Order, frozen=True):
    """Map the next control that moves to an address; "" ends learning.

    range : of the knob, where the address has no range itself
    """

    address: str
    range: tuple[float, float] | None = None


class UnlearnControl(Order, frozen=True):
    """Remove every binding of an address."""

    address: str


class LoadMapping(Order, frozen=True):
    """Use another mapping, by name or path."""

    path: str


class WriteMapping(Order, frozen=True):
    """Save the mapping in use under a name; path: instead of the player's own folder."""

    name: str
    path: str = ""


class MidiPortsChanged(Report, frozen=True):
    """The MIDI ports that are open, and why there are no more."""

    open: tuple[str, ...]
    error: str


class MappingChanged(Report, frozen=True):
    """The mapping in use.

    bindings : (address, control as the screen names it)
    changed : it has changes that are not saved
    follows : it follows the connected controllers
    """

    name: str
    path: str
    bindings: tuple[tuple[str, str], ...]
    changed: bool
    follows: bool


class ControlTouched(Report, frozen=True):
    """A control moved. address: what it is mapped to, or ""."""

    text: str
    address: str


class ControlLearned(Report, frozen=True):
    """A control is mapped to an address now."""

    address: str
    control: str


class MappingWritten(Report, frozen=True):
    """The mapping is saved."""

    path: str


class ControlFailed(Report, frozen=True):
    """An order failed, or a file could not be read or written."""

    error: str


# -- host processes (perform.voice.host_process)


class DeckAssignment(Struct, frozen=True):
    """What one deck plays.

    model, sha256 : of the model; "" for none
    matrix : the matrix file by which it follows another deck; "" for the matrix by variance
    """

    model: str = ""
    sha256: str = ""
    matrix: str = ""


class FileAssignment(Struct, frozen=True):
    """A sound file that a voice of this host plays, or will play.

    deck : a deck that wants it
    coming : only the next song plays it
    """

    path: str
    deck: int
    coming: bool = False


class StartHost(Order, frozen=True):
    """The first order to a host process: load a model. rate: the device's, Hz.

    idle : load at idle priority, until `RaisePriority`
    """

    arena: str
    model: str
    rate: float
    patient: bool
    idle: bool = False


class RaisePriority(Order, frozen=True):
    """Load at normal priority from now on: a deck waits for the model."""


class StartVoice(Order, frozen=True):
    """Start a voice on a free lane. texts: of its model's attributes."""

    lane: int
    deck: int
    texts: Texts


class SetTexts(Order, frozen=True):
    """New texts for the attributes of a voice's model."""

    lane: int
    texts: Texts


class DropVoice(Order, frozen=True):
    """End a voice; the host writes nothing to the lane after its `VoiceDropped`."""

    lane: int


class AssignDecks(Order, frozen=True):
    """What all decks play now.

    mine : the decks that play this host's model
    files : number -> sound file to encode
    """

    decks: dict[int, DeckAssignment]
    mine: tuple[int, ...]
    files: dict[int, FileAssignment]


class HostLoading(Report, frozen=True):
    """Loading goes on: an export is being converted. Restarts the stage's limit on loading time."""

    text: str


class HostLog(Report, frozen=True):
    """A line for the player's log."""

    text: str


class HostReady(Report, frozen=True):
    """The model is warm.

    made : the file that plays; differs from the model's path where an export was converted
    render_ms : median render time of a frame
    """

    render_ms: float
    sha256: str
    made: str
    attributes: tuple[Attribute, ...]
    actions: tuple[str, ...]
    has_prior: bool


class HostFailed(Report, frozen=True):
    """The model cannot be loaded, or cannot go on; the process ends."""

    error: str


class VoiceDropped(Report, frozen=True):
    """The host no longer writes to this lane."""

    lane: int


class AttributeRefused(Report, frozen=True):
    """A module refused a value of an attribute.

    place : the attribute, the first being 0;  number : the value it refused;  kept : the value it has
    """

    lane: int
    place: int
    number: float
    kept: float
    error: str


class FileEncoded(Report, frozen=True):
    """A sound file is encoded up to `part` (0..1), after `seconds`."""

    file: int
    part: float
    seconds: float


AnyOrder = (
    StartMixer
    | OpenRecorder
    | StartTake
    | ContinueTake
    | MarkTake
    | WriteLastMinutes
    | EndTake
    | StartControl
    | LearnControl
    | UnlearnControl
    | LoadMapping
    | WriteMapping
    | StartHost
    | RaisePriority
    | StartVoice
    | SetTexts
    | DropVoice
    | AssignDecks
)

AnyReport = (
    MixerReady
    | DeviceWaiting
    | DevicePlaying
    | DeviceLost
    | TakeRepaired
    | TakeOpened
    | TakeFailed
    | TakeClosed
    | DiskLow
    | LastMinutesOpened
    | LastMinutesWritten
    | LastMinutesOff
    | MidiPortsChanged
    | MappingChanged
    | ControlTouched
    | ControlLearned
    | MappingWritten
    | ControlFailed
    | HostLoading
    | HostLog
    | HostReady
    | HostFailed
    | VoiceDropped
    | AttributeRefused
    | FileEncoded
)

_ORDERS: msgspec.json.Decoder[AnyOrder] = msgspec.json.Decoder(AnyOrder)
_REPORTS: msgspec.json.Decoder[AnyReport] = msgspec.json.Decoder(AnyReport)


class BadMessage(ValueError):
    """A line that is no order or report; the text says why, and shows the line."""


def encode(message: Order | Report) -> str:
    """A message as one line, newline included."""
    return msgspec.json.encode(message).decode() + "\n"


def decode_order(line: str) -> AnyOrder:
    """The order on a line; BadMessage where it is none."""
    try:
        return _ORDERS.decode(line)
    except msgspec.DecodeError as error:
        raise BadMessage(f"not an order ({error}): {line.strip()[:200]}") from error


def decode_report(line: str) -> AnyReport:
    """The report on a line; BadMessage where it is none, as when its child was killed while writing it."""
    try:
        return _REPORTS.decode(line)
    except msgspec.DecodeError as error:
        raise BadMessage(f"not a report ({error}): {line.strip()[:200]}") from error
