"""The status that a stage sends its clients: decks, songs, scenes, loops, MIDI, takes and the log.

Values are in the parameter table and levels in the meters; both are in shared memory (`core/arena.py`).
"""

from __future__ import annotations

from msgspec import Struct

from perform.core.attributes import Attribute


class DeckStatus(Struct, frozen=True):
    """Texts and facts of one deck; its values are in the parameter table and the meters."""

    model: str = ""  #: display name; "" where the deck is empty
    path: str = ""
    sha256: str = ""
    latents: int = 0
    ratio: int = 0
    sample_rate: int = 0
    delay: float = 0.0  #: the model's own delay, seconds
    latent_low: tuple[float, ...] = ()  #: 5th percentile of each latent over the corpus, sigma
    latent_high: tuple[float, ...] = ()  #: 95th percentile
    latent_effect: tuple[float, ...] = ()  #: dB that each latent moves the sound; (): not measured
    licence: str = ""  #: of the model
    labels: tuple[str, ...] = ()  #: names of the latents, such as `pitch`; (): they have none
    attributes: tuple[Attribute, ...] = ()  #: the first is the number `attribute/1`
    texts: dict[
        str, tuple[str, ...]
    ] = {}  #: what the values 0, 1, 2... of a text attribute mean, by its number
    actions: tuple[str, ...] = ()  #: the first is `action/1`
    has_prior: bool = False
    error: str = ""  #: why it failed, one line
    note: str = ""  #: why its source plays as hand, one line
    engine: str = ""  #: see `HostReady`
    made: str = ""  #: the model file that plays: of an export, the one that was made from it
    file: str = ""  #: name of the sound file of its source "file"
    matrix: str = ""  #: name of the matrix by which it follows another deck

    @property
    def plays_with(self) -> str:
        """What renders it instead of the processor with ONNX Runtime, as the screen says it; else ""."""
        if self.engine == "GPU":
            return "on the GPU"
        return f"by {self.engine}" if self.engine.startswith("OpenVINO") else ""


class InsertStatus(Struct, frozen=True):
    """An insert with a module; its values are in the parameter table."""

    model: str = ""  #: display name
    path: str = ""
    plays: bool = False  #: False: it loads, or has failed
    delay: float = 0.0  #: seconds by which it delays the sound; 0 until it plays
    delay_known: bool = True  #: False: the module's own delay is unknown and missing in `delay`
    attributes: tuple[Attribute, ...] = ()  #: the first is the number `insert/attribute/1`
    texts: dict[str, tuple[str, ...]] = {}  #: of its text attributes, as in `DeckStatus`
    actions: tuple[str, ...] = ()  #: the first is `insert/action/1`
    error: str = ""  #: why it does not play, one line


class BindingStatus(Struct, frozen=True):
    """One control of the mapping in use, as the screen names it."""

    address: str
    control: str  #: "nanoKONTROL2 1:CC16"


class SongStatus(Struct, frozen=True):
    """A song of the set, as a list shows it."""

    name: str
    models: tuple[str, ...] = ()  #: "1 bells"
    notes: str = ""
    missing: tuple[str, ...] = ()  #: models and files that are not here, a line each
    length: float = 0.0  #: seconds that it is expected to last; 0: it names none
    switch: str = "tail"  #: how it replaces the song before
    fade: float = 2.0  #: seconds of the switch
    tempo: float = 0.0  #: 0: it keeps the tempo that plays
    mapping: str = ""  #: the song's mapping; "": none
    load: float = 0.0  #: predicted load, 1 leaves no time; 0: not known, because a model was never loaded


class SongsStatus(Struct, frozen=True):
    """The songs of the set, and how far the armed one is."""

    lines: tuple[SongStatus, ...] = ()
    now: int = 1  #: number of the song that plays; 0: a song of another set
    name: str = ""  #: of the song that plays
    since: float = 0.0  #: monotonic seconds at which it began
    next: int = 0  #: number of the armed song; 0: none
    chosen: bool = False  #: the player has armed it; False: it follows the song that plays
    ready: int = 0  #: decks of the armed song that are ready
    wanted: int = 0  #: decks of the armed song that have a model
    failed: int = 0  #: those whose model cannot be loaded
    wait: float = 0.0  #: about how many seconds until all of them are ready
    going: bool = False  #: the stage switches to it as soon as it is ready
    changed: bool = False  #: some edit is not saved
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


class ModulationStatus(Struct, frozen=True):
    """A row of the song's modulation, see `perform.library.song.ModulationRow`."""

    source: str
    address: str
    low: float
    high: float


class TouchStatus(Struct, frozen=True):
    """The last control that moved."""

    control: str = ""  #: "nanoKONTROL2 1:CC16=22"; "": none has moved yet
    address: str = ""  #: the parameter it is mapped to, or ""
    turn: int = 0  #: steps of 127 to turn it until it meets the parameter, positive to the right
    port: str = ""  #: its device
    sends: str = ""  #: "1:CC16"
    number: int = 0  #: how many controls were touched before: the same one may be touched again


class Status(Struct, frozen=True):
    """The state of a stage that is not in the parameter table or the meters."""

    set: str
    decks: tuple[DeckStatus, ...]  #: DECKS of them, deck 1 first
    device: (
        str  #: "JACK Audio Connection Kit: system, 48000 Hz, 256 frames", or "no audio device: silent clock"
    )
    midi: tuple[str, ...]  #: ports that are open
    midi_error: str  #: "" or why there is no MIDI
    mapping: str
    bindings: tuple[BindingStatus, ...]
    learning: str  #: the address that waits for its first control, or ""
    touched: TouchStatus
    take: str  #: path of the running take, or ""
    last_take: str  #: path of the last finished take, or ""
    log: tuple[str, ...]  #: the last events, "21:03:11 controller back", newest last
    inserts: tuple[InsertStatus | None, ...] = ()  #: the master's, then deck 1's...; None: no module
    songs: SongsStatus = SongsStatus()
    scenes: tuple[SceneStatus, ...] = ()
    scene: int = 0  #: number of the scene recalled last; 0: none
    loops: tuple[LoopStatus, ...] = ()
    modulation: tuple[ModulationStatus, ...] = ()
    examples: dict[int, tuple[tuple[float, ...], ...]] = {}  #: deck -> macros of each of its examples
    excluded: tuple[str, ...] = ()  #: addresses that scenes leave alone
    undo: str = ""  #: the change that `Undo` would undo
    redo: str = ""  #: the change that it would redo
    osc: str = ""  #: where OSC is received, or ""
    retro: float = 0.0  #: minutes of the past kept in memory
    stems: int = 0  #: tracks of the running take besides the master
    clock_out: str = ""  #: the port that gets MIDI clock, or ""
    pending: tuple[str, ...] = ()  #: changes that wait for the beat or bar: "scene 3", "loop deck/1/gain"
    other_mappings: int = 0  #: mappings of further controllers, besides `mapping`
    learnt: str = ""  #: the address that has just got a control; the next one that moves is bound to it, too
    learn_note: str = ""  #: what to do so that a control is recognised; what it no longer moves; why it ended
