"""Write the readable card of each bundled model from its file: python models/recipes/cards.py."""

from __future__ import annotations

from pathlib import Path

from perform.rave.files import load

MODELS = Path(__file__).parents[1]
ABOUT = {
    "bells": """Five bells of fixed inharmonic partials in just intonation on 93.75 Hz. Struck softly or
hard, tolled, rolled, damped.""",
    "choir": """A small choir singing five vowels on chord tones in just intonation on 93.75 Hz: long
chords, short calls, drawn breaths.""",
}


def text(name: str) -> str:
    """The card of models/<name>.safetensors, in Markdown."""
    path = MODELS / f"{name}.safetensors"
    model = load(path)
    card = model.card
    frame = f"{card['ratio']} samples ({card['ratio'] * 1000 / card['sample_rate']:.1f} ms)"
    size = path.stat().st_size / 1e6
    milliseconds = 1000 / card["sample_rate"]
    seconds = len(model.gesture) * model.ratio / card["sample_rate"]
    rows = zip(card["latent_std"], card["latent_p05"], card["latent_p95"], strict=True)
    latents = "\n".join(
        f"| z{i} | {s:.2f} | {low:.2f} | {high:.2f} |" for i, (s, low, high) in enumerate(rows)
    )
    return f"""# {card["name"]}

{ABOUT[name]}

| | |
| --- | --- |
| weights | {card["licence"]}, {card["parameters"] / 1e6:.2f} M parameters, {size:.1f} MB |
| made | {card["created"]} |
| sound | {card["sample_rate"]} Hz, mono; a frame is {frame} |
| delay, encoded and decoded | {card["delay"]} samples ({card["delay"] * milliseconds:.1f} ms) |
| latents | {card["latents"]} of {card["full_latents"]} |
| loudness of its loop | {card["loudness_db"]:.1f} dBFS RMS |
| loop | {len(model.gesture)} frames ({seconds:.0f} s) of held-out corpus |
| corpus | {card["corpus"]}; synthesised by recipes/corpora.py |
| training | {card["steps"]} steps; commands in recipes/README.md |
| spectral distance, held-out audio | {card["distance"]:.2f}; untrained {card["distance_untrained"]:.2f} |

| latent | deviation | 5 % | 95 % |
| --- | --- | --- | --- |
{latents}

The figures are the file's own (`perform.rave.files.load(...).card`); this page is written by
`python models/recipes/cards.py`.
"""


if __name__ == "__main__":
    for name in ABOUT:
        (MODELS / f"{name}.md").write_text(text(name), encoding="utf-8")
