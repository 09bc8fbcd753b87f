"""Melodic voices: melodies of single notes that glide, swell and tremble.

FluidSynth plays them with the FluidR3 soundfont (MIT, Frank Wen and others), the Debian packages `fluidsynth`
and `fluid-soundfont-gm`: apt-get install fluidsynth fluid-soundfont-gm. Another soundfont is refused. The
melodies are random walks on scales, written as MIDI with mido. A soundfont has one timbre for each note and
loudness, which leaves nothing for the timbre latents. So the player moves: brightness, body and the noise of
bow or breath change at random, independently of the notes.
"""

from __future__ import annotations

import functools
import hashlib
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import mido
import numpy as np
import soundfile
from tuning import RATE, Rng, Samples

SOUNDFONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
SOUNDFONT_SHA256 = "74594e8f4250680adf590507a306655a299935343583256f3b722c48a1bc1cb0"
SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 3, 5, 7, 8, 11), tuple(range(12)))
TICKS, TEMPO = 480, 500_000  # ticks a beat, microseconds a beat: 960 ticks a second
STEP = 10  # ticks between two values of expression and bend
BEND = 2.0  # semitones of a full bend


@dataclass(frozen=True)
class Instrument:
    """General MIDI program, counted from 0, and the range of its keys."""

    program: int
    lowest: int
    highest: int


@dataclass(frozen=True)
class MelodicVoice:
    """What plays, and how much its player moves the timbre."""

    instruments: tuple[Instrument, ...]
    """At most 9; a phrase is played by one of them."""
    bright: float = 1200.0
    """Hz above which the brightness moves, by -16 to 14 dB."""
    body: tuple[float, float] = (200.0, 600.0)
    """Band in Hz whose level moves by -14 to 10 dB."""
    noise: tuple[float, float] = (1000.0, 7000.0)
    """Band of the noise of bow or breath in Hz."""
    noise_db: tuple[float, float] = (-38.0, -2.0)
    """Its level, relative to the sound's."""
    softest: float = 0.35
    """Least share of the full expression at the start or end of a note."""
    vibrato: float = 0.35
    """Semitones, at most."""
    struck: bool = False
    """Its notes are struck or plucked and ring: without swell, vibrato or glide."""
    gain: float = 1.7


CELLO = MelodicVoice((Instrument(42, 36, 69), Instrument(41, 48, 81)))
"""Cello and viola."""
REEDS = MelodicVoice(
    (
        *(Instrument(64, 56, 86), Instrument(65, 49, 80), Instrument(66, 44, 75), Instrument(67, 37, 68)),
        *(Instrument(68, 58, 88), Instrument(69, 52, 80), Instrument(70, 36, 68), Instrument(71, 50, 88)),
    ),
    noise=(1500.0, 9000.0),
    gain=1.2,
)
"""Soprano, alto, tenor and baritone saxophone, oboe, English horn, bassoon, clarinet."""
FLUTES = MelodicVoice(
    (
        *(Instrument(73, 60, 90), Instrument(75, 60, 88), Instrument(74, 62, 90)),
        *(Instrument(79, 60, 88), Instrument(77, 55, 84)),
    ),
    bright=1800.0,
    body=(400.0, 1200.0),
    noise=(1000.0, 10000.0),
    gain=1.2,
)
"""Flute, pan flute, recorder, ocarina, shakuhachi."""
SINGERS = MelodicVoice(
    (Instrument(52, 60, 81), Instrument(53, 45, 81), Instrument(54, 45, 79), Instrument(85, 45, 81)),
    bright=1800.0,
    body=(500.0, 1300.0),
    noise=(1500.0, 10000.0),
    vibrato=0.5,
    gain=1.5,
)
"""Choir aahs (the women: the men are not of one pitch), voice oohs, synth voice, solo voice."""
STRIKE = MelodicVoice(
    (
        *(Instrument(0, 36, 91), Instrument(4, 40, 88), Instrument(11, 53, 89)),
        *(Instrument(12, 45, 91), Instrument(8, 60, 91)),
    ),
    bright=1500.0,
    noise=(500.0, 8000.0),
    noise_db=(-46.0, -14.0),
    struck=True,
    gain=1.5,
)
"""Grand piano, electric piano, vibraphone, marimba, celesta."""


def cello(seconds: float, rng: Rng) -> Samples:
    """A cello and a viola, bowed."""
    return melodies(CELLO, seconds, rng)


def reeds(seconds: float, rng: Rng) -> Samples:
    """Saxophones, oboe, English horn, bassoon, clarinet."""
    return melodies(REEDS, seconds, rng)


def flutes(seconds: float, rng: Rng) -> Samples:
    """Flute, pan flute, recorder, ocarina, shakuhachi."""
    return melodies(FLUTES, seconds, rng)


def singers(seconds: float, rng: Rng) -> Samples:
    """A choir's aahs, oohs, a synthetic and a solo voice."""
    return melodies(SINGERS, seconds, rng)


def strike(seconds: float, rng: Rng) -> Samples:
    """Piano, electric piano, vibraphone, marimba, celesta."""
    return melodies(STRIKE, seconds, rng)


def melodies(voice: MelodicVoice, seconds: float, rng: Rng) -> Samples:
    """Phrases of one to five seconds, each by one instrument, with short silences: (n,) at RATE."""
    _check_soundfont()
    messages: list[tuple[int, mido.Message]] = []
    now = 0.3
    while now < seconds - 1:
        now = _phrase(messages, voice, now, min(now + rng.uniform(1.5, 6.0), seconds - 0.8), rng)
        now += rng.uniform(0.1, 0.7)
    return _moved(_rendered(messages, seconds), voice, rng)


@functools.cache
def _check_soundfont() -> None:
    if not SOUNDFONT.is_file():
        raise SystemExit(f"no {SOUNDFONT}: apt-get install fluidsynth fluid-soundfont-gm")
    with SOUNDFONT.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != SOUNDFONT_SHA256:
        raise SystemExit(f"{SOUNDFONT} is another version: its SHA-256 is {found}, not {SOUNDFONT_SHA256}")


def _moved(x: Samples, voice: MelodicVoice, rng: Rng) -> Samples:
    """Moving brightness, body, and noise that is as loud as the sound."""
    high, body = _band(x, voice.bright, 20000.0), _band(x, *voice.body)
    y = x + _moving(len(x), -16.0, 14.0, rng) * high - high
    y += _moving(len(x), -14.0, 10.0, rng) * body - body
    envelope = np.sqrt(np.maximum(_band(np.square(x), 0.0, 30.0), 0.0))
    noise = _band(rng.standard_normal(len(x)), *voice.noise)
    return voice.gain * (y + _moving(len(x), *voice.noise_db, rng) * envelope * noise)


def _band(x: Samples, low: float, high: float) -> Samples:
    """A part of the spectrum, with edges a third of an octave wide."""
    hz = np.fft.rfftfreq(len(x), 1 / RATE)
    octaves = np.log2(np.maximum(hz, 1e-3))
    rises = np.clip(3 * (octaves - np.log2(max(low, 1e-3))) + 0.5, 0, 1) if low else np.ones_like(hz)
    falls = np.clip(3 * (np.log2(high) - octaves) + 0.5, 0, 1)
    return np.asarray(np.fft.irfft(np.fft.rfft(x) * rises * falls, len(x)), np.float64)


def _moving(length: int, low_db: float, high_db: float, rng: Rng) -> Samples:
    """A factor that moves between random levels, a new one every 0.2 to 1.5 seconds."""
    places = np.cumsum(rng.uniform(0.2, 1.5, 8 + int(length / RATE / 0.2)))
    levels = rng.uniform(low_db, high_db, len(places))
    return np.asarray(10 ** (np.interp(np.arange(length) / RATE, places, levels) / 20), np.float64)


def _phrase(
    messages: list[tuple[int, mido.Message]], voice: MelodicVoice, now: float, end: float, rng: Rng
) -> float:
    """One phrase from `now`, in seconds; it returns its end."""
    channel = int(rng.integers(len(voice.instruments)))
    player = voice.instruments[channel]
    root, scale = int(rng.integers(12)), SCALES[int(rng.integers(len(SCALES)))]
    keys = [key for key in range(player.lowest, player.highest + 1) if (key - root) % 12 in scale]
    at, pace = int(rng.integers(len(keys))), float(rng.choice([0.15, 0.3, 0.6, 1.2]))
    damped = 0.2 if voice.struck else 0.35
    messages.append((_ticks(now), mido.Message("program_change", channel=channel, program=player.program)))
    held = None
    while now < end:
        length = max(0.09, pace * float(rng.choice([0.5, 1, 1, 1.5, 2])))
        at = int(np.clip(at + rng.choice([-4, -2, -1, -1, 0, 1, 1, 2, 4]), 0, len(keys) - 1))
        key, velocity = keys[at], int(rng.integers(25, 127))
        messages.append((_ticks(now), mido.Message("note_on", channel=channel, note=key, velocity=velocity)))
        if held is not None:  # legato: the old note ends a little after the new one begins
            messages.append((_ticks(now + 0.01), mido.Message("note_off", channel=channel, note=held)))
        if not voice.struck:
            _gestures(messages, voice, channel, now, length, rng)
        held, now = key, now + length
        if rng.random() < damped:
            messages.append((_ticks(now - 0.02), mido.Message("note_off", channel=channel, note=held)))
            held = None
    if held is not None:
        messages.append((_ticks(now), mido.Message("note_off", channel=channel, note=held)))
    return now


def _gestures(
    messages: list[tuple[int, mido.Message]],
    voice: MelodicVoice,
    channel: int,
    now: float,
    length: float,
    rng: Rng,
) -> None:
    """Swell, vibrato and a glide into the note: expression (CC 11) and pitch bend."""
    first, last = rng.uniform(voice.softest, 1.0, 2)
    arch, depth, rate = rng.uniform(-0.3, 0.4), rng.uniform(0.0, voice.vibrato), rng.uniform(4.0, 7.0)
    glide = float(rng.choice([0.0, 0.0, -1.0, 1.0, -2.0])) * rng.uniform(0.3, 1.0)
    for tick in range(0, max(1, _ticks(length)), STEP):
        part, time = tick / max(1, _ticks(length)), tick / _ticks(1.0)
        level = first + (last - first) * part + arch * np.sin(np.pi * part)
        value = int(np.clip(round(127 * level), 20, 127))
        messages.append(
            (_ticks(now) + tick, mido.Message("control_change", channel=channel, control=11, value=value))
        )
        tremble = depth * min(1.0, 2 * time) * np.sin(2 * np.pi * rate * time)
        bend = (glide * np.exp(-time / 0.06) + tremble) / BEND
        pitch = int(np.clip(round(8191 * bend), -8192, 8191))
        messages.append((_ticks(now) + tick, mido.Message("pitchwheel", channel=channel, pitch=pitch)))


def _ticks(seconds: float) -> int:
    return round(seconds * TICKS * 1_000_000 / TEMPO)


def _rendered(messages: list[tuple[int, mido.Message]], seconds: float) -> Samples:
    """FluidSynth's sound of the messages, mono, without reverb and chorus."""
    track, before = mido.MidiTrack(), 0
    for at, message in sorted(messages, key=lambda each: each[0]):
        track.append(message.copy(time=at - before))
        before = at
    with tempfile.TemporaryDirectory() as folder:
        midi, wav = Path(folder) / "x.mid", Path(folder) / "x.wav"
        mido.MidiFile(ticks_per_beat=TICKS, tracks=[track]).save(midi)
        options = ["-ni", "-q", "-R", "0", "-C", "0", "-g", "0.7", "-r", str(RATE), "-T", "wav", "-F", wav]
        subprocess.run(["fluidsynth", *options, SOUNDFONT, midi], check=True, capture_output=True)
        sound = soundfile.read(wav)[0].mean(axis=1)
    sound = np.pad(sound, (0, max(0, round(seconds * RATE) - len(sound))))
    return np.asarray(1.6 * sound[: round(seconds * RATE)], np.float64)
