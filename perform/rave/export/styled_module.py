"""The nn~ module of a model with AdaIN: it learns and forgets a style by the attributes of RAVE's exports.

`learn_target` and `learn_source` (bool) let it learn a side from all that plays meanwhile; a target goes
first. `reset_target` and `reset_source` forget a side when they are set to true. All rows of a batch have one
style, learnt from the first row. `reset` keeps it.
"""

# mypy: disable-error-code="no-any-return"

import torch

from perform.rave.export.nn_module import BOOL, NnModule, NnModuleWithPrior
from perform.rave.model import RAVE

_NAMES = ("learn_target", "reset_target", "learn_source", "reset_source")  # in RAVE's order


class StyledNnModule(NnModule):
    """A module whose AdaIN layers learn."""

    def __init__(self, model: RAVE, rows: int, channels: int | None = None) -> None:
        super().__init__(model, rows, channels)
        self.learns_target = self.learns_source = self.resets = False
        self.is_using_adain = True
        self._attributes = [*self._attributes, *_NAMES]
        for name in _NAMES:
            self.register_buffer(f"{name}_params", torch.tensor([BOOL]))

    def learn(self) -> int:
        """Let all layers learn the side that the attributes name."""
        side = 1 if self.learns_target else 0 if self.learns_source else -1
        self.encoder.learn(side)
        return self.decoder.learn(side)

    def forget_style(self, side: int) -> int:
        """Let all layers forget a side: 0 source, 1 target."""
        self.encoder.forget_style(side)
        return self.decoder.forget_style(side)

    @torch.jit.export
    def get_learn_target(self) -> tuple[bool]:
        """Whether it learns the target."""
        return (self.learns_target,)

    @torch.jit.export
    def set_learn_target(self, learn_target: bool) -> int:
        """Begin or end to learn the target."""
        self.learns_target = learn_target
        return self.learn()

    @torch.jit.export
    def get_learn_source(self) -> tuple[bool]:
        """Whether it learns the source."""
        return (self.learns_source,)

    @torch.jit.export
    def set_learn_source(self, learn_source: bool) -> int:
        """Begin or end to learn the source."""
        self.learns_source = learn_source
        return self.learn()

    @torch.jit.export
    def get_reset_target(self) -> tuple[bool]:
        """Always false: the target is forgotten at once."""
        return (self.resets,)

    @torch.jit.export
    def set_reset_target(self, reset_target: bool) -> int:
        """True: forget the target."""
        return self.forget_style(1) if reset_target else 0

    @torch.jit.export
    def get_reset_source(self) -> tuple[bool]:
        """Always false: the source is forgotten at once."""
        return (self.resets,)

    @torch.jit.export
    def set_reset_source(self, reset_source: bool) -> int:
        """True: forget the source."""
        return self.forget_style(0) if reset_source else 0


class StyledNnModuleWithPrior(StyledNnModule, NnModuleWithPrior):
    """A module whose AdaIN layers learn, and which has a prior."""
