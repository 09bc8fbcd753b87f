"""Writes docs/parameters.md and its two sisters from the parameter table. `python docs/parameters_page.py`

Addresses, ranges and defaults come from `perform.core.params`, words from here. An address without a row, a
row without an address, and a row whose addresses differ in range or default are errors.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from perform.core import params
from perform.core.spec import MODULE_DEFAULT, Spec

DOCS = Path(__file__).parent

DECK: Mapping[str, str] = {
    "deck/N/gain": "-60 is silence",
    "deck/N/pan": "balance",
    "deck/N/mute, deck/N/solo": "",
    "deck/N/cue": "in the headphones, before the fader, see [cue.md](cue.md)",
    "deck/N/side": "side of the crossfader; on `-` the deck sounds wherever the crossfader is",
    "deck/N/tune": (
        "semitones and cents by which the model's sound is transposed, see [playing.md](playing.md#in-tune)"
    ),
    "deck/N/source": "what produces the latents, see [playing.md](playing.md#sources)",
    "deck/N/from": "the deck that the source `deck` follows",
    "deck/N/encode": (
        "the source `deck` encodes the sound of that deck with this deck's own encoder, instead of taking "
        "its latents"
    ),
    "deck/N/feedback": (
        "gain of the deck's own sound when it comes back to it; at 0 a deck never gets it, see "
        "[effect-modules.md](effect-modules.md#feedback)"
    ),
    "deck/N/wet": "amount of the source; at 0 only the biases sound",
    "deck/N/freeze": "stop the source where it is",
    "deck/N/speed": "speed of loop, walk, prior and file",
    "deck/N/file/play": "play the file from its start",
    "deck/N/file/stop": "stop the file, until it is played again or another is chosen",
    "deck/N/file/loop": "repeat the file",
    "deck/N/file/start": "where the file starts, as a fraction of its length",
    "deck/N/file/end": "where the file ends",
    "deck/N/file/dry": (
        "gain of the file's own sound, in time with the model's; -60 is silent, see "
        "[transfer.md](transfer.md#dry-and-wet-on-a-deck)"
    ),
    "deck/N/file/wet": "gain of the model's sound while the file is the source; -60 is silent",
    "deck/N/silence": (
        "where the latents glide while the input gate is closed: to the model's latents for silence, or "
        "to `z/I/silence`"
    ),
    "deck/N/home": (
        "where bias 0 is: at the model's home, or at the mean of its corpus. A model that you load turns "
        "it on, see [playing.md](playing.md#decks)"
    ),
    "deck/N/calibrated": (
        "the bundled voices are equally loud, or as loud as in songs of earlier versions. A model that "
        "you load turns it on, see [playing.md](playing.md#decks)"
    ),
    "deck/N/walk": (
        "how the source `walk` moves: each latent by itself, as in songs of earlier versions, or all "
        "together from moment to moment of the corpus. A model that you load walks through its corpus"
    ),
    "deck/N/examples": (
        "range of the latents between the deck's examples: of its corpus (and the examples), or the full "
        "range"
    ),
    "deck/N/temperature": (
        "randomness of the latents that the model's PCA left out, and of its prior; lower is steadier"
    ),
    "deck/N/seed": "random seed of this deck: walk, prior, noise",
    "deck/N/reset": "restart decoder and source; a learnt style stays",
    "deck/N/z/I/bias": "latent = source x scale + bias + modulation",
    "deck/N/z/I/scale": "",
    "deck/N/z/I/mute": "mute the source: only the bias remains",
    "deck/N/z/I/freeze": "hold the source's value for this latent",
    "deck/N/z/I/smooth": "time constant of a low-pass on the latent",
    "deck/N/z/I/level": (
        "modulation by input level: the amount at full scale, falling to nothing at -60 dBFS"
    ),
    "deck/N/z/I/pitch": "modulation by input pitch: the amount per octave above 220 Hz",
    "deck/N/z/I/silence": "the latent's value for silence, when `silence` is `own`",
    "deck/N/attribute/K": (
        "an attribute of a module, see [attributes.md](attributes.md); `own` is the module default"
    ),
    "deck/N/action/K": "an action of a module",
    "deck/N/voices": (
        "notes that a pitched model plays at once, see [chords.md](chords.md); with 1 the deck sounds by "
        "itself"
    ),
    "deck/N/width": (
        "stereo width of a mono model: its right channel gets other noise, see "
        "[sound.md](sound.md#width); at 0 both are the same"
    ),
    "deck/N/note/K/pitch": "pitch of a note, added to the deck's pitch",
    "deck/N/note/K/gate": "the note sounds, if the deck has more than one voice",
    "deck/N/insert/wet": (
        "amount of the deck's [insert](effect-modules.md#inserts); at 0 the deck sounds as without it, as "
        "late as with it"
    ),
    "deck/N/insert/attribute/K": "an attribute of the insert's module",
    "deck/N/insert/action/K": "an action of the insert's module",
}
STAGE: Mapping[str, str] = {
    "xfade": "crossfader: 0 is A, 1 is B; equal power",
    "master/gain": "",
    "master/mute": "",
    "master/insert/wet": "amount of the master's insert",
    "master/insert/attribute/K": "an attribute of its module",
    "master/insert/action/K": "an action of its module",
    "cue/mix": "in the headphones: 0 is the decks on cue, 1 the master",
    "cue/level": "volume of the headphones",
    "master/ceiling": "the limiter lets nothing above it through",
    "master/reference": "the A of the stage: all decks are transposed from 440 Hz to it",
    "input/open": "open the live input; songs and scenes never open it",
    "input/gain": "-60 is silence",
    "input/highpass": "corner of the high-pass; 0 turns it off",
    "input/gate": "the gate opens at this level and closes 6 dB below; at -90 it is always open",
    "input/threshold": "the compressor lowers peaks above this level",
    "input/ratio": "this many dB above the threshold become one dB; 1 turns the compressor off",
    "input/channels": (
        "which of the two input channels a deck gets; `left` and `right` go to both of its channels"
    ),
    "input/monitor": "level of the dry input in the mix, delayed to match the decks that encode it",
    "input/wet": (
        "crossfade, with equal power, from the dry input (0) to the decks that encode it and the decks "
        "that follow those (1)"
    ),
    "stage/margin": (
        "extra time between rendering a frame and playing it: 3, 10 or 25 ms. More is safer and adds latency"
    ),
    "tempo": "tempo of the beat, which glides in beats follow",
    "quantise": "loops, scene recalls and go wait for the next beat or bar",
    "clock/in": ("follow the MIDI clock of another device: its tempo, and its beat once it has been started"),
    "clock/bar": "beats of a bar",
    "clock/offset": "the beat sounds this much later than your taps or the MIDI clock",
    "clock/tap": "tap the tempo",
    "clock/start": "beat 1 of the bar is now; devices that get our MIDI clock start",
    "clock/stop, clock/continue": "stop these devices; continue them at the current beat",
    "clock/out/offset": "these devices get the clock this much later",
    "scene/recall": "glide to that scene",
    "scene/a, scene/b": "the scenes at the two ends of the morph fader",
    "scene/morph": "morph from scene a (0) to scene b (1)",
    "song/arm": "arm that song: it becomes NEXT",
    "song/jump": "arm that song and go to it",
    "song/next, song/previous": (
        "arm the song after NOW, or before it; pressed again, the one after that. On the last song the "
        "log says that there is none"
    ),
    "song/go": "go to NEXT as soon as its models are ready; a second time: at once",
    "take/record": "start a take, or stop it",
    "take/mark": "set a marker in the take",
    "take/keep": "save the last minutes as a take",
    "panic": "silence everything, then fade back in",
    "focus": "the deck that `focus/...` means in a mapping",
}
MODULATORS: Mapping[str, str] = {
    "lfo/M/shape": "up and down are saws; random glides between random values",
    "random/M/seed, lfo/M/seed": "another seed gives other random values",
    "steps/M/count": "number of steps before the sequence repeats",
    "steps/M/value/K": "value of a step",
    "hold/M/of": "what it samples at the beginning of each step",
    "lfo/M/sync, random/M/sync, steps/M/sync, hold/M/sync": (
        "what a cycle or step follows: its rate, or the beat"
    ),
    "lfo/M/rate, random/M/rate, steps/M/rate, hold/M/rate": (
        "cycles or steps a second, with `hz`; a change of rate makes no jump"
    ),
    "lfo/M/beats, random/M/beats, steps/M/beats, hold/M/beats": ("length of a cycle or step, with `beats`"),
    "lfo/M/phase, random/M/phase, steps/M/phase, hold/M/phase": ("where in a cycle or step the song begins"),
    "lfo/M/depth, random/M/depth, steps/M/depth, hold/M/depth, follow/deck/N/depth, follow/input/depth": (
        "factor of everything that the modulator adds"
    ),
    "follow/deck/N/rise, follow/input/rise": "time constant of the level while it rises",
    "follow/deck/N/fall, follow/input/fall": "time constant of the level while it falls",
    "macro/M": "one knob for many parameters",
    "finger/M/press": "how hard a finger presses on an MPE keyboard; no song, scene or undo sets it",
    "finger/M/slide, finger/M/bend": "its slide, its bend over an octave each way; 0.5 at rest",
}

DECK_PAGE = f"""# Parameters of a deck

Read this page to look up an address of a deck, its range and its default.

Every parameter has one address. The screen, MIDI mappings and sets all use it. `N` is a deck
(1 to {params.DECKS}), `I` a latent (0 to {params.LATENTS - 1}), `K` an attribute (1 to {params.ATTRIBUTES})
or an action (1 to {params.ACTIONS}), or a note (1 to {params.VOICES}).
More addresses: [the stage](parameters-stage.md) (master, input, tempo, scenes, songs, takes) and
[modulators](parameters-modulators.md). docs/parameters_page.py makes these tables from the code.

{{table}}

Two read-only meters show the result, relative to bias 0. `deck/N/in/I` is the source's value of a latent,
before scale, bias and modulation; `deck/N/z/I` is the latent that the decoder gets.
"""

STAGE_PAGE = """# Parameters of the stage

Read this page to look up an address of the master, the input, the tempo, scenes, songs or takes.

[Decks](parameters.md) and [modulators](parameters-modulators.md) have their own pages. `K` is an attribute
or an action of a module ([attributes](attributes.md)).

{table}
"""

MODULATORS_PAGE = f"""# Parameters of modulators

Read this page to look up an address of a modulator, its range and its default.

A modulator is a signal that is added to parameters: see [modulation.md](modulation.md). `M` is the number of
a modulator: {params.LFOS} LFOs, {params.RANDOMS} random, {params.SEQUENCES} step sequences,
{params.HOLDS} sample and hold, {params.MACROS} macros, {params.FINGERS} fingers. `N` is a deck, `K` is a
step (1 to {params.STEPS}). A song sets all of these parameters: those that it does not name get their
defaults.

{{table}}
"""


def pages() -> dict[str, str]:
    """Each page's file name and its text."""
    rows: dict[str, tuple[str, str]] = {}
    for address, spec in params.SPECS.items():
        rows.setdefault(pattern(address), shown(spec))
    made = {
        "parameters.md": DECK_PAGE.format(table=table(DECK, rows)),
        "parameters-stage.md": STAGE_PAGE.format(table=table(STAGE, rows)),
        "parameters-modulators.md": MODULATORS_PAGE.format(table=table(MODULATORS, rows)),
    }
    if rows:
        raise SystemExit(f"docs/parameters_page.py says nothing about {', '.join(rows)}")
    return made


def table(words: Mapping[str, str], rows: dict[str, tuple[str, str]]) -> str:
    """The table of a page. It takes its rows out of `rows`: pattern -> range and default."""
    return "\n".join(["| address | range | default | |", "| --- | --- | --- | --- |", *_lines(words, rows)])


def _lines(words: Mapping[str, str], rows: dict[str, tuple[str, str]]) -> Iterator[str]:
    for names, about in words.items():
        addresses = names.split(", ")
        facts = {rows.pop(address) for address in addresses}
        if len(facts) > 1:
            raise SystemExit(f"{names} are not alike: {facts}")
        ((span, default),) = facts
        cells = (", ".join(f"`{address}`" for address in addresses), span, default, about)
        yield re.sub(r" +", " ", f"| {' | '.join(cells)} |")


def pattern(address: str) -> str:
    """`deck/3/z/5/bias` -> `deck/N/z/I/bias`."""
    address = re.sub(r"^(follow/)?deck/\d+", r"\1deck/N", address)
    address = re.sub(r"^(lfo|random|steps|hold|macro|finger)/\d+", r"\1/M", address)
    address = re.sub(r"/z/\d+", "/z/I", address)
    return re.sub(r"/(attribute|action|note|value)/\d+", r"/\1/K", address)


def shown(spec: Spec) -> tuple[str, str]:
    """Range and default of a parameter."""
    if spec.action:
        return "action", ""
    if spec.low == MODULE_DEFAULT:
        return "any number", "own"
    if spec.choices:
        return ", ".join(shortened(spec.choices)), spec.choices[int(spec.default)]
    return f"{_number(spec.low)}..{_number(spec.high)} {spec.unit}".strip(), _number(spec.default)


def shortened(choices: tuple[str, ...]) -> list[str]:
    """Choices that only count up as one: `lfo 1`, `lfo 2`, `lfo 3` -> `lfo 1..3`."""
    counted: dict[str, list[str]] = {}
    for choice in choices:
        counted.setdefault(re.sub(r"\d+", "#", choice), []).append(choice)
    found = []
    for form, same in counted.items():
        first, last = (re.sub(r"\D", "", choice) for choice in (same[0], same[-1]))
        found.append(form.replace("#", f"{first}..{last}") if len(same) > 1 else same[0])
    return found


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:g}"


if __name__ == "__main__":
    for _name, _text in pages().items():
        (DOCS / _name).write_text(_text, encoding="utf-8")
