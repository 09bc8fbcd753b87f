"""Write a page and a picture for each bundled model: python models/recipes/cards.py [NAME...].

The measurements use a minute of the same kind of sound that was in no corpus (seed 1000).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from corpora import recorded
from matplotlib.figure import Figure
from tuning import RATE, Samples

from perform.library.cards import Card, read_card
from perform.rave.model import RAVE
from perform.rave.model_files import load
from perform.train.finishing import reconstruct

MODELS = Path(__file__).parents[1]
SHOWN_S = 8
SOUNDFONT = """

Trained on FluidSynth's sound of the FluidR3 soundfont, Copyright (c) 2000-2002, 2008 Frank Wen,
(c) 2008 Toby Smithe, with the contributors that its README names, under the MIT licence. This model has the
same licence (LICENSE.cello)."""
ABOUT = {
    "bells": """Five bells of fixed inharmonic partials in just intonation on 93.75 Hz. Struck softly or
hard, tolled, rolled, damped. Falls short: partials flutter at the frame rate (93.75 Hz), by 3 dB more
than in the corpus.""",
    "choir": """A small choir singing five vowels on chord tones in just intonation on 93.75 Hz: long
chords, short calls, drawn breaths. Falls short: vibrato and beating are 4 to 6 dB flatter than in the
corpus.""",
    "storm": """The sounds of weather (wind, rain, a brook, surf) as noise that stays noise, moving and
frozen, without a buzz at the frame rate. It has two latents, and both are heard. A frame has 1024 samples.
Falls short: drops, bubbles and whistles are narrow noise, blurred over 10 ms. Its training went on from the
encoder and decoder of another model (10,000 steps, 1.1 h); the steps and hours below are its own.""",
    "cello": """A cello and a viola, bowed, one note at a time. Its first latent is the pitch, in tune at
any height: play it by keys, by hand, or by a voice or an instrument at the input. Then come loudness, noise
and timbre.
Falls short: a chord at the input gives one of its notes. Its recordings are the samples of a soundfont; bow
noise and the changes of brightness and body are simulated."""
    + SOUNDFONT,
    "reeds": """Saxophones from soprano to baritone, oboe, English horn, bassoon and clarinet, one note at a
time, with glides, swells and breath. Its first latent is the pitch, in tune at any height. Then come
loudness, noise and timbre.
Falls short: a chord at the input gives one of its notes; it blends the eight instruments, and you cannot
name one. Its recordings are the samples of a soundfont; breath and the changes of brightness and body are
simulated."""
    + SOUNDFONT,
    "flutes": """Flute, pan flute, recorder, ocarina and shakuhachi, one note at a time, with glides, swells
and breath. Its first latent is the pitch, in tune at any height. Then come loudness, noise and timbre.
Falls short: a chord at the input gives one of its notes; below G3 it has heard nothing. Its recordings are
the samples of a soundfont; breath and the changes of brightness and body are simulated."""
    + SOUNDFONT,
    "singers": """Singers: the women of a choir on ah, soft oohs, a synthetic and a solo voice, one note at a
time, with glides, swells and breath. Its first latent is the pitch, in tune at any height. Then come
loudness, noise and timbre.
Falls short: no words and no consonants; a chord at the input gives one of its notes. Its recordings are the
samples of a soundfont; breath and the changes of brightness and body are simulated."""
    + SOUNDFONT,
    "strike": """A grand and an electric piano, vibraphone, marimba and celesta: struck notes that ring, one
at a time. Its first latent is the pitch, in tune at any height. Then come loudness, noise and timbre. It does
not strike by itself: the loudness rises and falls as you move it, or as the input does.
Falls short: a chord at the input gives one of its notes, and its partials are exact multiples of the
pitch. Its recordings are the samples of a soundfont; the changes of brightness and body are simulated."""
    + SOUNDFONT,
    "kit": """A drum kit: kicks, snares, toms, hats, cymbals, cowbell, wood and snaps, in patterns and alone,
softly to hard. It is a pitched model with frames of half the length, for attacks: the pitch tunes the drum,
`noise` goes from the skin to the wires and the metal. Its recordings are those of Sonic Pi (CC0).
Falls short: strokes of two pieces at once become one sound, and metal is filtered noise without tones.""",
    "tabla": """The two drums of a tabla: strokes that ring, bend or click. A pitched model with frames of
half the length, for attacks: its first latent is the pitch, in tune at any height, then come loudness, noise
and timbre. Its recordings are those of Sonic Pi (CC0).
Falls short: both drums struck at once become one sound; there are 26 recordings of one player.""",
}


@torch.no_grad()
def reconstruction(model: RAVE, name: str) -> tuple[Samples, Samples]:
    """Return a minute of sound like the corpus and its reconstruction, aligned: (n,) each."""
    sound = recorded(name, 60.0, np.random.default_rng([1000, 0]))
    x = torch.from_numpy(sound[: len(sound) // model.ratio * model.ratio].astype(np.float32))
    given, made = reconstruct(model, x[None, None])
    return given[0, 0].numpy().astype(np.float64), made[0, 0].numpy().astype(np.float64)


def envelope(x: Samples) -> Samples:
    """Return the RMS of every tenth of a second."""
    length = RATE // 10
    return np.sqrt(np.square(x[: len(x) // length * length].reshape(-1, length)).mean(axis=1))


def spectrogram(x: Samples) -> Samples:
    """Return the power in dB, (frames, 1025)."""
    frames = np.lib.stride_tricks.sliding_window_view(x, 2048)[::512] * np.hanning(2048)
    return 10 * np.log10(np.square(np.abs(np.fft.rfft(frames))) + 1e-6)


def centroid(x: Samples) -> float:
    """Return the centroid of the mean power spectrum, Hz."""
    power = 10 ** (spectrogram(x) / 10)
    return float((power.mean(0) * np.linspace(0, RATE / 2, 1025)).sum() / power.mean(0).sum())


def decibels(x: Samples) -> float:
    """Return the RMS in dBFS."""
    return float(20 * np.log10(np.sqrt(np.square(x).mean()) + 1e-9))


def picture(path: Path, model: RAVE, given: Samples, made: Samples) -> None:
    """Draw the spectrograms and envelopes of input and output, and the latents."""
    figure = Figure(figsize=(9, 4.5), layout="tight")
    axes = figure.subplots(2, 2, sharex=True)
    cut = SHOWN_S * RATE // model.ratio * model.ratio
    for place, title, x in zip(axes[0], ("given", "made"), (given, made), strict=True):
        shown, extent = spectrogram(x[:cut]).T, (0, SHOWN_S, 0, RATE / 2000)
        place.imshow(shown, origin="lower", aspect="auto", vmin=-40, vmax=50, extent=extent, cmap="magma")
        place.set(title=title, ylim=(0, 14), ylabel="kHz")
    with torch.no_grad():
        sound = torch.from_numpy(given[None, None, :cut].astype(np.float32))
        z = model.encode(sound, model.encoder_state(1))[0][0].numpy()
    for index, row in enumerate(z):
        axes[1, 0].plot(np.arange(z.shape[1]) * model.ratio / RATE, row, lw=0.7, label=f"z{index}")
    axes[1, 0].set(xlabel="s", ylabel="latents, sigma")
    axes[1, 0].legend(ncols=4, fontsize="x-small")
    for label, x in (("given", given), ("made", made)):
        axes[1, 1].plot(np.arange(len(envelope(x[:cut]))) / 10, envelope(x[:cut]), lw=1, label=label)
    axes[1, 1].set(xlabel="s", ylabel="RMS", xlim=(0, SHOWN_S))
    axes[1, 1].legend(fontsize="x-small")
    figure.savefig(path, dpi=80)


def text(name: str, model: RAVE, given: Samples, made: Samples) -> str:
    """Return the card of models/<name>.safetensors as Markdown."""
    card = model.card
    milliseconds = 1000 / card["sample_rate"]
    frame = f"{card['ratio']} samples ({card['ratio'] * milliseconds:.1f} ms)"
    size = (MODELS / f"{name}.safetensors").stat().st_size / 1e6
    seconds = len(model.gesture) * model.ratio / card["sample_rate"]
    distances = [card[f"distance{key}"] for key in ("_untrained", "_spectral", "")]
    figures = read_card(MODELS / f"{name}.safetensors")
    follows = np.corrcoef(envelope(given), envelope(made))[0, 1]
    return f"""# {card["name"]}

{ABOUT[name]}

![reconstructions of sound that was not in its corpus]({name}.png)

| | |
| --- | --- |
| weights | {card["licence"]}, {card["parameters"] / 1e6:.2f} M parameters, {size:.1f} MB |
| date | {card["created"]} |
| sound | {card["sample_rate"]} Hz, mono; a frame is {frame} |
| delay of encoder and decoder | {card["delay"]} samples ({card["delay"] * milliseconds:.1f} ms) |
| latents | {card["latents"]} of {card["full_latents"]} |
| loudness of its loop | {card["loudness_db"]:.1f} dBFS RMS |
| loop | {len(model.gesture)} frames ({seconds:.0f} s) of held-out sound |
| corpus | {card["corpus"]}; made by recipes/corpora.py |
| training | {card["steps"]} steps; commands in recipes/README.md |
| hours, hardware | {card["hours"]:.1f} h on {card["hardware"]}, beside one or two other trainings |
| spectral distance on held-out sound: untrained | {distances[0]:.2f} |
| ... after phase 1 | {distances[1]:.2f} |
| ... at the end | {distances[2]:.2f} |

Measured with a minute of sound that was not in its corpus: the output's loudness follows the input's with a
correlation of {follows:.2f}. The level changes from {decibels(given):.1f} to {decibels(made):.1f} dBFS,
the spectral centroid from {centroid(given):.0f} to {centroid(made):.0f} Hz.

{latents(figures)}

The figures come from the file (`perform models info {name}`), from `perform models measure {name}`, and from
measurements by `python models/recipes/cards.py`, which wrote this page.
"""


def latents(card: Card) -> str:
    """Return the table of the latents."""
    columns = (
        *(card.latent_std, card.latent_p05, card.latent_p95),
        *(card.latent_p01, card.latent_p99, card.latent_home, card.latent_effect),
    )
    words = card.latent_words or [""] * card.latents
    rows = [
        f"| z{i} | {' | '.join(f'{value:.2f}' for value in row[:6])} | {row[6]:.1f} dB | {words[i]} |"
        for i, row in enumerate(zip(*columns, strict=True))
    ]
    head = "| latent | deviation | 5 % | 95 % | 1 % | 99 % | home | moves the sound | as it rises |"
    return "\n".join([head, f"|{9 * ' --- |'}", *rows])


def main() -> None:
    """Write the pages and pictures."""
    torch.set_num_threads(1)
    for name in sys.argv[1:] or ABOUT:
        model = load(MODELS / f"{name}.safetensors")
        given, made = reconstruction(model, name)
        (MODELS / f"{name}.md").write_text(text(name, model, given, made), encoding="utf-8")
        picture(MODELS / f"{name}.png", model, given, made)


if __name__ == "__main__":
    main()
