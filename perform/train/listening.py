"""Listens to a corpus, to choose a config: `live_pitch` for a melody of single notes, `live` for the rest."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from perform.rave.fundamental import Fundamental
from perform.rave.pitched_layers import THRESHOLD
from perform.train.corpus import Corpus

STRETCHES, STRETCH_S = 40, 0.6  #: of the corpus, evenly spread
FRAME = 512  #: samples
LOUD = -2.5  #: loudness (rave/fundamental.py) of frames that count: -54 dBFS
MELODY = 0.6  #: least share of the loud frames with a pitch
MOVES = 2.0  #: least deviation of the pitch, semitones: a drone or a bell has no melody
NOISY = 0.5  #: least share of frames without a period


@dataclass(frozen=True)
class Heard:
    """What a corpus contains.

    pitched   : share of the loud frames with one pitch, 0..1
    semitones : deviation of that pitch
    noisy     : share of the loud frames in which less than half of the power repeats
    """

    pitched: float
    semitones: float
    noisy: float

    @property
    def config(self) -> str:
        """Name of the config for it."""
        return "live_pitch" if self.pitched >= MELODY and self.semitones >= MOVES else "live"

    @property
    def reason(self) -> str:
        """Why, as one line."""
        line = f"config {self.config}: {self.pitched:.0%} of the sound has one pitch"
        if self.pitched < MELODY:
            kind = "noise or percussion" if self.noisy >= NOISY else "chords, percussion or noise"
            return f"{line}, too little for live_pitch ({MELODY:.0%}): {kind}"
        moves = f"{line}, which moves by {self.semitones:.1f} semitones"
        return f"{moves}: a melody" if self.config == "live_pitch" else f"{moves}: no melody"


@torch.inference_mode()
def listen(corpus: Corpus) -> Heard:
    """Measure pitch and noise of a prepared corpus, in some seconds."""
    layer = Fundamental(corpus.sample_rate, FRAME)
    length = round(STRETCH_S * corpus.sample_rate / FRAME) * FRAME
    x = torch.from_numpy(corpus.spread(corpus.training, STRETCHES, length)).mean(1, keepdim=True)
    pitch, loudness, noise = layer(x, layer.init_state(len(x)))[0][:, :, 8:].unbind(1)
    loud = loudness > LOUD
    if not loud.any():
        return Heard(0.0, 0.0, 0.0)
    voiced = loud & (noise < THRESHOLD)
    spread = 12 * float(pitch[voiced].std(correction=0)) if voiced.any() else 0.0
    share = float(voiced.sum() / loud.sum())
    return Heard(share, spread, float((noise[loud] > 0.5).float().mean()))
