"""The layers of a model: their sizes, what a stream of each remembers, and their tensors in a file. No torch.

`architecture` combines them as a config says. `stream`, `blocks` and their neighbours compute with torch what
is described here; `graph` writes it as ONNX.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from perform.rave import kernels
from perform.rave.config import PriorConfig

Shape = tuple[int, ...]

A3 = 220.0  #: Hz of the pitch 0
ZERO_DB, STEP_DB = -24.0, 12.0  #: dBFS (RMS) of the loudness 0; decibels of a loudness of 1
LOUDEST = 3.0  #: the highest loudness, +12 dBFS
THRESHOLD = 0.15  #: a period leaves a smaller share of the power than this
QUIET = 1e-6  #: mean square (-60 dBFS) below which there is no pitch
SILENCE = 1e-8  #: added to the mean square: the loudness of silence is -80 dBFS
TINY = 1e-7  #: added to differences, so that silence has no period
LOW_HZ, HIGH_HZ = 60.0, 1600.0  #: range of the pitches that are found
WINDOW_S = 0.018  #: seconds of sound that are compared with earlier ones: a period of the lowest pitch
SMOOTH_S = 0.00025  #: length of the low-pass, a running mean: it leaves nothing at 4 kHz
NYQUIST = 10_000.0  #: Hz; the analysis runs at twice this rate, or less than twice as fast
KNOTS = 4  #: amplitudes of each harmonic in a frame; between two it moves linearly
HIGHEST, WIDTH = 0.48, 0.06  #: of the sample rate: a harmonic fades out below HIGHEST, over WIDTH
SMALLEST_NORM = 1e-12  #: that a vector is divided by


def padding(mode: str, kernel: int, stride: int = 1, dilation: int = 1) -> tuple[int, int]:
    """Padding (left, right) with which n samples give n / stride outputs; mode: Config.padding."""
    reach = (kernel - 1) * dilation + 1
    if mode == "newest":
        return max(reach - stride, 0), 0
    return (reach - 1, 0) if mode == "causal" else ((reach - 1) // 2, reach // 2)


class UnknownLayer(TypeError):
    """A function over layers does not know the class of a layer; the message names both.

    It is a mistake in the program, not in a file, so it is not a ValueError.
    """

    def __init__(self, layer: object, task: str) -> None:
        super().__init__(f"{task} is not known for a layer of class {type(layer).__name__}")


class Layer:
    """A layer, or a group of layers."""

    @property
    def shapes(self) -> dict[str, Shape]:
        """Its tensors in a file, by name, without those of its parts."""
        return {}

    @property
    def parts(self) -> dict[str, Layer]:
        """The layers in it, by the name under which a file has their tensors."""
        return {}

    @property
    def values(self) -> int:
        """Values of the state of a stream, and of its fixed filters, without those of its parts."""
        return 0


def walk(layer: Layer, path: str = "") -> Iterator[tuple[str, Layer]]:
    """A layer and all that are in it, each with the beginning of its tensors' names: "net.0."."""
    yield path, layer
    for name, part in layer.parts.items():
        yield from walk(part, f"{path}{name}.")


@dataclass(frozen=True)
class Chain(Layer):
    """Layers in sequence."""

    layers: tuple[Layer, ...]

    @property
    def parts(self) -> dict[str, Layer]:
        """The layers, by number."""
        return {str(number): layer for number, layer in enumerate(self.layers)}


@dataclass(frozen=True)
class Conv1d(Layer):
    """A convolution, see `stream.Conv1d`.

    wanted : samples of silence before and after a whole signal; None: the window of each output ends at the
        newest sample of its stride
    """

    inputs: int
    outputs: int
    kernel: int
    stride: int = 1
    dilation: int = 1
    wanted: tuple[int, int] | None = None
    align: int = 0
    groups: int = 1

    @property
    def reach(self) -> int:
        """Samples from the first of a window to the last."""
        return (self.kernel - 1) * self.dilation + 1

    @property
    def padding(self) -> tuple[int, int]:
        """Samples of silence before and after a whole signal."""
        return (self.reach - self.stride, 0) if self.wanted is None else self.wanted

    @property
    def memory(self) -> int:
        """Samples that a stream remembers."""
        return sum(self.padding) + self.align

    @property
    def delay(self) -> int:
        """Delay of a stream against the same convolution of a whole signal, in samples of the input."""
        return self.padding[1] + self.align

    @property
    def shapes(self) -> dict[str, Shape]:
        """Weight and bias."""
        return {
            "weight": (self.outputs, self.inputs // self.groups, self.kernel),
            "bias": (self.outputs,),
        }

    @property
    def values(self) -> int:
        """Of the samples that a stream remembers."""
        return self.inputs * self.memory


@dataclass(frozen=True)
class ConvTranspose1d(Layer):
    """Upsampling by `ratio` with a kernel of 2 x ratio."""

    inputs: int
    outputs: int
    ratio: int

    @property
    def shapes(self) -> dict[str, Shape]:
        """Weight and bias."""
        return {"weight": (self.inputs, self.outputs, 2 * self.ratio), "bias": (self.outputs,)}

    @property
    def values(self) -> int:
        """Of the second half of the newest output."""
        return self.outputs * self.ratio


@dataclass(frozen=True)
class LeakyReLU(Layer):
    """max(x, 0.2 x). It ignores `channels`, which other activations need."""

    channels: int = 0


@dataclass(frozen=True)
class Snake(Layer):
    """x + sin(alpha x)^2 / alpha."""

    channels: int

    @property
    def shapes(self) -> dict[str, Shape]:
        """An alpha a channel."""
        return {"alpha": (self.channels, 1)}


@dataclass(frozen=True)
class ResidualUnit(Layer):
    """x + pointwise(leaky(dilated(leaky(x))))."""

    channels: int
    kernel: int
    dilation: int
    wanted: tuple[int, int] | None = None

    @cached_property
    def dilated(self) -> Conv1d:
        """The first convolution."""
        return Conv1d(self.channels, self.channels, self.kernel, dilation=self.dilation, wanted=self.wanted)

    @cached_property
    def pointwise(self) -> Conv1d:
        """The second."""
        return Conv1d(self.channels, self.channels, 1)

    @property
    def parts(self) -> dict[str, Layer]:
        """Both convolutions. A stream remembers the input of the first, which is the unit's own."""
        return {"dilated": self.dilated, "pointwise": self.pointwise}


@dataclass(frozen=True)
class Delay(Layer):
    """A delay by `samples`."""

    channels: int
    samples: int

    @property
    def values(self) -> int:
        """Of the delayed samples."""
        return self.channels * self.samples


@dataclass(frozen=True)
class Residual(Layer):
    """x + body(x), with x delayed by the delay of the body."""

    channels: int
    body: Chain

    @cached_property
    def straight(self) -> Delay:
        """The delay of x."""
        return Delay(self.channels, sum(it.delay for it in self.body.layers if isinstance(it, Conv1d)))

    @property
    def parts(self) -> dict[str, Layer]:
        """The body and the delay."""
        return {"body": self.body, "straight": self.straight}


@dataclass(frozen=True)
class AdaIN(Layer):
    """Adaptive instance normalisation: style transfer."""

    channels: int

    @property
    def shapes(self) -> dict[str, Shape]:
        """Mean and deviation of each side, and how often each was learnt."""
        return {"known": (2, 2, self.channels), "heard": (2,)}


@dataclass(frozen=True)
class NoiseSynth(Layer):
    """Filtered noise, one filter per frame and band.

    every : samples of a frame; None: as many as the strides of the net
    """

    net: Chain
    bands: int
    taps: int
    every: int | None = None

    @property
    def frame(self) -> int:
        """Samples of a band that share a filter."""
        return self.every or math.prod(it.stride for it in self.net.layers if isinstance(it, Conv1d))

    @property
    def parts(self) -> dict[str, Layer]:
        """The net that gives the amplitudes."""
        return {"net": self.net}

    @property
    def values(self) -> int:
        """Of the fixed filters."""
        return self.frame * self.taps * self.frame


@dataclass(frozen=True)
class Subframes(Layer):
    """Channels to time: (B, each x channels, n) -> (B, channels, n x each)."""

    each: int


@dataclass(frozen=True)
class Spectrum(Layer):
    """Log magnitudes of every band: windows of four hops and of one."""

    bands: int
    hop: int

    @property
    def memory(self) -> int:
        """Samples of each band that a stream remembers."""
        return 3 * self.hop

    @property
    def features(self) -> int:
        """Channels of the output."""
        return self.bands * (2 * self.hop + 1 + self.hop // 2 + 1)

    @property
    def values(self) -> int:
        """Of what a stream remembers, and of the windows."""
        return self.bands * self.memory + (4 * self.hop + 2) * 4 * self.hop + (self.hop + 2) * self.hop


@dataclass(frozen=True)
class Fundamental(Layer):
    """Pitch, loudness and noise of a sound, once a frame; see fundamental.py."""

    sample_rate: int
    ratio: int

    @cached_property
    def every(self) -> int:
        """Samples averaged to one."""
        every = 1
        while self.sample_rate >= 4 * NYQUIST * every and self.ratio % (2 * every) == 0:
            every *= 2
        return every

    @property
    def rate(self) -> float:
        """Averaged samples per second."""
        return self.sample_rate / self.every

    @property
    def hop(self) -> int:
        """Averaged samples of a frame, as all sizes below."""
        return self.ratio // self.every

    @property
    def shortest(self) -> int:
        """The shortest period."""
        return int(self.rate / HIGH_HZ)

    @property
    def longest(self) -> int:
        """The longest period."""
        return math.ceil(self.rate / LOW_HZ) + 1

    @property
    def window(self) -> int:
        """The length of the sound that is compared with earlier ones."""
        return max(round(WINDOW_S * self.rate), 2 * self.hop - self.longest)

    @property
    def size(self) -> int:
        """The length of both."""
        return self.window + self.longest

    @property
    def smooth(self) -> int:
        """The length of the running mean."""
        return max(1, round(SMOOTH_S * self.rate))

    @property
    def memory(self) -> int:
        """What a stream remembers."""
        return self.size + self.smooth - 1 - self.hop

    @property
    def values(self) -> int:
        """Of what a stream remembers, the last pitch, and a table of the periods."""
        return self.memory + 1 + self.longest


@dataclass(frozen=True)
class Harmonics(Layer):
    """A harmonic oscillator, see harmonics.py."""

    sample_rate: int
    ratio: int
    bands: int
    count: int

    @property
    def values(self) -> int:
        """Of pitch, phase and amplitudes, and of the tables."""
        return 3 + 2 * self.count + (2 + KNOTS + 1) * self.ratio


@dataclass(frozen=True)
class PitchedEncoder(Layer):
    """What is measured, and a timbre."""

    bands: int
    fundamental: Fundamental
    timbre: Chain

    @property
    def parts(self) -> dict[str, Layer]:
        """Both."""
        return {"fundamental": self.fundamental, "timbre": self.timbre}


@dataclass(frozen=True)
class Decoder(Layer):
    """v2's decoder: a net, or with noise a net and two branches."""

    net: Chain
    wave: Conv1d | None
    noise: NoiseSynth | None

    @property
    def parts(self) -> dict[str, Layer]:
        """The net and its branches."""
        return _there({"net": self.net, "wave": self.wave, "noise": self.noise})


@dataclass(frozen=True)
class V1Decoder(Layer):
    """v1's decoder: a net, and branches that take its output."""

    net: Chain
    wave: Chain
    loudness: Chain
    noise: NoiseSynth | None

    @property
    def parts(self) -> dict[str, Layer]:
        """The net and its branches."""
        return _there({"net": self.net, "wave": self.wave, "loudness": self.loudness, "noise": self.noise})


@dataclass(frozen=True)
class HarmonicDecoder(Layer):
    """The decoder of a pitched model: harmonics and noise.

    each  : filters of the noise in a frame
    tones : channels of the net's output that are amplitudes of harmonics
    """

    net: Chain
    tone: Harmonics
    noise: NoiseSynth
    each: int
    tones: int

    @property
    def parts(self) -> dict[str, Layer]:
        """The net and its branches."""
        return {"net": self.net, "tone": self.tone, "noise": self.noise}


@dataclass(frozen=True)
class FilterBank(Layer):
    """Samples to bands and back, see pqmf.py.

    taps : of the analysis of a bank that comes with a model's weights; 0: designed here
    """

    bands: int
    attenuation: float
    taps: int = 0

    @cached_property
    def _lengths(self) -> tuple[int, int]:
        """Of the analysis and of a phase of the synthesis."""
        if self.taps:
            return self.taps, self.taps // self.bands + 1
        taps = kernels.bank_taps(self.bands, self.attenuation)
        return taps, math.ceil(taps / self.bands)

    @property
    def memory(self) -> int:
        """Samples that the analysis of a stream remembers; a bank of upstream's waits for a sample more."""
        return (self.taps or self._lengths[0] - self.bands + 1) - 1

    @property
    def delay(self) -> int:
        """Of the synthesis of an analysis: the newest `bands` samples already reach the first output."""
        return self.taps - 1 if self.taps else self.memory

    @property
    def kernels(self) -> dict[str, Shape]:
        """The shapes of its kernels."""
        analysis, synthesis = self._lengths
        return {
            "analysis_kernel": (self.bands, 1, analysis),
            "synthesis_kernel": (self.bands, self.bands, synthesis),
        }

    @property
    def shapes(self) -> dict[str, Shape]:
        """The kernels, if they come with the weights."""
        return self.kernels if self.taps else {}

    @property
    def values(self) -> int:
        """Of what a stream remembers, and of the kernels that are designed here."""
        remembered = self.memory + self.bands * (self._lengths[1] - 1)
        designed = {} if self.taps else self.kernels
        return remembered + 2 * self.bands + sum(map(math.prod, designed.values()))


@dataclass(frozen=True)
class Resampler(Layer):
    """To 1 / `ratio` of the sample rate and up again; mode: Config.padding."""

    ratio: int
    mode: str

    @cached_property
    def taps(self) -> int:
        """Of the way down."""
        return kernels.kaiser_taps(kernels.STOP_BAND, math.pi / self.ratio) // 2 * 2 + 1

    @property
    def _phase(self) -> int:
        """Taps of the way up."""
        taps = -(-self.taps // self.ratio)
        return taps + (taps + 1) % 2

    @property
    def align(self) -> int:
        """Samples at the higher rate by which it waits, for a delay that is a multiple of the ratio."""
        return -padding(self.mode, self.taps, self.ratio)[1] % self.ratio

    @property
    def down_delay(self) -> int:
        """In samples at the higher rate."""
        return padding(self.mode, self.taps, self.ratio)[1] + self.align

    @property
    def down_memory(self) -> int:
        """Samples at the higher rate that a stream remembers."""
        return self.taps - 1 + self.align

    @property
    def up_delay(self) -> int:
        """In samples at the lower rate."""
        return padding(self.mode, self._phase)[1]

    @property
    def shapes(self) -> dict[str, Shape]:
        """Both kernels: designed at first, or read from an export."""
        return {"down_kernel": (1, 1, self.taps), "up_kernel": (self.ratio, 1, self._phase)}

    @property
    def values(self) -> int:
        """Of what a stream remembers."""
        return self.down_memory + self._phase - 1


@dataclass(frozen=True)
class Codebooks(Layer):
    """Residual vector quantisation."""

    books: int
    size: int
    dimensions: int

    @property
    def shapes(self) -> dict[str, Shape]:
        """The entries."""
        return {"entries": (self.books, self.size, self.dimensions)}


@dataclass(frozen=True)
class GatedUnit(Layer):
    """A dilated convolution with a gate: one output for the next unit, one (the skip) for the result."""

    width: int
    skip: int
    kernel: int
    dilation: int

    @property
    def parts(self) -> dict[str, Layer]:
        """The three convolutions."""
        return {"dilated": self.dilated, "onward": self.onward, "aside": self.aside}

    @cached_property
    def dilated(self) -> Conv1d:
        """Gate and signal."""
        return Conv1d(self.width, 2 * self.width, self.kernel, dilation=self.dilation)

    @cached_property
    def onward(self) -> Conv1d:
        """For the next unit."""
        return Conv1d(self.width, self.width, 1)

    @cached_property
    def aside(self) -> Conv1d:
        """The skip."""
        return Conv1d(self.width, self.skip, 1)


@dataclass(frozen=True)
class Prior(Layer):
    """Draws frames of latents from their past, see prior.py."""

    config: PriorConfig

    @property
    def _size(self) -> int:
        return self.config.latents * self.config.resolution

    @cached_property
    def head(self) -> Conv1d:
        """The first convolution."""
        config = self.config
        return Conv1d(self._size, config.width, config.kernel, groups=config.latents)

    @cached_property
    def units(self) -> Chain:
        """The gated units."""
        config = self.config
        return Chain(
            tuple(
                GatedUnit(config.width, config.skip, config.kernel, 2 ** (i % config.cycle))
                for i in range(config.layers)
            )
        )

    @cached_property
    def middle(self) -> Conv1d:
        """The last but one."""
        return Conv1d(self.config.skip, self.config.skip, 1)

    @cached_property
    def tail(self) -> Conv1d:
        """The last convolution."""
        return Conv1d(self.config.skip, self._size, 1, groups=self.config.latents)

    @property
    def parts(self) -> dict[str, Layer]:
        """All of these."""
        return {"head": self.head, "units": self.units, "middle": self.middle, "tail": self.tail}

    @property
    def shapes(self) -> dict[str, Shape]:
        """The edges of the steps, and the table of logits if there is one."""
        latents, resolution = self.config.latents, self.config.resolution
        table = {"pairs": (latents, resolution, resolution)} if self.config.pairs else {}
        return {"edges": (latents, resolution + 1), **table}

    @property
    def values(self) -> int:
        """Of the last choice, the latents that wait, and the edges of a normal distribution."""
        return self.config.latents * self.config.latents + self.config.resolution + 1


def _there(parts: dict[str, Layer | None]) -> dict[str, Layer]:
    """The parts that a layer has."""
    return {name: part for name, part in parts.items() if part is not None}
