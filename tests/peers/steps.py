"""Genuine upstream training steps, timed. Runs in the peers' environment (environment.py).

    python steps.py CONFIG BATCH CROP [BINDING ...]

For each line on stdin, "1" (phase 1), "critics" or "model" (phase 2), one step of acids-rave's own
`training_step`, and its seconds on stdout. `perform bench train --against "python tests/peers/steps.py ..."`
asks for them in turn.
"""

from __future__ import annotations

import logging
import sys
import time
import warnings

import torch
from build import bridge


def main() -> None:
    """Answer until stdin ends."""
    name, batch, crop, *bindings = sys.argv[1:]
    torch.set_num_threads(1)
    logging.disable()
    warnings.simplefilter("ignore")
    bridge()
    import cached_conv as cc
    import gin
    import rave

    with gin.unlock_config():
        gin.parse_config_files_and_bindings([f"{name}.gin"], bindings)
    cc.use_cached_conv(False)
    torch.manual_seed(0)
    model = rave.RAVE(n_channels=1).train()
    (generator, critics) = (entry["optimizer"] for entry in model.configure_optimizers())
    model.optimizers = lambda: (generator, critics)
    model.log = model.log_dict = lambda *_, **__: None
    for line in sys.stdin:
        kind = line.strip()
        model.warmed_up = kind != "1"
        x = 0.1 * torch.randn(int(batch), 1, int(crop))
        began = time.perf_counter()
        model.training_step(x, 0 if kind == "critics" else 1)
        print(time.perf_counter() - began, flush=True)


if __name__ == "__main__":
    main()
