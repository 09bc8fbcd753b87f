"""The host process of one model, as the stage sees it: its state, and the orders for its voices."""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

from perform.core.attributes import Attribute, Texts
from perform.core.messages.host_messages import AttributeRefused, DropVoice, SetTexts, StartVoice, TimeFrames
from perform.library import card_changes
from perform.library.cards import Card, corpus_range
from perform.stage.child import Child
from perform.stage.status import DeckStatus

HOST_MB = 130.0  #: memory of a process besides its weights
SLOW_S = 30.0  #: a model that loads for longer is said to load; a first compilation takes some seconds
SHORTEST_WAIT_S = 0.2  #: the shortest estimate for a file that is still being encoded


class HostedModel(NamedTuple):
    """A model file and its card."""

    path: Path
    card: Card


class HostProcess:
    """One host process and its lanes. Only `HostPool` writes its attributes, and `HangWatch` its fault.

    made : the file that it plays: the one that was made from an export, else the model file itself
    attributes, actions, has_prior, has_encoder, takes_sound : of its model
    engine : where its model renders, see `HostReady`
    resampling_s, shift_s : of its model as an insert, see `HostReady`
    ready : its model is warm;  error : why it cannot load;  gone : the process has ended
    fault : why the stage ended it while it played, for the player
    crashed : it died unexpectedly, or failed while it played;  idle : it loads at low priority
    encoded : file number -> how much of it is encoded, 0..1, and how many seconds that took
    render_s : median render time of a frame, measured unheard; None while it is being measured
    lanes : it may write to these;  refused : lane -> attribute values that its voice refused
    asked, progress, last_played : when it began to load, last got further, and last played, monotonic seconds
    has_begun : it has done the first step of loading
    late_at : when the player next reads that it still loads, monotonic seconds
    """

    def __init__(self, model: HostedModel, child: Child, *, idle: bool) -> None:
        self.model, self.child, self.idle = model, child, idle
        self.stamp = model_stamp(model.path)
        self.sha256, self.made = "", model.path
        self.attributes: tuple[Attribute, ...] = ()
        self.actions: tuple[str, ...] = ()
        self.has_prior = self.has_encoder = self.takes_sound = False
        self.resampling_s = self.shift_s = 0.0
        self.ready = self.gone = self.crashed = False
        self.error = self.fault = self.engine = ""
        self.encoded: dict[int, tuple[float, float]] = {}
        self.render_s: float | None = None
        self.lanes: set[int] = set()
        self.refused: dict[int, list[AttributeRefused]] = {}
        self.asked = self.progress = self.last_played = time.monotonic()
        self.late_at = self.asked + SLOW_S
        self.has_begun = False

    def go_on(self) -> None:
        """It got further in loading."""
        self.progress, self.has_begun = time.monotonic(), True

    def is_slow(self) -> bool:
        """Whether to tell the player that it still loads: after SLOW_S, and then after twice the time."""
        now = time.monotonic()
        if now < self.late_at:
            return False
        self.late_at = now + (now - self.asked)
        return True

    def play(self, lane: int, deck: int, texts: Texts) -> None:
        """Start a voice on a free lane; texts: of its attributes."""
        self.lanes.add(lane)
        self.refused.pop(lane, None)
        self.child.order(StartVoice(lane, deck, texts))

    def set_texts(self, lane: int, texts: Texts) -> None:
        """Replace the texts of a voice's attributes."""
        self.child.order(SetTexts(lane, texts))

    def drop(self, lane: int) -> None:
        """End a voice; the lane is free once it is no longer among `lanes`."""
        self.child.order(DropVoice(lane))

    def measure(self) -> None:
        """Measure `render_s` again, beside what plays now."""
        self.render_s = None
        self.child.order(TimeFrames())

    def plays(self, lane: int) -> bool:
        """Whether it may still write to the lane."""
        return lane in self.lanes and not self.gone

    def take_refused(self, lane: int) -> list[AttributeRefused]:
        """The attribute values that a voice has refused since the last call."""
        return self.refused.pop(lane, [])

    def seconds_to_encode(self, file: int, start: float) -> float:
        """About how many seconds until a file is encoded up to `start` (0..1); 0 for no file."""
        part, seconds = self.encoded.get(file, (0.0, 0.0))
        if not file or part > start or part >= 1:
            return 0.0
        return max(seconds * (start - part) / part if part else 0.0, SHORTEST_WAIT_S)

    @property
    def megabytes(self) -> float:
        """An estimate of its memory: the process, and its weights as large as on disk."""
        return HOST_MB + self.stamp[0] / 2**20

    def source_note(self, source: str, *, encode: bool) -> str:
        """Why a source plays as hand on this model, in one line; "" if it does not, or is not known yet.

        For an effect module: that the source gives it no sound. encode: the deck's parameter.
        """
        if encode and source == "deck" and self.ready and not self.has_encoder and not self.takes_sound:
            return "no encoder: it takes the other deck's latents"
        if self.takes_sound and source not in ("input", "file", "deck"):
            return f"{source} gives it no sound: choose input, file or deck"
        missing = {
            "prior": not self.has_prior and "prior",
            "input": not self.has_encoder and "encoder",
            "file": not self.has_encoder and "encoder",
        }.get(source)
        return f"no {missing}: {source} plays as hand" if missing and self.ready else ""

    def deck_status(self, texts: Texts, error: str, source: str, *, home: bool, encode: bool) -> DeckStatus:
        """The status of a deck that plays or loads this model.

        texts : of the attributes;  error : the deck's last error;  source, home, encode : the deck's
        """
        card = self.model.card
        low, high = corpus_range(card, home=home)
        return DeckStatus(
            model=card.name,
            path=str(self.model.path),
            sha256=self.sha256,
            latents=card.latents,
            ratio=card.ratio,
            sample_rate=card.sample_rate,
            delay=card.delay / card.sample_rate,
            latent_low=tuple(low),
            latent_high=tuple(high),
            latent_effect=tuple(card.latent_effect),
            licence=card.licence,
            labels=tuple(card.labels or card.latent_words),
            attributes=self.attributes,
            texts={number: tuple(values) for number, values in texts.items()},
            actions=self.actions,
            has_prior=self.has_prior,
            error=error,
            note=self.source_note(source, encode=encode),
            made=str(self.made),
            engine=self.engine,
        )


def model_stamp(path: Path) -> tuple[int, ...]:
    """The size of a model's file, and when it and the changes of its card were written; 0 if it is gone.

    A host that was started with another stamp plays another file, or has an older card.
    """
    stats = [_stat(file) for file in (path, *card_changes.files(path))]
    return stats[0][0], *(changed for _, changed in stats)


def _stat(path: Path) -> tuple[int, int]:
    try:
        stat = path.stat()
    except OSError:
        return 0, 0
    return stat.st_size, stat.st_mtime_ns
