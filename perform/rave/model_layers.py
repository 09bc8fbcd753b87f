"""The layers of a model: their sizes, what a stream of each remembers, and their tensors in a file. No torch.

`architecture` combines them as a config says. `stream`, `blocks` and their neighbours compute with torch what
is described here; `graph` writes it as ONNX. The layers of pitched models are in `pitched_layers`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from perform.rave import kernels
from perform.rave.config import PriorConfig

Shape = tuple[int, ...]

SMALLEST_NORM = 1e-12  #: that a vector is divided by


class UnknownLayer(TypeError):
    """A function over layers does not know the class of a layer; the message names both.

    It is a mistake in the program, not in a file, so it is not a ValueError.
    """

    def __init__(self, layer: object, task: str) -> None:
        super().__init__(f"{task} is not known for a layer of class {type(layer).__name__}")


class Layer:
    """A layer, or a group of layers.

    shapes : its tensors in a file, by name, without those of its parts
    parts  : the layers in it, by the name under which a file has their tensors
    values : values of the state of a stream and of its fixed filters, without those of its parts
    """

    shapes: Mapping[str, Shape] = {}
    parts: Mapping[str, Layer] = {}
    values: int = 0


def walk(layer: Layer, path: str = "") -> Iterator[tuple[str, Layer]]:
    """A layer and all that are in it, each with the beginning of its tensors' names: "net.0."."""
    yield path, layer
    for name, part in layer.parts.items():
        yield from walk(part, f"{path}{name}.")


def padding(mode: str, kernel: int, stride: int = 1, dilation: int = 1) -> tuple[int, int]:
    """Padding (left, right) with which n samples give n / stride outputs; mode: Config.padding."""
    reach = (kernel - 1) * dilation + 1
    if mode == "newest":
        return max(reach - stride, 0), 0
    return (reach - 1, 0) if mode == "causal" else ((reach - 1) // 2, reach // 2)


class ChainLayer(Layer):
    """Layers in sequence."""

    def __init__(self, *layers: Layer) -> None:
        self.layers = layers
        self.parts = {str(number): layer for number, layer in enumerate(layers)}


class Conv1dLayer(Layer):
    """A convolution, see `stream.Conv1d`.

    reach  : samples from the first of a window to the last
    memory : samples that a stream remembers
    delay  : of a stream against the same convolution of a whole signal, in samples of the input
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int = 1,
        dilation: int = 1,
        padding: tuple[int, int] | None = None,
        align: int = 0,
        groups: int = 1,
    ) -> None:
        self.inputs, self.outputs, self.kernel, self.groups = inputs, outputs, kernel, groups
        self.stride, self.dilation, self.align = stride, dilation, align
        self.reach = (kernel - 1) * dilation + 1
        self.padding = (self.reach - stride, 0) if padding is None else padding
        self.memory, self.delay = sum(self.padding) + align, self.padding[1] + align
        self.shapes = {"weight": (outputs, inputs // groups, kernel), "bias": (outputs,)}
        self.values = inputs * self.memory


class ConvTranspose1dLayer(Layer):
    """Upsampling by `ratio` with a kernel of 2 x ratio."""

    def __init__(self, inputs: int, outputs: int, ratio: int) -> None:
        self.inputs, self.outputs, self.ratio = inputs, outputs, ratio
        self.shapes = {"weight": (inputs, outputs, 2 * ratio), "bias": (outputs,)}
        self.values = outputs * ratio


class LeakyReLULayer(Layer):
    """max(x, 0.2 x). It ignores `channels`, which other activations need."""

    def __init__(self, channels: int = 0) -> None:
        self.channels = channels


class SnakeLayer(Layer):
    """x + sin(alpha x)^2 / alpha, one alpha per channel."""

    def __init__(self, channels: int) -> None:
        self.channels, self.shapes = channels, {"alpha": (channels, 1)}


class ResidualUnitLayer(Layer):
    """x + pointwise(leaky(dilated(leaky(x)))). A stream remembers the last samples of x."""

    def __init__(
        self, channels: int, kernel: int, dilation: int, padding: tuple[int, int] | None = None
    ) -> None:
        self.dilated = Conv1dLayer(channels, channels, kernel, dilation=dilation, padding=padding)
        self.pointwise = Conv1dLayer(channels, channels, 1)
        self.parts = {"dilated": self.dilated, "pointwise": self.pointwise}


class DelayLayer(Layer):
    """A delay by `samples`."""

    def __init__(self, channels: int, samples: int) -> None:
        self.channels, self.samples, self.values = channels, samples, channels * samples


class ResidualLayer(Layer):
    """x + body(x), with x delayed by the delay of the body."""

    def __init__(self, channels: int, body: ChainLayer) -> None:
        self.channels, self.body = channels, body
        self.straight = DelayLayer(
            channels, sum(it.delay for it in body.layers if isinstance(it, Conv1dLayer))
        )
        self.parts = {"body": body, "straight": self.straight}


class AdaINLayer(Layer):
    """Adaptive instance normalisation: mean and deviation of two sides, and how often each was learnt."""

    def __init__(self, channels: int) -> None:
        self.channels, self.shapes = channels, {"known": (2, 2, channels), "heard": (2,)}


class NoiseSynthLayer(Layer):
    """Filtered noise, one filter per frame and band.

    frame : samples of a band that share a filter; as many as the strides of the net, if left out
    """

    def __init__(self, net: ChainLayer, bands: int, taps: int, frame: int | None = None) -> None:
        self.net, self.bands, self.taps = net, bands, taps
        self.frame = frame or math.prod(it.stride for it in net.layers if isinstance(it, Conv1dLayer))
        self.parts, self.values = {"net": net}, self.frame * taps * self.frame


class SpectrumLayer(Layer):
    """Log magnitudes of every band: windows of four hops and of one.

    memory   : samples of each band that a stream remembers
    features : channels of the output
    """

    def __init__(self, bands: int, hop: int) -> None:
        self.bands, self.hop, self.memory = bands, hop, 3 * hop
        self.features = bands * (2 * hop + 1 + hop // 2 + 1)
        self.values = bands * self.memory + (4 * hop + 2) * 4 * hop + (hop + 2) * hop


class DecoderLayer(Layer):
    """v2's decoder: a net, or with noise a net and two branches."""

    def __init__(
        self, net: ChainLayer, wave: Conv1dLayer | None = None, noise: NoiseSynthLayer | None = None
    ) -> None:
        self.net, self.wave, self.noise = net, wave, noise
        self.parts = there(net=net, wave=wave, noise=noise)


class V1DecoderLayer(Layer):
    """v1's decoder: a net, and branches that take its output."""

    def __init__(
        self, net: ChainLayer, wave: ChainLayer, loudness: ChainLayer, noise: NoiseSynthLayer | None
    ) -> None:
        self.net, self.wave, self.loudness, self.noise = net, wave, loudness, noise
        self.parts = there(net=net, wave=wave, loudness=loudness, noise=noise)


class FilterBank(Layer):
    """Samples to bands and back, see pqmf.py.

    taps    : of the analysis of a bank that comes with a model's weights; 0: designed here
    memory  : samples that the analysis of a stream remembers; a bank of upstream's waits for a sample more
    delay   : of the synthesis of an analysis: the newest `bands` samples already reach the first output
    kernels : the shapes of its kernels
    """

    def __init__(self, bands: int, attenuation: float, taps: int = 0) -> None:
        self.bands, self.attenuation, self.taps = bands, attenuation, taps
        designed = 0 if taps else kernels.bank_taps(bands, attenuation)
        synthesis = taps // bands + 1 if taps else math.ceil(designed / bands)
        self.memory = (taps or designed - bands + 1) - 1
        self.delay = taps - 1 if taps else self.memory
        self.kernels = {
            "analysis_kernel": (bands, 1, taps or designed),
            "synthesis_kernel": (bands, bands, synthesis),
        }
        self.shapes = self.kernels if taps else {}
        self.values = self.memory + bands * (synthesis - 1) + 2 * bands
        self.values += 0 if taps else sum(map(math.prod, self.kernels.values()))


class ResamplerLayer(Layer):
    """To 1 / `ratio` of the sample rate and up again; mode: Config.padding.

    align : samples by which the way down waits, for a delay that is a multiple of the ratio
    down_delay, down_memory : in samples at the higher rate
    up_delay : in samples at the lower rate
    """

    def __init__(self, ratio: int, mode: str) -> None:
        taps = kernels.kaiser_taps(kernels.STOP_BAND, math.pi / ratio) // 2 * 2 + 1
        phase = -(-taps // ratio)
        phase += (phase + 1) % 2
        right = padding(mode, taps, ratio)[1]
        self.ratio, self.align = ratio, -right % ratio
        self.down_delay, self.down_memory = right + self.align, taps - 1 + self.align
        self.up_delay = padding(mode, phase)[1]
        self.shapes = {"down_kernel": (1, 1, taps), "up_kernel": (ratio, 1, phase)}
        self.values = self.down_memory + phase - 1


class CodebooksLayer(Layer):
    """Residual vector quantisation."""

    def __init__(self, books: int, size: int, dimensions: int) -> None:
        self.shapes = {"entries": (books, size, dimensions)}


class GatedUnitLayer(Layer):
    """A dilated convolution with a gate: one output for the next unit, one (the skip) for the result."""

    def __init__(self, width: int, skip: int, kernel: int, dilation: int) -> None:
        self.dilated = Conv1dLayer(width, 2 * width, kernel, dilation=dilation)
        self.onward, self.aside = Conv1dLayer(width, width, 1), Conv1dLayer(width, skip, 1)
        self.parts = {"dilated": self.dilated, "onward": self.onward, "aside": self.aside}


class PriorLayer(Layer):
    """Draws frames of latents from their past, see prior.py."""

    def __init__(self, config: PriorConfig) -> None:
        self.config = config
        latents, resolution, width, skip = config.latents, config.resolution, config.width, config.skip
        size = latents * resolution
        self.head = Conv1dLayer(size, width, config.kernel, groups=latents)
        self.units = [
            GatedUnitLayer(width, skip, config.kernel, 2 ** (i % config.cycle)) for i in range(config.layers)
        ]
        self.middle, self.tail = Conv1dLayer(skip, skip, 1), Conv1dLayer(skip, size, 1, groups=latents)
        units = {f"units.{number}": unit for number, unit in enumerate(self.units)}
        self.parts = {"head": self.head, **units, "middle": self.middle, "tail": self.tail}
        table = {"pairs": (latents, resolution, resolution)} if config.pairs else {}
        self.shapes = {"edges": (latents, resolution + 1), **table}
        self.values = latents * latents + resolution + 1


def there(**parts: Layer | None) -> dict[str, Layer]:
    """The parts that a layer has."""
    return {name: part for name, part in parts.items() if part is not None}
