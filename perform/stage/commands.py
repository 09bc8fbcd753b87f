"""What can be asked of a stage, and what it answers: structural changes only.

Numbers never come this way: they are written into the table. Each command and each answer is one JSON
line; unknown fields are refused.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from perform.core.attributes import Attribute


class Command(Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """Base of all commands; the tag is the class's name."""


class Load(Command, frozen=True):
    """Put a model on a deck: a library name or a path. What played there fades out first."""

    deck: int
    model: str


class UseFile(Command, frozen=True):
    """The sound file of a deck's source "file", by path or by name among the player's sounds; "" for none."""

    deck: int
    name: str


class UseMatrix(Command, frozen=True):
    """What leads from another deck's latents to this deck's: a `.matrix` file; "" for the one by variance."""

    deck: int
    name: str


class Unload(Command, frozen=True):
    """Fade a deck out and free its model."""

    deck: int


class StartRecording(Command, frozen=True):
    """Begin a take; answers with the take's path. Already recording: the running take's path.

    What is left at None is as the stage's options say: stems, a file each deck; pre, one more from before the
    limiter; float32, 32-bit float instead of 24-bit PCM.
    """

    stems: bool | None = None
    pre: bool | None = None
    float32: bool | None = None


class AddMarker(Command, frozen=True):
    """A marker at this moment: in the take that runs, and in what `KeepLastMinutes` would keep."""

    name: str


class KeepLastMinutes(Command, frozen=True):
    """Keep what was played in the last minutes, though nobody recorded it.

    Answers with the take's path once it is begun; the log says when it is whole (`kept:`), or what failed.
    While a take runs, it is what came before that.
    """


class StopRecording(Command, frozen=True):
    """End the take; answers with its path, once the file is closed."""


class SetWord(Command, frozen=True):
    """Set an attribute that is text, or several values: a word of its own, which becomes one of the song's.

    A tensor's or buffer's word is its numbers: "0 0.5 1".
    """

    address: str
    word: str


class Learn(Command, frozen=True):
    """The next control that moves is mapped to this address; an empty one ends learning."""

    address: str


class Unlearn(Command, frozen=True):
    """Forget every control mapped to this address."""

    address: str


class UseMapping(Command, frozen=True):
    """Load a controller mapping by name or path."""

    name: str


class SaveMapping(Command, frozen=True):
    """Write the mapping in use under a name in the player's own folder; answers with the path."""

    name: str


class Arm(Command, frozen=True):
    """Make a song of the set NEXT (1 the first); answers with how long it will take to be ready, in words."""

    song: int


class Go(Command, frozen=True):
    """NEXT is NOW: once its models are warm, or at once and its decks as they come."""

    now: bool = False


class Open(Command, frozen=True):
    """Exchange the set for another, by name or path; what plays plays on until a song of it is gone to."""

    set: str


class Save(Command, frozen=True):
    """Write the set with all that was changed in it; answers with the path.

    A bundled set is written among the player's own; with a name it is saved under that, and is called so.
    """

    name: str = ""


class KeepSong(Command, frozen=True):
    """The models and numbers as they stand become those of the song that plays; `Save` writes it."""


class AddSong(Command, frozen=True):
    """A new song, a copy of another and right after it, under another name.

    song : its number; 0: of the one that plays, as it stands
    """

    name: str
    song: int = 0


class RenameSong(Command, frozen=True):
    """Call a song something else."""

    song: int
    name: str


class MoveSong(Command, frozen=True):
    """Put a song at another place of the set, `to` counted after it was taken out; both from 1."""

    song: int
    to: int


class RemoveSong(Command, frozen=True):
    """Take a song that does not play out of the set."""

    song: int


class StoreScene(Command, frozen=True):
    """The numbers as they stand become a scene (1..SCENES) of the song; an empty name keeps its name."""

    scene: int
    name: str = ""


class RecallScene(Command, frozen=True):
    """Glide to a scene, in its own time."""

    scene: int


class ForgetScene(Command, frozen=True):
    """Take a scene out of the song."""

    scene: int


class ToggleLoop(Command, frozen=True):
    """Of one address: record its gesture; the second time, loop it; the third, stop; then play it on."""

    address: str


class ForgetLoop(Command, frozen=True):
    """Take the loop of an address out of the song."""

    address: str


class Exclude(Command, frozen=True):
    """An address scenes leave alone in this song, or (the second time) no longer."""

    address: str


class Undo(Command, frozen=True):
    """Take the last change back, or with `redo` make it again; answers with what it was."""

    redo: bool = False


class GetStatus(Command, frozen=True):
    """Ask for a `Status`."""


class Quit(Command, frozen=True):
    """End the stage: close the take, fade out, end every process."""


AnyCommand = (
    Load
    | UseFile
    | UseMatrix
    | Unload
    | StartRecording
    | StopRecording
    | AddMarker
    | KeepLastMinutes
    | SetWord
    | Learn
    | Unlearn
    | UseMapping
    | SaveMapping
    | Arm
    | Go
    | Open
    | Save
    | KeepSong
    | AddSong
    | RenameSong
    | MoveSong
    | RemoveSong
    | StoreScene
    | RecallScene
    | ForgetScene
    | ToggleLoop
    | ForgetLoop
    | Exclude
    | Undo
    | GetStatus
    | Quit
)


class DeckStatus(Struct, frozen=True):
    """What stands on a deck, in words; its numbers are in the table and the meters."""

    model: str = ""  #: display name; "" where the deck is empty
    path: str = ""
    sha256: str = ""
    latents: int = 0
    ratio: int = 0
    sample_rate: int = 0
    delay: float = 0.0  #: the model's own delay, seconds
    latent_low: tuple[float, ...] = ()  #: 5th percentile of each latent over the corpus, sigma
    latent_high: tuple[float, ...] = ()  #: 95th percentile
    attributes: tuple[Attribute, ...] = ()  #: the first is the number `attribute/1`
    words: dict[str, tuple[str, ...]] = {}  #: of its attributes, by their numbers
    actions: tuple[str, ...] = ()  #: the first is `action/1`
    has_prior: bool = False
    error: str = ""  #: why it failed, one line
    file: str = ""  #: of its source "file", by name
    matrix: str = ""  #: by which it follows another deck


class BindStatus(Struct, frozen=True):
    """One control of the mapping in use, as the screen names it."""

    address: str
    control: str  #: "nanoKONTROL2 1:CC16"


class SongStatus(Struct, frozen=True):
    """A song of the set, as a list shows it."""

    name: str
    models: tuple[str, ...] = ()  #: "1 bells"
    notes: str = ""
    missing: tuple[str, ...] = ()  #: models that are not here, a line each: what, and where to get it


class SongsStatus(Struct, frozen=True):
    """Where the set is."""

    lines: tuple[SongStatus, ...] = ()
    now: int = 1  #: number of the song that plays
    since: float = 0.0  #: monotonic seconds at which it began
    next: int = 0  #: number of the one that is armed; 0: none
    ready: int = 0  #: models of it that are warm
    wanted: int = 0  #: models of it
    wait: float = 0.0  #: seconds until all of them are, about
    going: bool = False  #: it will be NOW as soon as it is ready
    changed: bool = False  #: something is not saved
    path: str = ""  #: the file `Save` writes, or ""


class SceneStatus(Struct, frozen=True):
    """A scene of the song that plays."""

    number: int
    name: str
    glide: str = ""  #: "2 s", "4 beats"


class LoopStatus(Struct, frozen=True):
    """A recorded gesture of one address."""

    address: str
    state: str  #: "recording", "looping", "stopped"
    seconds: float


class Status(Struct, frozen=True):
    """All that is words about a stage."""

    set: str
    decks: tuple[DeckStatus, ...]  #: DECKS of them, deck 1 first
    device: (
        str  #: "JACK Audio Connection Kit: system, 48000 Hz, 256 frames", or "no audio device: silent clock"
    )
    midi: tuple[str, ...]  #: ports that are open
    midi_error: str  #: "" or why there is no MIDI
    mapping: str
    binds: tuple[BindStatus, ...]
    learning: str  #: the address that waits for a control, or ""
    touched: str  #: last control moved, "nanoKONTROL2 1:CC16=22", or ""
    take: str  #: path of the running take, or ""
    last_take: str  #: path of the last finished take, or ""
    log: tuple[str, ...]  #: the last events, "21:03:11 controller back", newest last
    songs: SongsStatus = SongsStatus()
    scenes: tuple[SceneStatus, ...] = ()
    scene: int = 0  #: the one recalled last, 0: none
    loops: tuple[LoopStatus, ...] = ()
    excluded: tuple[str, ...] = ()  #: addresses that scenes leave alone
    undo: str = ""  #: what `Undo` would take back
    redo: str = ""


class Answer(Struct, frozen=True):
    """The answer to a command: `value` where it was done, else `error` and the exit code it deserves."""

    value: str = ""
    status: Status | None = None
    error: str = ""
    exit_code: int = 0


Reply = Callable[[Answer], None]


def answer_all(waiting: list[Reply], answer: Answer) -> None:
    """Answer everybody who waits for the same thing, once."""
    for reply in waiting:
        reply(answer)
    waiting.clear()
