"""A stand-in for the stage's answers on a real arena: it speaks the protocol and makes no sound."""

from __future__ import annotations

import threading
from pathlib import Path

import msgspec

from perform.core.arena import Arena
from perform.core.arena_layout import CLOCK, FAILED, LIVE, LOADING
from perform.core.messages.control_messages import BindingRow
from perform.core.params import DECKS, slot
from perform.stage.client import StageGone
from perform.stage.commands import (
    AddExample,
    Answer,
    AnyCommand,
    Arm,
    ClearExamples,
    Exclude,
    Go,
    KeepLastMinutes,
    Learn,
    ListMapping,
    Load,
    Modulate,
    MoveSong,
    Save,
    StartRecording,
    StoreScene,
    ToggleLoop,
    Undo,
    Unmodulate,
)
from perform.stage.status import (
    BindingStatus,
    DeckStatus,
    LoopStatus,
    ModulationStatus,
    SceneStatus,
    SongsStatus,
    SongStatus,
    Status,
    TouchStatus,
)

LOW = (-1.5, -0.9, -2.0, -1.1, -0.6, -1.8, -1.2, -1.0)
HIGH = (1.2, 1.4, 0.8, 1.9, 0.7, 1.1, 1.6, 0.9)


SONGS = SongsStatus(
    lines=(
        SongStatus("Init", ("1 vintage",)),
        SongStatus("[b]Tide[/]", ("1 vintage", "2 [red]night[/] bus"), "slow; wait for the drums"),
        SongStatus("Glass Harbour", ("1 vintage", "2 [red]night[/] bus", "3 choir")),
        SongStatus(
            "Choir of Rust",
            ("1 vintage", "2 rust", "4 wheel"),
            "in D, and never louder than the bells",
            (
                "rust (sha256 4f1c…): not in the library; `perform models import rust.ts` or https://example.org/rust",
            ),
        ),
        SongStatus("SAFE"),
    ),
    now=3,
    since=100.0 - 372.0,
    next=4,
    chosen=True,
    ready=1,
    wanted=2,
    wait=3.0,
    changed=True,
    path="/music/sets/demo.toml",
)
SCENES = (
    SceneStatus(1, "init"),
    SceneStatus(2, "fog", "2 s"),
    SceneStatus(5, "shatter", "4 beats"),
    SceneStatus(8, "SAFE"),
)


def deck(model: str, latents: int = 8, error: str = "") -> DeckStatus:
    return DeckStatus(
        model=model,
        latents=latents,
        ratio=2048,
        sample_rate=48000,
        delay=0.011,
        latent_low=(LOW * 4)[:latents],
        latent_high=(HIGH * 4)[:latents],
        error=error,
    )


def status(*decks: DeckStatus, **words: object) -> Status:
    fields: dict[str, object] = {
        "set": "demo",
        "device": "no audio device: silent clock",
        "midi": ("nanoKONTROL2 MIDI 1",),
        "midi_error": "",
        "mapping": "nanokontrol2",
        "bindings": (
            BindingStatus("deck/1/z/0/bias", "nanoKONTROL2 1:CC16"),
            BindingStatus("deck/1/z/1/bias", "nanoKONTROL2 1:CC17"),
            BindingStatus("deck/1/gain", "nanoKONTROL2 1:CC0"),
            BindingStatus("xfade", "nanoKONTROL2 1:CC48"),
        ),
        "learning": "",
        "touched": TouchStatus("nanoKONTROL2 1:CC17=22", "deck/1/z/1/bias"),
        "take": "",
        "retro": 5.0,
        "last_take": "",
        "log": (
            "20:59:02 set demo",
            "21:02:58 controller 'nanoKONTROL2' lost, values held",
            "21:03:11 controller 'nanoKONTROL2' back",
        ),
        "songs": SONGS,
        "scenes": SCENES,
        "scene": 2,
        "loops": (LoopStatus("deck/1/z/2/bias", "looping", 4.0),),
        "excluded": ("deck/1/gain", "deck/1/z/2/bias"),
    }
    spare = (DeckStatus(),) * (DECKS - len(decks))
    return Status(decks=(*decks, *spare), **(fields | words))  # type: ignore[arg-type]


class FakeStage:
    """A stand-in for the client of the screen. `asked` holds every command."""

    def __init__(self, folder: Path, words: Status) -> None:
        self.arena = Arena.create(folder / "arena")
        self.pid = 4321
        self.words = words
        self.asked: list[AnyCommand] = []
        self.dead = False
        self.refusal: Exception | None = None
        self.bindings: tuple[BindingRow, ...] = ()
        self.free = threading.Event()  # cleared: the stage owes every answer
        self.free.set()

    def ask(self, command: AnyCommand) -> Answer:
        self.free.wait(20)
        if self.dead:
            raise StageGone("the stage has ended", where=f"process {self.pid}")
        if self.refusal is not None:
            raise self.refusal
        self.asked.append(command)
        if isinstance(command, Learn):
            self.words = msgspec.structs.replace(self.words, learning=command.address, learnt="")
        if isinstance(command, ListMapping):
            return Answer(bindings=self.bindings)
        if isinstance(command, StartRecording):
            return Answer(value="take07.wav")
        if isinstance(command, KeepLastMinutes):
            return Answer(value="take08.wav")
        if isinstance(command, Load):
            self.arena.set_meter(f"deck/{command.deck}/state", LOADING)
        value, words = told(command, self.words)
        self.words = msgspec.structs.replace(self.words, **words)
        return Answer(value=value)

    def status(self) -> Status:
        self.free.wait(20)
        if self.dead:
            raise StageGone("the stage has ended", where=f"process {self.pid}")
        return self.words


def told(command: AnyCommand, words: Status) -> tuple[str, dict[str, object]]:
    """The stage's answers to commands for songs, scenes and loops; each changes some fields of the status."""
    songs, change = words.songs, msgspec.structs.replace
    match command:
        case Arm(song):
            armed = change(songs, next=song, chosen=True, ready=0, wanted=2, wait=9.0, going=False)
            return "about 9 s", {"songs": armed}
        case Go(now=True):
            return "", {"songs": change(songs, now=songs.next or songs.now, next=0, going=False)}
        case Go():
            return "in 9 s", {"songs": change(songs, going=True)}
        case Save(name):
            path = f"/music/sets/{name or words.set}.toml"
            return path, {"songs": change(songs, changed=False, path=path)}
        case MoveSong(song, to):
            lines = list(songs.lines)
            lines.insert(to - 1, lines.pop(song - 1))
            return "", {"songs": change(songs, lines=tuple(lines))}
        case StoreScene(number, name, glide, beats):
            kept = tuple(s for s in words.scenes if s.number != number)
            text = f"{glide:g} {'beats' if beats else 's'}" if glide else ""
            return "", {"scenes": (*kept, SceneStatus(number, name, text))}
        case ToggleLoop(address):
            states = {line.address: line.state for line in words.loops}
            after = {"recording": "looping", "looping": "stopped", "stopped": "looping"}
            states[address] = after[states[address]] if address in states else "recording"
            return "", {"loops": tuple(LoopStatus(a, state, 2.5) for a, state in states.items())}
        case Exclude(address):
            return "", {"excluded": tuple(set(words.excluded) ^ {address})}
        case Modulate(source, address, low, high):
            kept = tuple(row for row in words.modulation if (row.source, row.address) != (source, address))
            return "", {"modulation": (*kept, ModulationStatus(source, address, low, high))}
        case Unmodulate(address, source):
            kept = tuple(row for row in words.modulation if (row.source, row.address) != (source, address))
            return "", {"modulation": kept}
        case AddExample(deck):
            there = words.examples.get(deck, ())
            return "", {"examples": words.examples | {deck: (*there, (0.0,) * 8)}}
        case ClearExamples(deck):
            return "", {"examples": {d: e for d, e in words.examples.items() if d != deck}}
        case Undo(redo):
            return ("" if redo else "scene 3 stored"), {}
    return "", {}


def play(stage: FakeStage) -> None:
    """Meters and numbers of a night on which deck 1 and 2 play, 3 loads and 4 has failed."""
    arena = stage.arena
    for name, value in {
        "rate": 48000,
        "owner": CLOCK,
        "block": 256,
        "load": 0.07,
        "realtime": 1,
        "peak/l": 0.49,
        "peak/r": 0.46,
        "reduction": 0.8,
        "take/left": 33000,
    }.items():
        arena.set_meter(name, value)
    for name, value in {"scene/a": 2, "scene/b": 5, "scene/morph": 0.4, "tempo": 124}.items():
        arena.table[slot(name)] = value
    for number, words in enumerate(stage.words.decks, 1):
        state = 0 if not words.model else FAILED if words.error else LIVE
        arena.set_meter(f"deck/{number}/state", state)
        if state == LIVE:
            for name, value in {
                "frames": 1000,
                "load": 0.14,
                "latency": 0.032,
                "peak/l": 0.35,
                "peak/r": 0.3,
            }.items():
                arena.set_meter(f"deck/{number}/{name}", value)
            for i in range(words.latents):
                arena.set_meter(f"deck/{number}/z/{i}", (i - 3) / 2.5)
                arena.table[slot(f"deck/{number}/z/{i}/bias")] = (i - 3.6) / 2.2
