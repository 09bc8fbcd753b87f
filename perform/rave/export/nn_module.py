"""A model as an nn~ module, with the methods and attributes that nn~ (Max, Pd) and RAVE VST use.

The contract (nn_tilde 1.5 and 1.6): a method M has a buffer `M_params`, channels and ratio of its
input and of its output, and labels; it takes one tensor (batch, channels, n / ratio) and gives one. An
attribute A has a buffer `A_params`, a type for each value, `get_A`, which gives a tuple, and `set_A`, which
gives 0. There is no `set_sample_rate`: nn~ 1.6 would call it and change `sr` to the host's. RAVE VST
reads `_rave` too, and decodes two rows of all latents, filling the missing ones itself.
"""

# mypy: disable-error-code="no-any-return"

import math

import torch
from torch import Tensor, nn

from perform.rave.blocks import uniform_noise
from perform.rave.export.bottleneck_module import bottleneck_module
from perform.rave.export.random_source import RandomSource
from perform.rave.export.stream_memory import StreamingPrior, StreamMemory
from perform.rave.model import RAVE
from perform.rave.pqmf import interleaved, with_samples

BOOL, INT, FLOAT = 0, 1, 2  #: types of an attribute's values, as nn~ numbers them


class RaveVstFacts(nn.Module):
    """The attributes that RAVE VST reads below `_rave`.

    stereo : whether it may decode two rows, which differ in the latents that the model fills with noise
    """

    def __init__(self, model: RAVE, channels: int) -> None:
        super().__init__()
        self.stereo = channels == 1 and model.config.channels == 1 and model.missing > 0
        self.register_buffer("sampling_rate", torch.tensor(model.config.sample_rate))
        self.register_buffer("latent_size", torch.tensor(model.latents + model.missing))


class NnModule(nn.Module):
    """One model for batches of up to `rows` streams, whose state it keeps.

    Attributes of the contract: `temperature` of the noise (1: as trained, 0: none), `seed` of all random
    numbers (0: torch's generator), `reset` (true: back to the beginning).

    A mono model with two channels decodes the same latents twice, each time with other noise. A stereo model
    with one channel gives the mean of its two.
    """

    def __init__(self, model: RAVE, rows: int, channels: int | None = None) -> None:
        super().__init__()
        config = model.config
        self.outputs = channels or config.channels
        self.copies = max(self.outputs // config.channels, 1)
        self.rows, self.latents, self.missing = rows, model.latents, model.missing
        self.dropped = config.full_latents - model.latents if config.bottleneck == "variational" else 0
        self.channels, self.bands = config.channels, config.channels * config.bands
        self.is_pitched = config.bottleneck == "pitched"
        self.makes_samples = bool(config.decoder_ratios)
        self.rates, self.pqmf = model.resampler, model.pqmf
        self.encoder, self.decoder = model.encoder, model.decoder
        self.encoder_memory = StreamMemory(model.encoder_state(rows), rows)
        self.decoder_memory = StreamMemory(model.decoder_state(rows * self.copies), rows * self.copies)
        self.bottleneck = bottleneck_module(model)
        self.chance = RandomSource(model.noise, rows * self.copies)
        self._rave = RaveVstFacts(model, self.outputs)
        self._add_facts(model)
        self._add_methods(model)
        self.temperature, self.seed, self.reset = 1.0, 0, False
        self._attributes = ["temperature", "seed", "reset"] if model.noise or model.prior else ["reset"]
        for name, kind in (("temperature", FLOAT), ("seed", INT), ("reset", BOOL)):
            if name in self._attributes:
                self.register_buffer(f"{name}_params", torch.tensor([kind]))

    def _add_facts(self, model: RAVE) -> None:
        """Attributes beside the contract, under the names of RAVE's exports."""
        config = model.config
        self.sr, self.latent_size = config.sample_rate, model.latents
        self.full_latent_size = model.latents + model.missing
        self.n_channels, self.target_channels = min(config.channels, self.outputs), self.outputs
        self.input_mode, self.output_mode = "pqmf", "raw" if config.decoder_ratios else "pqmf"
        self.stereo_mode = self.is_using_adain = False
        self._has_prior = model.prior is not None
        self.register_buffer("gesture", model.gesture)

    def _add_methods(self, model: RAVE) -> None:
        """The methods with their channels, ratios and labels."""
        sound = ["mono"] if self.outputs == 1 else ["left", "right"]
        given = ["mono"] if self.n_channels == 1 else sound
        latents = model.labels
        methods = {
            "encode": (given, 1, latents, model.ratio),
            "decode": (latents, model.ratio, sound, 1),
            "forward": (given, 1, sound, 1),
        }
        if model.prior:
            methods["prior"] = ["temperature"], model.ratio, latents, model.ratio
        self._methods = list(methods)
        for name, (inputs, in_ratio, outputs, out_ratio) in methods.items():
            params = torch.tensor([len(inputs), in_ratio, len(outputs), out_ratio])
            self.register_buffer(f"{name}_params", params)
            setattr(self, f"{name}_input_labels", [f"(signal) {label}" for label in inputs])
            setattr(self, f"{name}_output_labels", [f"(signal) {label}" for label in outputs])

    def forward(self, x: Tensor) -> Tensor:
        """Sound to sound, (B, channels, n * ratio)."""
        return self.decode(self.encode(x))

    @torch.jit.export
    def encode(self, x: Tensor) -> Tensor:
        """(B, channels, n * ratio) to latents (B, latents, n); of a posterior the mean."""
        self.check_rows(x)
        batch = x.shape[0]
        if x.shape[1] < self.channels:  # RAVE VST gives one channel
            x = x.expand(batch, self.channels, x.shape[2])
        state = self.encoder_memory.read(batch)
        after: list[Tensor] = []
        if self.rates is not None:
            x, after = self.rates.down(x, state[:1])
        bands, new = self.pqmf.analyse(x, state[len(after) : len(after) + 1])
        after = after + new
        if self.is_pitched:
            bands = with_samples(bands, x)
        y, new = self.encoder(bands, state[len(after) :])
        self.encoder_memory.write(after + new)
        return self.bottleneck.encode(y)

    @torch.jit.export
    def decode(self, z: Tensor) -> Tensor:
        """Latents (B, latents, n), or with the missing ones, to sound (B, channels, n * ratio)."""
        self.check_rows(z)
        rows, frames = z.shape[0], z.shape[2]
        if self.copies > 1:
            z = z.repeat_interleave(self.copies, 0)
        batch = z.shape[0]
        noise = self.chance.normal(batch, frames, self.seed) * self.temperature
        if z.shape[1] == self.latents:
            z = torch.cat([z, noise[:, : self.missing]], 1)
        known = self.latents + self.dropped
        x = torch.cat([self.bottleneck.decode(z[:, :known]), z[:, known:]], 1)
        bands_noise = noise[:, self.missing :]
        if bands_noise.shape[1] > 0:
            bands_noise = uniform_noise(bands_noise, self.bands)
        state = self.decoder_memory.read(batch)
        cut = self.decoder.states
        y, after = self.decoder(x, state[:cut], bands_noise)
        if not self.makes_samples:
            tones = y[:, self.bands :]
            y, new = self.pqmf.synthesise(y[:, : self.bands], state[cut : cut + 1])
            if self.is_pitched:
                y = y + interleaved(tones)
            after = after + new
        if self.rates is not None:
            y, new = self.rates.up(y, state[len(after) :])
            after = after + new
        self.decoder_memory.write(after)
        y = y.reshape(rows, -1, y.shape[2])  # (B x copies, channels, n) -> (B, copies x channels, n)
        if y.shape[1] > self.outputs:
            y = y.mean(1, keepdim=True)
        return y

    def check_rows(self, x: Tensor) -> None:
        """Check that there is a state for every row."""
        if x.shape[0] > self.rows:
            raise ValueError("more streams in a batch than this export remembers: export it with more rows")

    @torch.jit.export
    def forget(self) -> int:
        """Back to the beginning."""
        self.encoder_memory.reset()
        self.decoder_memory.reset()
        return self.chance.reset()

    @torch.jit.export
    def get_methods(self) -> list[str]:
        """Names of the methods, for nn~."""
        return self._methods

    @torch.jit.export
    def get_attributes(self) -> list[str]:
        """Names of the attributes, for nn~."""
        return self._attributes

    @torch.jit.export
    def get_temperature(self) -> tuple[float]:
        """Temperature of the noise."""
        return (self.temperature,)

    @torch.jit.export
    def set_temperature(self, temperature: float) -> int:
        """Set the temperature; return 0, or -1 if it is negative, NaN or infinite."""
        if not (temperature >= 0 and temperature < math.inf):
            return -1
        self.temperature = temperature
        return 0

    @torch.jit.export
    def get_seed(self) -> tuple[int]:
        """Seed of the noise."""
        return (self.seed,)

    @torch.jit.export
    def set_seed(self, seed: int) -> int:
        """Set the seed; return 0. The same seed followed by `reset` gives the same noise."""
        self.seed = seed
        return 0

    @torch.jit.export
    def get_reset(self) -> tuple[bool]:
        """Always false: a reset is done at once."""
        return (self.reset,)

    @torch.jit.export
    def set_reset(self, reset: bool) -> int:
        """True: back to the beginning."""
        if reset:
            self.forget()
        return 0


class NnModuleWithPrior(NnModule):
    """A module with a prior, which generates latents."""

    def __init__(self, model: RAVE, rows: int, channels: int | None = None) -> None:
        super().__init__(model, rows, channels)
        assert model.prior
        self.prior_module = StreamingPrior(model.prior, rows)
        self.prior_random = RandomSource(2 * model.latents, rows)

    @torch.jit.export
    def prior(self, temperature: Tensor) -> Tensor:
        """Temperatures (B, 1, n) to the next latents (B, latents, n)."""
        self.check_rows(temperature)
        uniform = self.prior_random.uniform(temperature.shape[0], temperature.shape[2], self.seed)
        return self.prior_module(uniform, temperature[:, 0].clamp(min=1e-3))

    @torch.jit.export
    def set_reset(self, reset: bool) -> int:
        """True: back to the beginning."""
        if reset:
            self.forget()
            self.prior_module.memory.reset()
            self.prior_random.reset()
        return 0
