"""The one training loop. It knows turns and losses; it knows no GAN."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import torch
from torch import Tensor

from ganeval.device import choose_device
from ganeval.errors import GanevalError, Interrupted
from ganeval.images.grid import save_grid
from reference_models.averaging import decay, move_towards
from reference_models.checkpoint import (
    DataRecord,
    Record,
    Training,
    checkpoints,
    read_record,
    read_tensors,
    remove_checkpoint,
    remove_leftovers,
    save_checkpoint,
)
from reference_models.feed import Feed, TrainingImages
from reference_models.interruption import postponed_signals
from reference_models.logs import Log
from reference_models.precision import choose_precision, run_in_bf16
from reference_models.recipe import Batch, Recipe, Turn
from reference_models.registry import make_recipe
from reference_models.seeds import seeded
from reference_models.sheets import sheet
from reference_models.state import State, fresh_state, restore_state


@dataclass(frozen=True)
class TrainOptions:
    """How long and how to train, whatever the recipe.

    Attributes:
        steps, minutes: stop at this step, or when this time was spent over all resumptions, whichever comes first.
        seed: decides weights, order of the data and every draw.
        precision: `auto` is bf16 where the device computes in it natively.
        ema_halflife_images: half-life of the moving average, in real images seen; 0 follows the weights.
        save_every: steps between checkpoints. The untrained and the newest one stay, and every `keep_every`-th step.
        log_every, sample_every: steps between rows of the log, and between grids of samples.
    """

    steps: int | None = None
    minutes: float | None = None
    seed: int = 0
    device: str = "auto"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    ema_halflife_images: float = 10_000
    save_every: int = 500
    keep_every: int | None = None
    log_every: int = 10
    sample_every: int = 500

    def __post_init__(self) -> None:
        if self.steps is None and self.minutes is None:
            raise GanevalError("training needs an end: give --steps, --minutes or both")
        for name in ("steps", "minutes", "save_every", "keep_every", "log_every", "sample_every"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise GanevalError(f"{name} is {value}: expected a number above 0")


class Progress(Protocol):
    """Told of every step."""

    def on_step(self, step: int, seconds: float, terms: dict[str, float], images_per_second: float) -> None:
        """`step` iterations are done after `seconds` of training; `terms` are the latest values of each loss term."""


def train(
    recipe: Recipe, data: TrainingImages, run: Path, options: TrainOptions, progress: Progress | None = None
) -> Path:
    """Train until the options' end, going on from the run folder's newest checkpoint if there is one.

    Returns:
        the last checkpoint's JSON file.

    Raises:
        GanevalError: a term or a weight is not finite, or the folder holds a run with other settings.
        Interrupted: Ctrl-C or SIGTERM; the state was saved.
    """
    job = _Job(recipe, data, run, options)
    log = Log(run, job.state.step)
    try:
        with postponed_signals() as wish:
            while not job.finished() and not wish.asked:
                started = time.perf_counter()
                terms = job.iterate()
                speed = recipe.batch_size / (time.perf_counter() - started)
                if job.due(options.log_every) or job.finished():
                    log.write(job.state.step, {"seconds": job.state.seconds, "images/s": speed, **terms})
                if job.due(options.sample_every):
                    job.save_samples()
                if job.due(options.save_every):
                    job.save()
                job.state.seconds += time.perf_counter() - started
                if progress is not None:
                    progress.on_step(job.state.step, job.state.seconds, terms, speed)
            last = job.save()
    finally:
        log.close()
    if wish.asked and not job.finished():
        raise Interrupted(f"stopped at step {job.state.step}, saved in {run}: go on with --resume")
    return last


class _Job:
    """A recipe, its data, its run folder and its state, and the operations on them."""

    def __init__(self, recipe: Recipe, data: TrainingImages, run: Path, options: TrainOptions) -> None:
        self.recipe, self.images, self.run, self.options = recipe, data, run, options
        self.device = choose_device(options.device)
        self.spec = data.spec()
        self.data = DataRecord.of(data)
        precision = choose_precision(options.precision, self.device)
        self.training = Training(
            seed=options.seed, precision=precision, ema_halflife_images=options.ema_halflife_images
        )
        self.feed = Feed(data, recipe.batch_size, options.seed, self.device)
        self.turns: Sequence[Turn] = recipe.turns()
        self.terms: dict[str, float] = {}
        self.saved: Path | None = None
        self.state = fresh_state(recipe, self.spec, options.seed, self.device)
        if checkpoints(run):
            self._resume()
        else:
            self.save()
        if precision == "bf16":
            for net in self.state.nets.values():
                run_in_bf16(net, self.device)

    def iterate(self) -> dict[str, float]:
        """All turns of one iteration, then the averages. Returns the latest value of every term."""
        state = self.state
        with seeded(self.device, self.options.seed, "step", state.step):
            batch = self._draw()
            found: dict[str, Tensor] = {}
            for turn in self.turns:
                if state.step % turn.every:
                    continue
                for repeat in range(turn.repeat):
                    batch = self._draw() if repeat else batch
                    found |= take(turn, state, batch)
        state.step += 1
        self.terms |= self._finite(found)
        rate = decay(state.step * self.recipe.batch_size, self.recipe.batch_size, self.options.ema_halflife_images)
        for name, average in state.averages.items():
            move_towards(average, state.nets[name], rate)
        return self.terms

    def finished(self) -> bool:
        """True at the last step, or when the time is spent."""
        steps, minutes = self.options.steps, self.options.minutes
        return (steps is not None and self.state.step >= steps) or (
            minutes is not None and self.state.seconds >= 60 * minutes
        )

    def due(self, every: int) -> bool:
        """True at every `every`-th step."""
        return self.state.step % every == 0

    def save(self) -> Path:
        """Write a checkpoint, unless this step has one, then delete those that need not stay."""
        if self.saved is not None and self.saved.stem == f"step-{self.state.step:08d}":
            return self.saved
        for key, value in self.state.nets.state_dict().items():
            if not value.isfinite().all():
                raise self._diverged(f"weight '{key}' is not finite")
        self.saved = save_checkpoint(self.run, self.state, self.recipe, self.spec, self.data, self.training)
        for old in checkpoints(self.run):
            step = int(old.stem.removeprefix("step-"))
            keep = self.options.keep_every and step % self.options.keep_every == 0
            if old != self.saved and step != 0 and not keep:
                remove_checkpoint(old)
        return self.saved

    def save_samples(self) -> None:
        """What the model makes now, of the same noise or images as ever."""
        images, columns = sheet(self.recipe, self.state.best_nets().eval(), self.images, self.options.seed)
        self.state.nets.train()
        save_grid(images, self.run / "samples" / f"step-{self.state.step:08d}.png", columns)

    def _draw(self) -> Batch:
        self.state.draws += 1
        return self.feed.batch(self.state.draws - 1)

    def _finite(self, found: dict[str, Tensor]) -> dict[str, float]:
        if not found:  # no turn was due
            return {}
        # one transfer for all terms: each would make a GPU wait
        values = dict(zip(found, torch.stack([value.float() for value in found.values()]).tolist()))
        for name, value in values.items():
            if not math.isfinite(value):
                raise self._diverged(f"term '{name}' is {value}")
        return values

    def _diverged(self, what: str) -> GanevalError:
        return GanevalError(
            f"step {self.state.step}: {what}. Training stopped; the last good checkpoint is {self.saved}. "
            "Try a lower learning rate (--set learning_rate=...), --precision fp32 or another --seed"
        )

    def _resume(self) -> None:
        remove_leftovers(self.run)
        self.saved, record = read_record(self.run)
        self._refuse_other(record)
        restore_state(self.state, read_tensors(self.saved, record, self.device), record.optimizers)
        self.state.step, self.state.draws, self.state.seconds = record.step, record.draws, record.seconds

    def _refuse_other(self, record: Record) -> None:
        pairs = {
            "recipe": (make_recipe(record.recipe, record.options), self.recipe),
            "data": (record.data, self.data),
            "image shape": (record.spec, self.spec),
            "training settings": (record.training, self.training),
        }
        for what, (old, new) in pairs.items():
            if old != new:
                raise GanevalError(
                    f"{self.run} holds a run with another {what}: {old}, not {new}. "
                    "Resume with the same settings, or choose another folder"
                )


def take(turn: Turn, state: State, batch: Batch) -> dict[str, Tensor]:
    """One turn: gradients of its terms' sum for the networks it trains, one optimizer step, then `after`.

    Returns:
        the terms, detached scalars.
    """
    terms = turn.loss(state.nets, batch)
    losses = [term for term in terms.values() if term.requires_grad]
    if not losses:
        raise GanevalError(f"turn '{turn.name}' returned no term with a gradient: {', '.join(terms) or 'none at all'}")
    optimizers = [state.optimizers[name] for name in turn.trains]
    for optimizer in optimizers:
        optimizer.zero_grad()
    # `inputs` keeps gradients away from the other networks, and keeps their part of the graph for their own turn
    parameters = [parameter for name in turn.trains for parameter in state.nets[name].parameters()]
    torch.autograd.backward(torch.stack(losses).sum(), inputs=parameters)
    for optimizer in optimizers:
        optimizer.step()
    if turn.after is not None:
        with torch.no_grad():
            turn.after(state.nets)
    return {name: term.detach() for name, term in terms.items()}
