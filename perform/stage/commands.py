"""What can be asked of a stage, and what it answers: structural changes only.

Numbers never come this way: they are written into the table. Each command and each answer is one JSON
line; unknown fields are refused.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct


class Command(Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """Base of all commands; the tag is the class's name."""


class Load(Command, frozen=True):
    """Put a model on a deck: a library name or a path. What played there fades out first."""

    deck: int
    model: str


class Unload(Command, frozen=True):
    """Fade a deck out and free its model."""

    deck: int


class Record(Command, frozen=True):
    """Begin a take; answers with the take's path. Already recording: the running take's path.

    What is left at None is as the stage's options say: stems, a file each deck; pre, one more from before the
    limiter; float32, 32-bit float instead of 24-bit PCM.
    """

    stems: bool | None = None
    pre: bool | None = None
    float32: bool | None = None


class Mark(Command, frozen=True):
    """A marker at this moment: in the take that runs, and in what `Keep` would keep."""

    name: str


class Keep(Command, frozen=True):
    """Keep what was played in the last minutes, though nobody recorded it; answers with the take's path.

    While a take runs, it is what came before that.
    """


class StopRecording(Command, frozen=True):
    """End the take; answers with its path, once the file is closed."""


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


class GetStatus(Command, frozen=True):
    """Ask for a `Status`."""


class Quit(Command, frozen=True):
    """End the stage: close the take, fade out, end every process."""


AnyCommand = (
    Load
    | Unload
    | Record
    | StopRecording
    | Mark
    | Keep
    | Learn
    | Unlearn
    | UseMapping
    | SaveMapping
    | GetStatus
    | Quit
)


class Deck(Struct, frozen=True):
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
    error: str = ""  #: why it failed, one line


class Bind(Struct, frozen=True):
    """One control of the mapping in use, as the screen names it."""

    address: str
    control: str  #: "nanoKONTROL2 1:CC16"


class Status(Struct, frozen=True):
    """All that is words about a stage."""

    set: str
    decks: tuple[Deck, ...]  #: DECKS of them, deck 1 first
    device: (
        str  #: "JACK Audio Connection Kit: system, 48000 Hz, 256 frames", or "no audio device: silent clock"
    )
    midi: tuple[str, ...]  #: ports that are open
    midi_error: str  #: "" or why there is no MIDI
    mapping: str
    binds: tuple[Bind, ...]
    learning: str  #: the address that waits for a control, or ""
    touched: str  #: last control moved, "nanoKONTROL2 1:CC16=22", or ""
    take: str  #: path of the running take, or ""
    last_take: str  #: path of the last finished take, or ""
    log: tuple[str, ...]  #: the last events, "21:03:11 controller back", newest last


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
