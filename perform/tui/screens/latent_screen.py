"""The latents of the deck in focus: two of them on a pad under both hands, all of them as they went."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import work
from textual.binding import BindingType

from perform.library.corpus_latents import read_corpus
from perform.tui.axes import Axis, axes, chosen, latents
from perform.tui.keys import LATENTS
from perform.tui.screen_frame import ScreenFrame
from perform.tui.screens.play_screen import PlayScreen
from perform.tui.widgets.foot import HINTS, FootBar
from perform.tui.widgets.latent_pad import NO_CORPUS, CorpusCloud
from perform.tui.widgets.latent_view import LatentView
from perform.tui.widgets.line_widget import LineWidget

_KEPT = 8  #: corpora that stay in memory, one a deck
_OWN = (
    ("]", "x", "axis('x', 1)"),
    ("}", "y", "axis('y', 1)"),
    ("v", "near", "near"),
    ("0", "centre", "recentre"),
    ("z", "decks", "back"),
)


class LatentScreen(PlayScreen):
    """All that `PlayScreen` plays, but for the arrows: they move the pad's handle, which is two biases."""

    BINDINGS: ClassVar[list[BindingType]] = [key.binding() for key in LATENTS]

    def __init__(self) -> None:
        super().__init__()
        self._corpora: dict[tuple[str, str], CorpusCloud] = {}  # by path and hash

    def widgets(self) -> tuple[LineWidget, LineWidget]:
        """The deck's latents instead of all decks."""
        self._latents = LatentView("latents")
        return self._latents, FootBar("foot", (*_OWN, *HINTS))

    def show(self, frame: ScreenFrame) -> None:
        """Draw a frame, with the corpus as soon as it has been read."""
        self._latents.corpus = self._corpus(frame)
        super().show(frame)

    def _corpus(self, frame: ScreenFrame) -> CorpusCloud:
        deck = frame.deck(frame.focus)
        key = deck.path, deck.sha256
        if deck.path and key not in self._corpora:
            if len(self._corpora) == _KEPT:
                del self._corpora[next(iter(self._corpora))]
            self._corpora[key] = NO_CORPUS
            self._read(key)
        return self._corpora.get(key, NO_CORPUS)

    @work(thread=True, exit_on_error=False)
    def _read(self, key: tuple[str, str]) -> None:
        """[disk] Read beside the screen; the next frame has it. Whatever a file is like, the screen lives."""
        self._corpora[key] = CorpusCloud(read_corpus(Path(key[0])))

    # -- the pad

    def _axis(self, name: str) -> Axis | None:
        frame = self.instrument.look()
        return axes(frame, frame.focus)["xy".index(name)]

    def action_push(self, name: str, by: float) -> None:
        """Move the handle along x or y by a part of what the pad shows of it."""
        if axis := self._axis(name):
            address = axis.address(self.instrument.look().focus)
            self._take(address)
            if not self.instrument.view.learning:
                self._put(address, round(self._value(address) + by * (axis.high - axis.low), 6))

    def action_recentre(self) -> None:
        """Both biases back to their defaults."""
        for axis in (self._axis("x"), self._axis("y")):
            if axis:
                self._put(axis.address(self.instrument.look().focus), 0.0)

    def _take(self, address: str) -> None:
        """Select a bias, whatever the rows of the decks have shown of their latents."""
        self.instrument.view.side = "bias"
        self.action_select(address)

    # -- what it spans

    def action_axis(self, name: str, steps: int) -> None:
        """The next latent along x or y, the other's left out."""
        frame = self.instrument.look()
        count, pair = latents(frame, frame.focus), chosen(frame, frame.focus)
        at = "xy".index(name)
        if count > 2:
            latent = (pair[at] + steps) % count
            self.action_span(name, (latent + steps) % count if latent == pair[1 - at] else latent)
        elif count == 2:
            self.action_span(name, pair[1 - at])

    def action_span(self, name: str, latent: int) -> None:
        """Lay a latent along x or y; the two change places where it is the other's."""
        frame = self.instrument.look()
        pair, at = list(chosen(frame, frame.focus)), "xy".index(name)
        if latent == pair[1 - at]:
            pair[1 - at] = pair[at]
        pair[at] = latent
        frame.view.axes[frame.focus] = (pair[0], pair[1])

    def action_near(self) -> None:
        """The whole range of the biases, or where the corpus lives."""
        self.instrument.view.near = not self.instrument.view.near

    def action_back(self) -> None:
        """Back to the decks; while something is learned, or a prefix waits, only that ends."""
        if self.instrument.view.learning or self.instrument.look().prefix:
            self.instrument.action_stop_learning()
        else:
            self.dismiss()

    # -- mouse

    async def on_line_widget_grabbed(self, message: LineWidget.Grabbed) -> None:
        """The pad is dragged both ways at once; while learning, a press chooses its x."""
        hit = message.hit
        if hit.lines == 1:
            return
        message.prevent_default()  # what Play makes of a bar
        if not message.drag:
            self._take(hit.address)
        if not self.instrument.view.learning:
            positions = hit.position(message.x), hit.height(message.y)
            for axis, position in zip(axes(self.instrument.look(), hit.deck), positions, strict=True):
                if axis:
                    self._put(axis.address(hit.deck), round(axis.value(position), 6))
