"""What the discriminator of a run knows: V(G, D) on held-out images, and how far D is from the best one, D*."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import BatchNorm1d, BatchNorm2d, Module, Parameter
from torch.nn.functional import pad
from torch.optim import Optimizer

from ganeval import cache
from ganeval.analysis.sharpening import Plan, Samples, Sharpened, Watch, logits, sharpened
from ganeval.analysis.value import BLIND, Logits, gain
from ganeval.errors import GanevalError
from ganeval.extractors.discriminator import needed_arguments
from ganeval.images import ImageSource, Opening, Subset, open_images, packed
from ganeval.uncertainty import Estimate
from reference_models.checkpoint import Checkpoint, device_of, generate_images, load_checkpoint
from reference_models.losses import cross_entropy
from reference_models.recipe import Batch, Turn
from reference_models.seeds import generator, seeded

CPU = torch.device("cpu")
_TRIED = 8


@dataclass(frozen=True)
class Job:
    """What to analyse.

    Attributes:
        run: a run folder or a checkpoint.
        data: images that the run has not learnt from.
        steps: of training a copy of D further.
        num_samples: most images of either set; half of them are learnt from, half are measured on.
        average: judge the averaged generator, which `sample` and `score` use, not the one that D played against.
    """

    run: Path
    data: str
    steps: int = 300
    num_samples: int = 4000
    seed: int = 0
    device: torch.device = CPU
    average: bool = False
    data_root: Path | None = None


@dataclass(frozen=True)
class Judged:
    """D and D* on the same images, which had no part in training either.

    Attributes:
        model: recipe and step.
        data: name of the held-out images.
        counts: real and generated images that were measured on.
        own, best: what D and D* say of them.
        course: how D* was found.
        warnings: what a reader must know.
    """

    model: str
    data: str
    counts: tuple[int, int]
    own: Logits
    best: Logits
    course: Sharpened
    warnings: tuple[str, ...] = ()

    def gap(self) -> Estimate:
        """V(G, D*) - V(G, D) in nats, on the same images."""
        return gain(self.own, self.best)


def analyse(job: Job, watch: Watch | None = None) -> Judged:
    """Load, check, draw images, train a copy of D further on one half and measure both on the other.

    Images are judged as they are saved: 8-bit, real ones brought to size as for training. Nothing of the run changes.

    Raises:
        GanevalError: the run has no discriminator of single images whose loss is the cross-entropy of its logits.
    """
    made = load_checkpoint(job.run, job.device, average=job.average)
    held_out = _opened(job)
    real = _pixels(made, held_out, job)
    _require_logits(made, floats(made, real[:_TRIED]))
    fake = generate_images(made, range(len(real)), job.seed)
    learn, test = Samples(real, fake).halves()

    def judge(network: Module, pixels: Tensor) -> Tensor:
        return first_column(network(floats(made, pixels)))

    def optimizer(parameters: Iterable[Parameter]) -> Optimizer:
        return made.recipe.optimizer("D", parameters)

    plan = Plan(job.steps, made.recipe.batch_size, optimizer, job.seed)
    found = sharpened(made.nets["D"], judge, learn, plan, watch)
    own, best = (logits(network, judge, test) for network in (made.nets["D"], found.network))
    return Judged(
        model=f"{made.recipe_name}, step {made.step:,}",
        data=held_out.name,
        counts=(len(test.real), len(test.fake)),
        own=own,
        best=best,
        course=found,
        warnings=(*_of_data(made, held_out), *_of_network(made.nets["D"], own), *_of_course(found, job.steps)),
    )


def floats(made: Checkpoint, pixels: Tensor) -> Tensor:
    """uint8 (N, C, S, S) => float in [-1, 1] with the margin that the networks see, on their device."""
    scaled = pixels.to(device_of(made.nets)).float() / 127.5 - 1
    padded = pad(scaled, [made.spec.margin] * 4, value=-1.0)
    return padded.contiguous(memory_format=torch.channels_last)


def first_column(scores: Tensor) -> Tensor:
    """(N,) or (N, K) => (N,): where D has other tasks as well, the verdict comes first."""
    return scores if scores.ndim == 1 else scores[:, 0]


def _opened(job: Job) -> ImageSource:
    source = open_images(job.data, Opening(data_root=job.data_root, seed=job.seed))
    if not isinstance(source, ImageSource):
        raise GanevalError(f"{job.data} holds no images: a discriminator judges images")
    return source


def _pixels(made: Checkpoint, source: ImageSource, job: Job) -> Tensor:
    """uint8 (N, C, S, S) in an order drawn by the seed."""
    chosen = source if len(source) <= job.num_samples else Subset(source, job.num_samples, job.seed)
    spec = made.spec
    pixels = torch.from_numpy(packed(chosen, spec.size - 2 * spec.margin, spec.channels, cache.folder()).copy())
    return pixels[torch.randperm(len(pixels), generator=generator(job.seed, "analysis"))]


# ---- whether V can be read from this discriminator


def _require_logits(made: Checkpoint, real: Tensor) -> None:
    """Compare the recipe's own loss with the cross-entropy of D's output, on some images."""
    name = made.recipe_name
    advice = "take a run of gan, dcgan, unrolled or another whose D gives the logit of being real"
    if "D" not in made.nets:
        raise GanevalError(f"{name} has no discriminator, only {', '.join(made.nets)}: {advice}")
    if made.recipe.source is not None:
        raise GanevalError(f"{name} translates images, and its D judges no images of a latent prior: {advice}")
    if len(needed := needed_arguments(made.nets["D"])) > 1:
        raise GanevalError(f"the discriminator of {name} judges {' and '.join(needed)} together: {advice}")
    ours, theirs = _losses(made, real)
    if theirs is None or not torch.allclose(ours, theirs, rtol=1e-3, atol=1e-4):
        raise GanevalError(
            f"the D of {name} is not trained by the cross-entropy of what it says of images alone (it is a critic, or "
            f"uses least squares or hinges, or sees labels), so V(G, D) cannot be read from it: {advice}. "
            "For any generator, ganeval score --metrics js_classifier,w1_critic asks networks of its own"
        )
    _require_alone(made, real)


def _losses(made: Checkpoint, real: Tensor) -> tuple[Tensor, Tensor | None]:
    """The cross-entropy of D on these images and as many generated ones, and the recipe's own `loss D`."""
    labels = torch.arange(len(real), device=real.device) % max(made.spec.classes, 1)
    batch = Batch(real, labels, generator(0, "analysis"))
    with seeded(real.device, 0, "analysis"):
        terms = _turn(made).loss(made.nets, batch)
        fake = made.recipe.fake(made.nets, batch)
    with torch.no_grad():
        scores = [first_column(made.nets["D"](images)) for images in (real, fake)]
    return cross_entropy(scores[0], scores[1]), terms["loss D"].detach() if "loss D" in terms else None


def _turn(made: Checkpoint) -> Turn:
    return next(turn for turn in made.recipe.turns() if "D" in turn.trains)


@torch.no_grad()
def _require_alone(made: Checkpoint, images: Tensor) -> None:
    network = made.nets["D"]
    alone = torch.cat([first_column(network(image[None])) for image in images])
    if not torch.allclose(alone, first_column(network(images)), rtol=1e-3, atol=1e-3):
        raise GanevalError(
            f"the discriminator of {made.recipe_name} judges an image by the others in its batch, so that its logits "
            "are none of single images: take a run whose D has no statistics of batches, such as dcgan's"
        )


# ---- what a reader must know


def _of_data(made: Checkpoint, source: ImageSource) -> Iterator[str]:
    info: dict[str, Any] = made.info["data"]
    if info["fingerprint"] == source.fingerprint:
        yield f"{source.name} is what the run was trained on: D may know them by heart, and JS come out larger"


def _of_network(network: Module, own: Logits) -> Iterator[str]:
    norms = any(isinstance(module, BatchNorm1d | BatchNorm2d) for module in network.modules())
    if norms:
        yield (
            "D has batch norms, used here with their running statistics, so that it judges every image alone; in "
            "training it saw real and generated batches apart, each with its own statistics, which tells it more"
        )
    value = own.value()
    if value.high is not None and value.high < BLIND:
        yield f"D does worse than saying 1/2 everywhere, where V = -2 log 2: V = {value.value:.2f}, sure and wrong"


def _of_course(found: Sharpened, steps: int) -> Iterator[str]:
    if steps and found.kept == 0:
        yield "further training made D no better on images held back: D* is D itself, as far as these images can tell"
    elif steps and found.kept > 0.9 * steps:
        yield f"D* was still getting better at step {found.kept:,} of {steps:,}: more --steps may raise the bound"
