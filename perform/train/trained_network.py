"""A network with its optimiser, wrapped so that all processes of a training change it alike."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from perform.train.processes import TrainingProcesses

CLIP = 1.0
"""Largest norm of a gradient; a larger gradient is scaled down to it."""


class TrainedNetwork:
    """The weights of a network that are trained now.

    shared    : the network to call: its gradients are averaged over all processes
    optimiser : Adam
    """

    def __init__(
        self, net: nn.Module, betas: tuple[float, float], world: TrainingProcesses, *, compiled: bool
    ) -> None:
        """betas: of Adam; compiled: by torch.compile."""
        weights = [weight for weight in net.parameters() if weight.requires_grad]
        fused = world.device.type in ("cpu", "cuda")
        self.optimiser = torch.optim.Adam(weights, betas=betas, fused=fused)
        net = world.wrap(net)
        self.shared: nn.Module = torch.compile(net) if compiled else net  # type: ignore[assignment]

    def descend(self, loss: Tensor, rate: float) -> None:
        """Do one step against the gradient of a loss, at a learning rate."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.zero_grad()
        torch.autograd.backward(loss)
        weights = [weight for group in self.optimiser.param_groups for weight in group["params"]]
        nn.utils.clip_grad_norm_(weights, CLIP)
        self.optimiser.step()
