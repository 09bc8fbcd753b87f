"""Messages between the stage and its host processes (`perform.voice.host_process`)."""

from __future__ import annotations

from msgspec import Struct

from perform.core.attributes import Attribute, Texts
from perform.core.messages.message import Order, Report


class DeckAssignment(Struct, frozen=True):
    """The model of one deck.

    model, sha256 : path and hash; "": none
    matrix : file of the matrix from another deck's latents to its own; "": the matrix by variance
    """

    model: str = ""
    sha256: str = ""
    matrix: str = ""


class FileAssignment(Struct, frozen=True):
    """A sound file that a voice of this host plays, or will play.

    deck   : a deck whose source it is
    coming : only the armed song plays it
    """

    path: str
    deck: int
    coming: bool = False


class StartHost(Order, frozen=True):
    """The first order to a host process: load a model.

    rate    : of the device, Hz
    patient : no clock drives the mixer; fill each ring buffer whenever it has room
    idle    : load at idle priority, until `RaisePriority`
    gpu     : names of the models that the player wants on the GPU
    openvino : names of the models that the player wants with OpenVINO
    """

    arena: str
    model: str
    rate: float
    patient: bool
    idle: bool = False
    gpu: tuple[str, ...] = ()
    openvino: tuple[str, ...] = ()


class RaisePriority(Order, frozen=True):
    """Load at normal priority from now on: a deck waits for the model."""


class StartVoice(Order, frozen=True):
    """Start a voice on a free lane, with the texts of its model's attributes."""

    lane: int
    deck: int
    texts: Texts


class SetTexts(Order, frozen=True):
    """Replace the texts of the attributes of a voice's model."""

    lane: int
    texts: Texts


class DropVoice(Order, frozen=True):
    """End a voice; the host writes nothing to the lane after its `VoiceDropped`."""

    lane: int


class TimeFrames(Order, frozen=True):
    """Render some frames unheard, beside what plays, and report how long one takes."""


class AssignDecks(Order, frozen=True):
    """Tell a host which model each deck plays now.

    mine  : the decks that play this host's model
    files : number -> sound file to encode
    """

    decks: dict[int, DeckAssignment]
    mine: tuple[int, ...]
    files: dict[int, FileAssignment]


class HostLoading(Report, frozen=True):
    """A step of loading is done. Restarts the stage's limit on loading time.

    text : for the log: an export is being converted; "" for nothing
    """

    text: str = ""


class HostLog(Report, frozen=True):
    """A line for the player's log."""

    text: str


class HostReady(Report, frozen=True):
    """The model is warm.

    made      : the file that plays; not the model's path if an export was converted
    render_ms : median render time of a frame
    engine    : what renders it: "" the processor, "GPU", "OpenVINO..." with its error, or why none of these
    resampling_s, shift_s : how long the resamplers to the model's rate and back keep an insert's sound, and
        by how much they shift it
    """

    render_ms: float
    sha256: str
    made: str
    attributes: tuple[Attribute, ...]
    actions: tuple[str, ...]
    has_prior: bool
    has_encoder: bool
    takes_sound: bool = False
    engine: str = ""
    resampling_s: float = 0.0
    shift_s: float = 0.0


class FramesTimed(Report, frozen=True):
    """The answer to `TimeFrames`: median render time of a frame."""

    render_ms: float


class HostFailed(Report, frozen=True):
    """The model cannot be loaded, or has failed; the process ends."""

    error: str


class VoiceDropped(Report, frozen=True):
    """The host no longer writes to this lane."""

    lane: int


class AttributeRefused(Report, frozen=True):
    """A module refused a value of an attribute.

    index : of the attribute, from 0
    value : that it refused
    kept  : value that it still has
    """

    lane: int
    index: int
    value: float
    kept: float
    error: str


class FileEncoded(Report, frozen=True):
    """A sound file is encoded up to `part` of it (0..1), after `seconds`."""

    file: int
    part: float
    seconds: float


HostOrder = StartHost | RaisePriority | StartVoice | SetTexts | DropVoice | TimeFrames | AssignDecks
HostReport = (
    HostLoading
    | HostLog
    | HostReady
    | FramesTimed
    | HostFailed
    | VoiceDropped
    | AttributeRefused
    | FileEncoded
)
