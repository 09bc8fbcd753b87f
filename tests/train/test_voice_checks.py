"""The verdicts on a finished voice: each figure on both sides of its limit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perform.rave.config import PRESETS, Config
from perform.rave.model import RAVE
from perform.train.voice_checks import checks
from perform.train.voice_figures import VoiceFigures

GOOD = VoiceFigures(
    pitch=0.95,
    grid_in=0.1,
    grid_out=0.149,
    grid_frozen=0.149,
    effects=[8.0, 2.0],
    home_db=-6.0,
    noise_dbfs=-50.0,
    log_mel_db=3.0,
)


def short(model: RAVE, **changes: object) -> list[str]:
    """What falls short."""
    return [check.name for check in checks(model, replace(GOOD, **changes)) if not check.fits]


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"grid_out": 0.16}, "buzz at the frame rate"),
        ({"grid_out": 0.04}, "buzz at the frame rate"),
        ({"grid_frozen": 0.16}, "buzz while its latents are held"),
        ({"effects": [8.0, 1.9]}, "each latent moves the sound by"),
        ({"home_db": 6.1}, "a new deck against its loop"),
        ({"noise_dbfs": -50.1}, "its noise"),
    ],
)
def test_a_figure_beyond_its_limit_falls_short(tiny: Config, changes: dict[str, object], name: str) -> None:
    model = RAVE(tiny)
    assert short(model) == []
    assert short(model, **changes) == [name]


def test_what_a_voice_does_not_have_is_not_judged(tiny: Config) -> None:
    model = RAVE(tiny)
    assert short(model, noise_dbfs=None, grid_frozen=0.0, pitch=0.0) == []
    assert "the pitch is followed in" not in [check.name for check in checks(model, GOOD)]
    assert short(RAVE(PRESETS["live_pitch"]), pitch=0.949) == ["the pitch is followed in"]


def test_a_verdict_says_the_figure_and_the_limit(tiny: Config) -> None:
    lines = [str(check) for check in checks(RAVE(tiny), replace(GOOD, home_db=7.0))]
    assert "falls short: a new deck against its loop +7.0 dB (wanted: within 6 dB)" in lines
    assert "good: each latent moves the sound by 8.0, 2.0 dB (wanted: 2 dB or more)" in lines
