"""Messages between the stage and the recorder (`perform.recorder.recorder_process`)."""

from __future__ import annotations

from perform.core.messages.message import Order, Report


class OpenRecorder(Order, frozen=True):
    """The first order to a recorder: map the arena and repair unfinished takes in `folders`.

    retro : seconds of sound to keep in memory; 0: none
    """

    arena: str
    folders: tuple[str, ...]
    retro: float = 0.0


class StartTake(Order, frozen=True):
    """Start a take.

    samples  : sample format, a name of `wav_format.FORMATS`
    song     : that plays when the take starts; it becomes the first marker
    position : frame of the master history at which the take starts; None: now
    """

    set: str
    tracks: tuple[str, ...] = ("master",)
    samples: str = "pcm24"
    song: str = ""
    position: int | None = None


class ContinueTake(Order, frozen=True):
    """Continue a take with a new part after its recorder died.

    path     : the dead recorder's last file; the new part starts at the frame where it ends
    position : frame of the master history at which `path` starts; without a `path`, the new part
    part     : number of the new part
    take     : the take's first file
    began    : frame of the master history at which the take started
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
    """Set a marker at a frame of the master history.

    what : "mark", "song" or "scene"

    The next `ContinueTake` takes markers sent before it into its part, from its position on.
    """

    name: str
    what: str
    position: int


class WriteLastMinutes(Order, frozen=True):
    """Write the last minutes as a take: the `retro` seconds before now, or before the running take began."""

    set: str


class EndTake(Order, frozen=True):
    """End the take."""


class TakeRepaired(Report, frozen=True):
    """An unfinished file of an earlier run is repaired."""

    path: str
    frames: int


class TakeOpened(Report, frozen=True):
    """The files of a part are open.

    path     : the master's file
    position : frame of the master history at which this part starts
    take     : the take's first file
    began    : frame of the master history at which the take started
    """

    path: str
    position: int
    part: int
    take: str
    began: int
    tracks: tuple[str, ...]
    samples: str


class TakeFailed(Report, frozen=True):
    """A file cannot be written further; the next `TakeOpened` names the file that continues the take.

    With an empty path, no folder accepts a file; the recorder tries again every second.
    """

    error: str
    path: str


class TakeClosed(Report, frozen=True):
    """The whole take is on the disk.

    path   : its first file; "" if the take never started
    missed : frames that are missing from it
    """

    path: str
    frames: int
    seconds: float
    missed: int


class DiskLow(Report, frozen=True):
    """The disk is filling up. Sent once below 30 minutes, and once below 1 GiB."""

    seconds_left: float
    bytes_left: int


class LastMinutesOpened(Report, frozen=True):
    """The last minutes are being written to `path`. Sent again if they move to another folder."""

    path: str


class LastMinutesWritten(Report, frozen=True):
    """The last minutes are written; an empty path if they could not be."""

    path: str
    frames: int
    seconds: float
    error: str


class LastMinutesOff(Report, frozen=True):
    """The last minutes cannot be kept in memory; `error` says why."""

    error: str


RecorderOrder = OpenRecorder | StartTake | ContinueTake | MarkTake | WriteLastMinutes | EndTake
RecorderReport = (
    TakeRepaired
    | TakeOpened
    | TakeFailed
    | TakeClosed
    | DiskLow
    | LastMinutesOpened
    | LastMinutesWritten
    | LastMinutesOff
)
