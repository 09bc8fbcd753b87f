"""The commands that a client sends to a stage, and the answer. Each is one JSON line.

Commands change structure only: values are written into the parameter table. Unknown fields are refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from msgspec import Meta, Struct

from perform.core.messages.control_messages import BindingOptions, BindingRow
from perform.stage.status import Status


class Command(Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """Base of all commands; the tag is the class's name."""


class Load(Command, frozen=True):
    """Load a model on a deck, by library name or path. It fades in over the model that plays there."""

    deck: int
    model: str


class UseFile(Command, frozen=True):
    """Choose the sound file of a deck's source "file": a path, or a name in `sounds`; "" for none."""

    deck: int
    name: str


class UseMatrix(Command, frozen=True):
    """Choose the `.matrix` file by which a deck follows another deck's latents.

    With "", the most important latent drives the most important latent, and so on.
    """

    deck: int
    name: str


class Unload(Command, frozen=True):
    """Fade a deck out and unload its model."""

    deck: int


class LoadInsert(Command, frozen=True):
    """Load an effect module behind deck `insert`, or with 0 behind the master, by library name or path.

    It fades in; one that plays there fades out first.
    """

    insert: int
    model: str


class UnloadInsert(Command, frozen=True):
    """Fade out the effect module behind deck `insert`, or with 0 behind the master."""

    insert: int


class StartRecording(Command, frozen=True):
    """Begin a take; answers with its path. While a take runs, answers with that one's path.

    stems   : a file for each deck;  pre : a file from before the limiter
    float32 : 32-bit float instead of 24-bit PCM
    None    : as the stage's options say
    """

    stems: bool | None = None
    pre: bool | None = None
    float32: bool | None = None


class AddMarker(Command, frozen=True):
    """Set a marker at this moment, in the take that runs and in the last minutes."""

    name: str


class KeepLastMinutes(Command, frozen=True):
    """Save the last minutes as a take, even if recording was off.

    Answers with the take's path once writing begins; the log says when it is complete (`kept:`) or failed.
    While a take runs, these are the minutes before that take.
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
    """Map the next control that moves to this address; an empty address ends learning.

    only    : end learning only if it waits for a control of this address
    options : how the control moves the parameter, as in a mapping file
    song    : write to the mapping of the song that plays, not to the player's
    """

    address: str
    only: str = ""
    options: BindingOptions = BindingOptions()
    song: bool = False


class Unlearn(Command, frozen=True):
    """Forget every control mapped to this address."""

    address: str


class UndoMapping(Command, frozen=True):
    """Take back the last change of the controller mappings. The set stays as it is."""


class UseMapping(Command, frozen=True):
    """Load a controller mapping by name or path."""

    name: str


class ListMapping(Command, frozen=True):
    """Answer with every binding of the connected controllers, of all layers."""


class SaveMapping(Command, frozen=True):
    """Write the mapping in use under a name in the player's own folder; answers with the path."""

    name: str


class Arm(Command, frozen=True):
    """Make a song of the set NEXT (1 the first); answers with the time until it is ready, as text."""

    song: int


class Go(Command, frozen=True):
    """Switch to the armed song as soon as its models are ready. With `now`, switch at once."""

    now: bool = False


class Open(Command, frozen=True):
    """Open another set, by name or path. The present song plays on until you go to a song of the new set."""

    set: str


class NewSet(Command, frozen=True):
    """Open a new set with one empty song. The present song plays on until you go to the new one."""

    name: str


class Save(Command, frozen=True):
    """Write the set with all its edits; answers with the path, and a note on the song that plays.

    If the models, files or values on the decks differ from the start of the song that plays, the song keeps
    them first, as `KeepSong` does; undo takes that back.

    A bundled set is written into the player's own folder. A name or path saves it there, under that name.
    """

    name: str = ""


class KeepSong(Command, frozen=True):
    """Store the present models and values in the song that plays; `Save` writes it."""


class AddSong(Command, frozen=True):
    """Add a song: a copy of another one, right after it, under a new name.

    song  : number of the song to copy; 0 for the song that plays, with its present values
    empty : a song without models and scenes instead, as long and as fast as nobody has said
    """

    name: str
    song: int = 0
    empty: bool = False


class RenameSong(Command, frozen=True):
    """Give a song another name."""

    song: int
    name: str


class EditSong(Command, frozen=True):
    """Change what a song says about itself; None leaves it. Song 0 is the one that plays.

    length : seconds that it is expected to last; 0: not said
    switch : how it replaces the song before;  fade : seconds of the switch
    tempo  : beats a minute; 0: it keeps the tempo that plays
    mapping : name or path of the song's mapping; "": none
    """

    song: int
    notes: str | None = None
    length: float | None = None
    switch: Literal["tail", "crossfade", "cut"] | None = None
    fade: float | None = None
    tempo: float | None = None
    mapping: str | None = None


class MoveSong(Command, frozen=True):
    """Move a song to place `to` of the set. Songs and places count from 1."""

    song: int
    to: int


class RemoveSong(Command, frozen=True):
    """Remove a song from the set; not the one that plays."""

    song: int


class StoreScene(Command, frozen=True):
    """Store the present values in a scene (1..SCENES) of the song; an empty name keeps the scene's name.

    glide : seconds, or beats, that the glide to it takes, 0 to 600; None keeps the scene's
    """

    scene: int
    name: str = ""
    glide: Annotated[float, Meta(ge=0, le=600)] | None = None
    beats: bool = False


class RecallScene(Command, frozen=True):
    """Glide to a scene, over the time that the scene gives."""

    scene: int


class ForgetScene(Command, frozen=True):
    """Remove a scene from the song."""

    scene: int


class ToggleLoop(Command, frozen=True):
    """Record a gesture of one address; the second time, loop it; the third, stop; then loop it again."""

    address: str


class ForgetLoop(Command, frozen=True):
    """Remove the loop of an address from the song."""

    address: str


class Exclude(Command, frozen=True):
    """Exclude an address from this song's scenes; the second time, include it again."""

    address: str


class Modulate(Command, frozen=True):
    """Let a modulator (`lfo 1`, `macro 3`) move a parameter; a row for these two is replaced.

    low, high : what it adds at the modulator's value 0 and 1, in the parameter's unit
    """

    source: str
    address: str
    low: float
    high: float


class Unmodulate(Command, frozen=True):
    """Remove a modulator from a parameter; an empty source removes all."""

    address: str
    source: str = ""


class AddExample(Command, frozen=True):
    """Add the present macros and biases of a deck to its examples; it replaces one at the same macros."""

    deck: int


class ClearExamples(Command, frozen=True):
    """Remove all examples of a deck; its biases stay where they are."""

    deck: int


class Undo(Command, frozen=True):
    """Undo the last change, or with `redo` redo it; answers with the change as text."""

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
    | LoadInsert
    | UnloadInsert
    | StartRecording
    | StopRecording
    | AddMarker
    | KeepLastMinutes
    | SetText
    | Learn
    | Unlearn
    | UndoMapping
    | UseMapping
    | SaveMapping
    | ListMapping
    | Arm
    | Go
    | Open
    | NewSet
    | Save
    | KeepSong
    | AddSong
    | RenameSong
    | EditSong
    | MoveSong
    | RemoveSong
    | StoreScene
    | RecallScene
    | ForgetScene
    | ToggleLoop
    | ForgetLoop
    | Exclude
    | Modulate
    | Unmodulate
    | AddExample
    | ClearExamples
    | Undo
    | GetStatus
    | Quit
)


class Answer(Struct, frozen=True):
    """The answer to a command: its result, or the error and the exit code for a verb.

    note : what else the player should know
    bindings : for `ListMapping`
    """

    value: str = ""
    status: Status | None = None
    error: str = ""
    exit_code: int = 0
    note: str = ""
    bindings: tuple[BindingRow, ...] = ()


Reply = Callable[[Answer], None]


def no_reply(answer: Answer) -> None:
    """The reply for a caller that needs no answer; the log shows the result."""


def answer_all(waiting: list[Reply], answer: Answer) -> None:
    """Give all waiting requests the same answer, and forget them."""
    for reply in waiting:
        reply(answer)
    waiting.clear()
