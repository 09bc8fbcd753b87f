"""What a client asks of a stage, and the answer. Each command and each answer is one JSON line.

Commands change structure only: values are written into the parameter table. Unknown fields are refused.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from perform.stage.status import Status


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
    """Keep the last minutes as a take, even if recording was off.

    Answers with the take's path once writing begins; the log says when it is complete (`kept:`) or failed.
    While a take runs, it keeps the minutes before that take.
    """


class StopRecording(Command, frozen=True):
    """End the take; answers with its path, once the file is closed."""


class SetText(Command, frozen=True):
    """Set a text attribute, or one with several values; the text joins the song's list.

    The text of a tensor or buffer lists its values: "0 0.5 1".
    """

    address: str
    text: str


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
    """Make a song of the set NEXT (1 the first); answers with the time until it is ready, as text."""

    song: int


class Go(Command, frozen=True):
    """Play the song NEXT: once its models are warm, or now, each deck as its model gets ready."""

    now: bool = False


class Open(Command, frozen=True):
    """Open another set, by name or path; the present song plays on until you go to one of the new set's."""

    set: str


class Save(Command, frozen=True):
    """Write the set with all that was changed in it; answers with the path.

    A bundled set is written among the player's own; with a name it is saved under that, and is called so.
    """

    name: str = ""


class KeepSong(Command, frozen=True):
    """Store the present models and values in the song that plays; `Save` writes it."""


class AddSong(Command, frozen=True):
    """A new song, a copy of another and right after it, under another name.

    song : number of the song to copy; 0: the song that plays, with its present values
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
    | SetText
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
