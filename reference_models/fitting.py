"""Models that are fitted to the data at once: one pass or a few, one checkpoint."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from reference_models.checkpoint import DataRecord, Training, render, save_checkpoint
from reference_models.feed import TrainingImages
from reference_models.logs import Log
from reference_models.recipe import Fitted
from reference_models.seeds import generator
from reference_models.state import fresh_state

CPU = torch.device("cpu")


def fit(recipe: Fitted, data: TrainingImages, run: Path, *, seed: int = 0, samples: int = 64) -> Path:
    """Fit `recipe` to `data`, and write the checkpoint (step 1), its row of the log and a grid of samples.

    Returns:
        the checkpoint's JSON file.

    Raises:
        GanevalError: the recipe cannot be fitted to this data, with the reason.
    """
    from ganeval.images.grid import save_grid

    started = time.perf_counter()
    spec = data.spec()
    state = fresh_state(recipe, spec, seed, CPU)

    def batches() -> Iterator[Tensor]:
        for first in range(0, len(data.pixels), recipe.batch_size):
            yield data.floats(slice(first, first + recipe.batch_size))

    with torch.no_grad():
        terms = recipe.fit(state.nets, batches, generator(seed, "fit", 0))
    state.step, state.seconds = 1, time.perf_counter() - started
    training = Training(seed=seed, precision="fp32", ema_halflife_images=0)
    saved = save_checkpoint(run, state, recipe, spec, DataRecord.of(data), training)
    log = Log(run, 0)
    log.write(state.step, {"seconds": state.seconds, **terms})
    log.close()
    images = render(recipe, state.nets.eval(), spec, range(samples), seed)
    save_grid(images, run / "samples" / f"{saved.stem}.png")
    return saved
