"""The decoder, from latents to bands: RAVE's two generators (Caillon & Esling, arXiv 2111.05011)."""

import torch
from torch import Tensor

from perform.rave import architecture
from perform.rave.blocks import NoiseSynth, mod_sigmoid, noise_synth
from perform.rave.config import Config
from perform.rave.stream import Chain, State, Streaming, chain, convolution


class Generator(Streaming):
    """Base of all: a net, and branches that take its output; or the net alone."""

    def __init__(self) -> None:
        super().__init__()
        self.net: Chain
        self.noise: NoiseSynth | None

    def branches(self) -> list[Streaming]:
        """The layers that take the net's output, in order; a noise synthesiser comes last."""
        raise NotImplementedError

    def init_state(self, batch: int) -> State:
        """The state before the first frame: of the net, then of its branches."""
        return [tensor for part in (self.net, *self.branches()) for tensor in part.init_state(batch)]

    def forward(self, x: Tensor, state: State, noise: Tensor | None = None) -> tuple[Tensor, State]:
        """(B, latents, n), noise in bands, -1..1 (None: silence), to (B, channels x bands, n * stride)."""
        raise NotImplementedError

    def learn(self, side: int) -> int:
        """Let the AdaIN layers learn a side."""
        return self.net.learn(side)

    def forget_style(self, side: int) -> int:
        """Let the AdaIN layers forget a side."""
        return self.net.forget_style(side)

    def _count_states(self) -> None:
        self.states = self.net.states + sum(branch.states for branch in self.branches())


class Decoder(Generator):
    """v2's: (B, latents, n) -> (B, channels x bands, n * stride), each band within -1..1.

    With Config.decoder_ratios it gives samples: (B, channels, n * stride).

    With a noise synthesiser the last convolution is the branch `wave`, beside the branch `noise`.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        layer = architecture.decoder_v2(config)
        self.net = chain(layer.net)
        self.wave = convolution(layer.wave) if layer.wave else None
        self.noise = noise_synth(layer.noise) if layer.noise else None
        self._count_states()

    def branches(self) -> list[Streaming]:
        """Wave and noise, or no branches."""
        return [self.wave, self.noise] if self.wave and self.noise else []

    def forward(self, x: Tensor, state: State, noise: Tensor | None = None) -> tuple[Tensor, State]:
        """(B, latents, n), noise as in `mix`, to (B, channels x bands, n * stride)."""
        outputs, after = self.outputs(x, state)
        return self.mix(outputs, noise), after

    def outputs(self, x: Tensor, state: State) -> tuple[list[Tensor], State]:
        """(B, latents, n) to the outputs of the branches, before they are mixed."""
        x, after = self.net(x, state[: self.net.states])
        outputs = [x]
        if self.wave is not None and self.noise is not None:
            wave, new = self.wave(x, state[len(after) : len(after) + self.wave.states])
            after = after + new
            amplitudes, new = self.noise(x, state[len(after) :])
            after = after + new
            outputs = [wave, amplitudes]
        return outputs, after

    def mix(self, outputs: list[Tensor], noise: Tensor | None) -> Tensor:
        """Outputs of the branches and noise, -1..1 (None: silence), to bands within -1..1.

        Each wave times its amplitude, plus the noise.
        """
        wave, amplitude = outputs[0].chunk(2, 1)  # (B, 2 x bands, n * stride)
        y = wave * torch.sigmoid(amplitude)
        if self.noise is not None and noise is not None:
            y = y + self.noise.render(outputs[1], noise)
        return torch.tanh(y)


class V1Decoder(Generator):
    """v1's: (B, latents, n) -> (B, channels x bands, n * stride).

    Three branches take the net's output: waves, one loudness for all bands, and filtered noise.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        layer = architecture.decoder_v1(config)
        self.net, self.wave, self.loudness = chain(layer.net), chain(layer.wave), chain(layer.loudness)
        self.noise = noise_synth(layer.noise) if layer.noise else None
        self._count_states()

    def branches(self) -> list[Streaming]:
        """Wave, loudness and perhaps noise."""
        return [self.wave, self.loudness, *([self.noise] if self.noise else [])]

    def forward(self, x: Tensor, state: State, noise: Tensor | None = None) -> tuple[Tensor, State]:
        """(B, latents, n), noise as in `mix`, to (B, channels x bands, n * stride)."""
        outputs, after = self.outputs(x, state)
        return self.mix(outputs, noise), after

    def outputs(self, x: Tensor, state: State) -> tuple[list[Tensor], State]:
        """(B, latents, n) to the outputs of the branches, before they are mixed."""
        x, after = self.net(x, state[: self.net.states])
        wave, new = self.wave(x, state[len(after) : len(after) + self.wave.states])
        after = after + new
        loudness, new = self.loudness(x, state[len(after) : len(after) + self.loudness.states])
        after = after + new
        outputs = [wave, loudness]
        if self.noise is not None:
            amplitudes, new = self.noise(x, state[len(after) :])
            after = after + new
            outputs.append(amplitudes)
        return outputs, after

    def mix(self, outputs: list[Tensor], noise: Tensor | None) -> Tensor:
        """Waves times the loudness, plus the noise."""
        y = torch.tanh(outputs[0]) * mod_sigmoid(outputs[1])
        if self.noise is not None and noise is not None:
            y = y + self.noise.render(outputs[2], noise)
        return y
