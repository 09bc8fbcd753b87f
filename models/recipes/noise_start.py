"""A model to start from, for noises: python models/recipes/noise_start.py TRAINED START

START has the encoder and decoder of TRAINED, whose features know level and colour of its corpus. Its noise
synthesiser is new, and its waves are 80 dB softer. `perform train --from START --loss energy` learns noise
from there in a twentieth of the steps that a model with random weights needs.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from perform.rave.decoder import Decoder
from perform.rave.model import RAVE
from perform.rave.model_files import load, save
from perform.train.initial_model import begin_with_noise

NOISE = {"noise_ratios": (4, 4, 2), "noise_taps": 17, "noise_hidden": 32}
"""A frame of 32 samples of a band (10.7 ms), as long as the response of 17 taps."""


def main() -> None:
    """Write the model."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("trained", type=Path)
    parser.add_argument("start", type=Path)
    options = parser.parse_args()
    trained = load(options.trained)
    torch.manual_seed(0)
    started = RAVE(replace(trained.config, **NOISE))
    new = started.state_dict()
    kept = {name: tensor for name, tensor in trained.state_dict().items() if not _of_noise(name)}
    started.load_state_dict(new | kept)
    assert isinstance(started.decoder, Decoder)
    begin_with_noise(started)
    started.latents = trained.latents
    save(options.start, started, trained.card, trained.gesture)


def _of_noise(name: str) -> bool:
    return name.startswith("decoder.noise.")


if __name__ == "__main__":
    main()
