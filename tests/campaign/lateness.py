"""Late blocks of the decks that no fault is aimed at, against the time that the machine itself was away."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from rig import Machine

BLOCK_S = 256 / 48000
MOST = 0.001  #: share of the blocks that may be late at other moments


class Span(NamedTuple):
    """A fault with the pause before it: when it was, and how many blocks of `decks` decks were late."""

    began: float
    ended: float
    late: float


@dataclass
class Lateness:
    """What a campaign lost, and what of this was the machine's part."""

    decks: int
    late: float = 0.0
    blocks: float = 0.0
    away: int = 0
    unseen: int = 0
    spans: list[Span] = field(default_factory=list)

    def add(self, machine: Machine) -> None:
        """Count the spans since the last call, which `machine` has watched."""
        for span in self.spans:
            self.late += span.late
            self.blocks += self.decks * (span.ended - span.began) / BLOCK_S
        lost = [spoilt(machine.stalls, span) for span in self.spans]
        self.away += self.decks * sum(blocks for blocks, _ in lost)
        self.unseen += self.decks * sum(1 + stalls // 10 for _, stalls in lost)
        self.spans.clear()

    @property
    def allowed(self) -> float:
        """As many late blocks as an idle client would lose too."""
        return self.away + self.unseen + MOST * self.blocks

    def __str__(self) -> str:
        return (
            f"{self.late:g} late blocks of {self.blocks:.0f} of the decks that no fault was aimed at; "
            f"the machine was away for {self.away}, {self.allowed:.0f} are allowed"
        )


def spoilt(stalls: np.ndarray, span: Span) -> tuple[int, int]:
    """Blocks that the machine spoilt within a span at most, and how often it was away."""
    began, ended = stalls[(stalls[:, 1] > span.began) & (stalls[:, 0] < span.ended)].T
    return int(sum(np.ceil((ended - began) / BLOCK_S) + 1)), len(began)
