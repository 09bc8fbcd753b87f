"""The parameters: the address, range and table slot of each, such as `deck/3/z/5/bias`.

The parameter table is one float64 array in shared memory, in plain units (dB, Hz, latent sigma). A knob has a
*position* 0..1; a `Spec` converts it to a value. Screen, MIDI and TOML files name parameters by address.
numpy and the standard library only.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from perform.core.errors import WrongUse
from perform.core.spec import MODULE_DEFAULT, SILENCE_DB, Spec

DECKS = 8  #: decks are numbered 1..DECKS
SCENES = 8  #: scenes of a song are numbered 1..SCENES
SONGS = 128  #: songs of a set that a parameter can select, as many as MIDI has programs
LATENTS = 32  #: latents of a deck are numbered 0..LATENTS-1
ATTRIBUTES = 16  #: attributes of a deck's model are numbered 1..ATTRIBUTES
ACTIONS = 4  #: actions of a deck's model are numbered 1..ACTIONS
LFOS, RANDOMS, SEQUENCES, HOLDS = 8, 4, 4, 4  #: modulators of each kind are numbered from 1
STEPS = 16  #: values of a step sequence
MACROS = 8  #: macros are numbered 1..MACROS
FINGERS = 10  #: fingers on an MPE keyboard are numbered 1..FINGERS
VOICES = 4  #: most voices of a deck; its notes are numbered 1..VOICES
FINGER_AXES = ("press", "slide", "bend")  #: what a finger does

Table = npt.NDArray[np.float64]  #: (len(ADDRESSES),) plain units
Slots = npt.NDArray[np.intp]  #: indices into a table
AttributeValues = npt.NDArray[np.float64]  #: (ATTRIBUTES + ACTIONS,) of a deck

GATE_FLOOR_DB = -90.0  #: a gate at this threshold is always open
SOURCES = ("hand", "loop", "walk", "prior", "input", "file", "deck")  #: sources of a deck's latents
#: seconds of margin beyond the worst render time (p99.9)
MARGINS = {"tight": 0.003, "normal": 0.010, "safe": 0.025}
CHANNELS = ("stereo", "left", "right", "sum")  #: what the encoders get of two input channels
SIDES = ("A", "-", "B")  #: sides of the crossfader
SHAPES = ("sine", "triangle", "up", "down", "square", "random")  #: shapes of an LFO; up, down: saw
SYNCS = ("hz", "beats")  #: what the cycle of a modulator follows: its rate, or the beat line
#: modulators that a sample and hold can sample
SAMPLED = (
    *(f"lfo {n}" for n in range(1, LFOS + 1)),
    *(f"random {n}" for n in range(1, RANDOMS + 1)),
    *(f"steps {n}" for n in range(1, SEQUENCES + 1)),
    *(f"follow deck/{n}" for n in range(1, DECKS + 1)),
    "follow input",
    *(f"macro {n}" for n in range(1, MACROS + 1)),
    *(f"finger {n} {axis}" for n in range(1, FINGERS + 1) for axis in FINGER_AXES),
)
CONCERT_PITCH = 440.0  #: Hz of the A that `master/reference` leaves models at


def _numbers(last: int) -> tuple[str, ...]:
    return ("-", *(str(n) for n in range(1, last + 1)))


_DECK_NUMBERS = tuple(str(n) for n in range(1, DECKS + 1))
_switch = Spec(0, 1, 0, choices=("off", "on"))
_counter = Spec(0, math.inf, 0, action=True)

_deck: dict[str, Spec] = {
    "gain": Spec(SILENCE_DB, 12, 0, "dB"),
    "pan": Spec(-1, 1, 0),
    "mute": _switch,
    "solo": _switch,
    "cue": _switch,  # in the headphones, before the fader
    "side": Spec(0, 2, 1, choices=SIDES),
    "tune": Spec(-24, 24, 0, "st"),  # semitones by which the model's sound is transposed
    "source": Spec(0, len(SOURCES) - 1, 0, choices=SOURCES),
    "from": Spec(0, DECKS - 1, 0, choices=_DECK_NUMBERS),  # the deck that the source "deck" follows
    "wet": Spec(0, 1, 1),  # amount of the source; 0: biases only
    "freeze": _switch,  # hold the source still
    "speed": Spec(0.1, 4, 1, "x", "exp"),  # of the sources loop, walk, prior and file
    "file/play": _counter,  # play the file from its start
    "file/loop": Spec(0, 1, 1, choices=("off", "on")),
    "file/start": Spec(0, 1, 0),  # as a fraction of the file
    "file/end": Spec(0, 1, 1),
    # latents while the input gate is closed: those of the model's silence, or `z/*/silence`
    "silence": Spec(0, 1, 0, choices=("model", "own")),
    # where bias 0 is: at the model's home, a lively moment of its corpus, or at the corpus's mean
    "home": _switch,
    "examples": Spec(0, 1, 0, choices=("corpus", "full")),  # range of the latents between examples
    "temperature": Spec(0, 2, 1),  # randomness of the latents beyond the model's PCA, and of its prior
    "seed": Spec(0, 2**31 - 1, 0, whole=True),
    "reset": _counter,  # reset the decoder and restart the source
}
_deck |= {f"z/{i}/bias": Spec(-4, 4, 0, "σ") for i in range(LATENTS)}
_deck |= {f"z/{i}/scale": Spec(-2, 2, 1, "x") for i in range(LATENTS)}
_deck |= {f"z/{i}/mute": _switch for i in range(LATENTS)}  # bias only: ignore the source
_deck |= {f"z/{i}/freeze": _switch for i in range(LATENTS)}  # hold this latent of the source still
_deck |= {f"z/{i}/smooth": Spec(0, 5, 0, "s") for i in range(LATENTS)}  # smoothing time of the result
_deck |= {f"z/{i}/level": Spec(-4, 4, 0, "σ") for i in range(LATENTS)}  # added at full-scale live input
# added for each octave of input pitch above 220 Hz
_deck |= {f"z/{i}/pitch": Spec(-4, 4, 0, "σ") for i in range(LATENTS)}
# the latent while the gate is closed, if `silence` is "own"
_deck |= {f"z/{i}/silence": Spec(-4, 4, 0, "σ") for i in range(LATENTS)}
# attributes and actions of a third-party module; the loaded model defines their meaning
_deck |= {
    f"attribute/{i}": Spec(MODULE_DEFAULT, -MODULE_DEFAULT, MODULE_DEFAULT) for i in range(1, ATTRIBUTES + 1)
}
_deck |= {f"action/{i}": _counter for i in range(1, ACTIONS + 1)}
# a pitched model plays this many notes at once; with 1 it sounds by itself
_deck["voices"] = Spec(1, VOICES, 1, whole=True)
_deck |= {f"note/{n}/pitch": Spec(-48, 48, 0, "st") for n in range(1, VOICES + 1)}  # from its pitch latent
_deck |= {f"note/{n}/gate": _switch for n in range(1, VOICES + 1)}  # the note sounds
_deck["encode"] = _switch  # the source "deck" encodes the other deck's sound instead of taking its latents
_deck["file/stop"] = _counter  # stop the file until `file/play`
# gain of the file's own sound, in time with the model's; and of the model's sound beside it
_deck["file/dry"] = Spec(SILENCE_DB, 12, SILENCE_DB, "dB")
_deck["file/wet"] = Spec(SILENCE_DB, 12, 0, "dB")
_deck["feedback"] = Spec(0, 1, 0)  # gain of sound that comes back to its own deck; at 0 a deck never gets it
# stereo width of a mono model: its right channel is decoded with other noise; 0: both are the same
_deck["width"] = Spec(0, 1, 0)
# the model is as loud as its calibration makes it, else as in songs of earlier versions
_deck["calibrated"] = _switch
# each latent walks by itself, as in songs of earlier versions, or all together through the corpus
_deck["walk"] = Spec(0, 1, 0, choices=("free", "corpus"))
_insert: dict[str, Spec] = {
    "wet": Spec(0, 1, 1),  # 0: the sound without the module, as late as with it; 1: only the module
    **{
        f"attribute/{i}": Spec(MODULE_DEFAULT, -MODULE_DEFAULT, MODULE_DEFAULT)
        for i in range(1, ATTRIBUTES + 1)
    },
    **{f"action/{i}": _counter for i in range(1, ACTIONS + 1)},
}
# an effect module between the decoder and the fader
_deck |= {f"insert/{name}": spec for name, spec in _insert.items()}

_global: dict[str, Spec] = {
    "xfade": Spec(0, 1, 0.5),
    "master/gain": Spec(SILENCE_DB, 6, 0, "dB"),
    "master/mute": _switch,
    "cue/mix": Spec(0, 1, 0),  # 0: only the decks on cue; 1: only the master
    "cue/level": Spec(SILENCE_DB, 6, 0, "dB"),
    "master/ceiling": Spec(-24, -1, -1, "dBFS"),
    "master/reference": Spec(415, 466, CONCERT_PITCH, "Hz"),  # the stage's A; it tunes all decks
    "input/open": _switch,  # the live input is closed at the start
    "input/gain": Spec(SILENCE_DB, 24, 0, "dB"),
    "input/highpass": Spec(0, 500, 0, "Hz"),  # 0: off
    # threshold of the gate; at the minimum it is always open
    "input/gate": Spec(GATE_FLOOR_DB, 0, -60, "dBFS"),
    # compressor: it lowers peaks above the threshold, in dB to one; 1 is off
    "input/threshold": Spec(-60, 0, -20, "dBFS"),
    "input/ratio": Spec(1, 20, 1),
    "input/channels": Spec(0, 3, 0, choices=CHANNELS),
    # direct sound of the input, delayed to match the decks
    "input/monitor": Spec(SILENCE_DB, 12, SILENCE_DB, "dB"),
    "input/wet": Spec(0, 1, 1),  # 0: only the input; 1: only the decks that encode it
    "stage/margin": Spec(0, 2, 1, choices=tuple(MARGINS)),  # margin of just-in-time rendering
    "tempo": Spec(20, 300, 120, "bpm"),  # of the beat line
    # loops, scene recalls and `go` wait for the next beat or bar
    "quantise": Spec(0, 2, 0, choices=("off", "beat", "bar")),
    "clock/in": _switch,  # follow the MIDI clock of another device
    "clock/bar": Spec(1, 16, 4, "beats", whole=True),  # beats of a bar
    "clock/offset": Spec(-500, 500, 0, "ms"),  # the beat sounds so much later
    "clock/tap": _counter,  # tap the tempo
    "clock/start": _counter,  # beat 0 is now; devices that get our MIDI clock start
    "clock/stop": _counter,  # these devices stop
    "clock/continue": _counter,  # they go on where the beat is
    "clock/out/offset": Spec(-500, 500, 0, "ms"),  # they get the clock so much later
    "scene/morph": Spec(0, 1, 0),  # between scenes a and b
    "scene/a": Spec(0, SCENES, 0, choices=_numbers(SCENES)),
    "scene/b": Spec(0, SCENES, 0, choices=_numbers(SCENES)),
    "scene/recall": Spec(0, SCENES, 0, choices=_numbers(SCENES)),  # returns to 0 when done
    "song/arm": Spec(0, SONGS, 0, choices=_numbers(SONGS)),  # arm this song; returns to 0 when done
    "song/jump": Spec(0, SONGS, 0, choices=_numbers(SONGS)),  # arm this song and switch to it
    "song/next": _counter,  # arm the song after the armed one
    "song/previous": _counter,
    "song/go": _counter,  # switch to the armed song when its models are ready; again: now
    "take/record": _counter,  # start or stop a take
    "take/mark": _counter,
    "take/keep": _counter,
    "panic": _counter,
    "focus": Spec(1, DECKS, 1),  # the deck that `focus/...` in a mapping means
}
# an effect module before the master's fader and limiter
_global |= {f"master/insert/{name}": spec for name, spec in _insert.items()}

_cycle = {
    "sync": Spec(0, 1, 0, choices=SYNCS),
    "rate": Spec(0.01, 20, 0.5, "Hz", "exp"),  # cycles or steps a second, if `sync` is "hz"
    "beats": Spec(1 / 16, 64, 4, "beats", "exp"),  # length of a cycle or step, if `sync` is "beats"
    "phase": Spec(0, 1, 0),  # of a cycle or step
    "depth": Spec(0, 1, 1),  # factor of everything that it adds
}
_random_seed = Spec(0, 2**31 - 1, 0, whole=True)
_lfo = {"shape": Spec(0, len(SHAPES) - 1, 0, choices=SHAPES), **_cycle, "seed": _random_seed}
_random = {**_cycle, "seed": _random_seed}
_steps = {
    **_cycle,
    "count": Spec(1, STEPS, 8, whole=True),
    **{f"value/{i}": Spec(0, 1, 0.5) for i in range(1, STEPS + 1)},
}
_hold = {"of": Spec(0, len(SAMPLED) - 1, 0, choices=SAMPLED), **_cycle}
_follow = {
    "rise": Spec(0, 2, 0.01, "s"),  # time constants of the level
    "fall": Spec(0, 5, 0.2, "s"),
    "depth": Spec(0, 1, 1),
}
_modulators: dict[str, Spec] = {}
_modulators |= {f"lfo/{n}/{k}": s for n in range(1, LFOS + 1) for k, s in _lfo.items()}
_modulators |= {f"random/{n}/{k}": s for n in range(1, RANDOMS + 1) for k, s in _random.items()}
_modulators |= {f"steps/{n}/{k}": s for n in range(1, SEQUENCES + 1) for k, s in _steps.items()}
_modulators |= {f"hold/{n}/{k}": s for n in range(1, HOLDS + 1) for k, s in _hold.items()}
_modulators |= {f"follow/deck/{n}/{k}": s for n in range(1, DECKS + 1) for k, s in _follow.items()}
_modulators |= {f"follow/input/{k}": s for k, s in _follow.items()}
_modulators |= {f"macro/{n}": Spec(0, 1, 0) for n in range(1, MACROS + 1)}
#: what fingers do, as positions; slide and bend rest in the middle
_fingers = {
    f"finger/{n}/{axis}": Spec(0, 1, 0 if axis == "press" else 0.5)
    for n in range(1, FINGERS + 1)
    for axis in FINGER_AXES
}

#: parameters that no scene, undo or song stores: they control the stage, not the sound; or a finger is there
NEVER_STORED = ("scene/", "song/", "take/", "panic", "focus", "stage/", "input/open", "cue/", "finger/")

SPECS: Mapping[str, Spec] = (
    {f"deck/{d}/{k}": s for d in range(1, DECKS + 1) for k, s in _deck.items()}
    | _global
    | _modulators
    | _fingers
)
ADDRESSES: tuple[str, ...] = tuple(SPECS)
SLOTS: Mapping[str, int] = {address: i for i, address in enumerate(ADDRESSES)}
SPEC_AT: tuple[Spec, ...] = tuple(SPECS.values())  #: spec of each slot


def slot(address: str) -> int:
    """Return the slot of an address. WrongUse: there is none; it suggests similar ones."""
    try:
        return SLOTS[address]
    except KeyError:
        near = difflib.get_close_matches(address, ADDRESSES, n=3)
        raise WrongUse(
            f"no parameter is called {address!r}",
            hint=f"did you mean {', '.join(near)}?"
            if near
            else "`perform docs parameters` and the pages that it names list all of them",
        ) from None


def can_loop(address: str) -> bool:
    """Return whether a gesture of this address may repeat; not of an action, not of the stage."""
    return not (SPEC_AT[slot(address)].action or never_stored(address))


def never_stored(address: str) -> bool:
    """Return whether no scene, undo or song stores an address: it controls the stage, not the sound."""
    return address.startswith(NEVER_STORED) or address.endswith("/cue")


def slots(deck: int, suffix: str = "") -> slice:
    """Return the contiguous slots of a deck, or of one parameter of all its latents: "bias" is `z/*/bias`."""
    if not suffix:
        first = SLOTS[f"deck/{deck}/{next(iter(_deck))}"]
        return slice(first, first + len(_deck))
    first = SLOTS[f"deck/{deck}/z/0/{suffix}"]
    return slice(first, first + LATENTS)


def attribute_slots(deck: int) -> slice:
    """Return the contiguous slots of a deck's attributes, followed by those of its actions."""
    first = SLOTS[f"deck/{deck}/attribute/1"]
    return slice(first, first + ATTRIBUTES + ACTIONS)


def insert_head(insert: int) -> str:
    """Return the beginning of an insert's addresses: 0 is the master's, N deck N's."""
    return f"deck/{insert}/insert" if insert else "master/insert"


def insert_slots(insert: int) -> slice:
    """Return the contiguous slots of an insert's attributes, followed by those of its actions."""
    first = SLOTS[f"{insert_head(insert)}/attribute/1"]
    return slice(first, first + ATTRIBUTES + ACTIONS)


def slots_of_insert(insert: int) -> slice:
    """Return the contiguous slots of all parameters of an insert."""
    first = SLOTS[f"{insert_head(insert)}/{next(iter(_insert))}"]
    return slice(first, first + len(_insert))


def note_slots(deck: int, name: str) -> slice:
    """Return the contiguous slots of "pitch" or "gate" of a deck's notes."""
    first = SLOTS[f"deck/{deck}/note/1/{name}"]
    return slice(first, first + VOICES)


def modulator_slots() -> slice:
    """Return the contiguous slots of all parameters of modulators; a song sets each of them."""
    first = SLOTS[next(iter(_modulators))]
    return slice(first, first + len(_modulators))


def finger_slots() -> slice:
    """Return the contiguous slots of the fingers: press, slide and bend of the first, then of the next."""
    return slice(SLOTS["finger/1/press"], SLOTS["finger/1/press"] + len(_fingers))


def default_attributes() -> AttributeValues:
    """Return new values: every attribute at MODULE_DEFAULT, every action at 0."""
    return np.array([MODULE_DEFAULT] * ATTRIBUTES + [0.0] * ACTIONS)


def tuning_ratio(table: Table, deck: int) -> float:
    """Return the factor by which a deck's pitch is raised: 1 is the model's own pitch, 2 an octave up."""
    semitones, a4 = table[SLOTS[f"deck/{deck}/tune"]], table[SLOTS["master/reference"]]
    return float(2.0 ** (semitones / 12.0) * (a4 / CONCERT_PITCH))


def margin(table: Table) -> float:
    """Return the margin beyond the worst render time (p99.9), in seconds."""
    return tuple(MARGINS.values())[int(table[SLOTS["stage/margin"]])]


def defaults() -> Table:
    """Return a new table with every parameter at its default."""
    return np.array([s.default for s in SPEC_AT], dtype=np.float64)


def set_value(table: Table, address: str, value: float) -> float:
    """Store a value, clamped to its spec; return the stored value."""
    i = slot(address)
    table[i] = SPEC_AT[i].clamp(value)
    return float(table[i])


def trigger(table: Table, address: str) -> None:
    """Trigger an action: add one to its counter."""
    table[slot(address)] += 1


def changed(table: Table) -> Iterator[tuple[str, float]]:
    """Yield addresses and values of the parameters that differ from their defaults, in table order."""
    for i in np.flatnonzero(table != defaults()):
        yield ADDRESSES[i], float(table[i])


def gain(db: float) -> float:
    """Convert decibels to a factor; 0 at or below SILENCE_DB."""
    return 0.0 if db <= SILENCE_DB else float(10.0 ** (db / 20.0))
