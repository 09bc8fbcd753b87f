"""A genuine upstream training of phase 1. Runs in the peers' environment (environment.py).

    python learn.py SOUNDS.npz OUT.npz STEPS BATCH CROP CONFIG,... [BINDING ...]

SOUNDS has `training` (n,) and `held_out` (count, length), float32. Each step is acids-rave's own
`training_step` on random crops, with its optimiser and the schedules of learning rate and beta. OUT gets
`made` (count, length), its reconstructions, and `seconds` of processor time.
"""

from __future__ import annotations

import logging
import sys
import time
import warnings

import numpy as np
import torch
from build import bridge


def main() -> None:
    """Train, and reconstruct the held-out sounds."""
    sounds, out, steps, batch, crop, configs, *bindings = sys.argv[1:]
    torch.set_num_threads(1)
    logging.disable()
    warnings.simplefilter("ignore")
    bridge()
    import cached_conv as cc
    import gin
    import rave

    with gin.unlock_config():
        gin.parse_config_files_and_bindings([f"{name}.gin" for name in configs.split(",")], bindings)
    cc.use_cached_conv(False)
    torch.manual_seed(0)
    model = rave.RAVE(n_channels=1).train()
    entries = model.configure_optimizers()
    model.optimizers = lambda: tuple(entry["optimizer"] for entry in entries)
    model.log = model.log_dict = lambda *_, **__: None
    schedule, beta = entries[0]["lr_scheduler"]["scheduler"], rave.model.BetaWarmupCallback()
    training, random = np.load(sounds)["training"], np.random.default_rng(0)
    began = time.process_time()
    for _ in range(int(steps)):
        starts = random.integers(0, len(training) - int(crop), int(batch))
        x = np.stack([training[start : start + int(crop)] for start in starts])
        beta.on_train_batch_start(None, model, None, 0)
        model.training_step(torch.from_numpy(x[:, None]), 1)
        schedule.step()
    seconds = time.process_time() - began
    model.eval()
    made = []
    with torch.no_grad():
        for x in np.load(sounds)["held_out"]:
            made.append(model(torch.from_numpy(x)[None, None])[0, 0].numpy())
    np.savez(out, made=np.stack(made), seconds=seconds)


if __name__ == "__main__":
    main()
