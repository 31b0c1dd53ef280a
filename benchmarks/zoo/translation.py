"""Models that make images of images: edges to garments in pairs, T-shirts to pullovers and back without any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch.nn.functional import conv2d, pad

from benchmarks.zoo.bench import Bench
from benchmarks.zoo.classifier import labels_of
from benchmarks.zoo.results import SAMPLES, Entry
from benchmarks.zoo.study import Finished, Study
from ganeval.images.grid import save_grid
from ganeval.images.source import Images
from ganeval.reporting.report import Grid, Section, Table
from ganeval.scorecard import Scorecard
from reference_models.checkpoint import Checkpoint
from reference_models.feed import TrainingImages
from reference_models.recipe import Translator
from reference_models.reconstruction import Redrawing
from reference_models.sheets import beside

GROUPS = {"T-shirts": 0, "pullovers": 2}
"""The classes of Fashion-MNIST that are translated without pairs, from the first to the second."""
STEEP = 160.0
"""Length of Sobel's gradient, in levels, from which on a pixel is an edge."""
_SHOWN, _ACROSS = 15, 5
_AT_ONCE = 1000


def edges(images: Images) -> Images:
    """uint8 (N, C, H, W) => white where the grey values' gradient is steep, else black, of the same shape."""
    sobel = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])
    kernels = torch.stack([sobel, sobel.T])[:, None]
    parts = []
    for part in torch.split(images, _AT_ONCE):
        grey = pad(part.float().mean(1, keepdim=True), [1] * 4, mode="replicate")  # the border is no edge
        slopes = conv2d(grey, kernels)
        parts.append((slopes.square().sum(1, keepdim=True).sqrt() >= STEEP).expand_as(part))
    return torch.cat(parts).to(torch.uint8) * 255


def task_images(recipe: Translator, bench: Bench) -> TrainingImages:
    """What the recipe is trained on: garments with their edges as source if it wants pairs, else the two groups."""
    base = bench.images
    if recipe.source == "paired":
        drawn = edges(torch.from_numpy(np.array(base.pixels))).numpy()
        lines = replace(base, pixels=drawn, labels=None, name=f"edges of {base.name}", fingerprint=_edged(base))
        return replace(base, labels=None, source=lines, pairing="paired")
    source, target = (_group(base, name) for name in GROUPS)
    return replace(target, source=source, pairing="unpaired")


def _edged(base: TrainingImages) -> str:
    return f"edges:{STEEP}:{base.fingerprint}"


def _group(base: TrainingImages, name: str) -> TrainingImages:
    assert base.labels is not None, "the zoo's data sets are labelled"
    own = np.array(base.pixels[base.labels == GROUPS[name]])
    return replace(base, pixels=own, labels=None, name=name, fingerprint=f"{name}:{base.fingerprint}")


def sets_to_translate(recipe: Translator, bench: Bench) -> dict[str, tuple[Images, Images]]:
    """For each direction, test images to translate and images that the translations should be like."""
    source = bench.settings.open(bench.sets.unseen if recipe.source == "paired" else bench.sets.reference)
    images = torch.cat(list(source.batches(_AT_ONCE)))
    if recipe.source == "paired":
        return {"forward": (edges(images), images)}
    shirts, pullovers = (images[torch.from_numpy(labels_of(source) == label)] for label in GROUPS.values())
    both = {"forward": (shirts, pullovers), "back": (pullovers, shirts)}
    return {direction: both[direction] for direction in recipe.directions}


def card(checkpoint: Checkpoint, bench: Bench, name: str) -> Scorecard:
    """The scores of the forward translations of test images against real ones of the kind wanted."""
    recipe = checkpoint.recipe
    assert isinstance(recipe, Translator)
    given, wanted = sets_to_translate(recipe, bench)["forward"]
    return bench.compared(Redrawing(checkpoint, "translate")(given), wanted, name)


def applies(run: Finished) -> bool:
    """Models that translate."""
    return isinstance(run.checkpoint.recipe, Translator)


def measure(run: Finished) -> dict[str, Any]:
    """For each direction what came out, and a picture of it."""
    recipe = run.checkpoint.recipe
    assert isinstance(recipe, Translator)
    sets = sets_to_translate(recipe, run.bench)
    return {
        "task": "edges to garments" if recipe.source == "paired" else " and ".join(GROUPS),
        "paired": recipe.source == "paired",
        "directions": {direction: _direction(run, direction, *pair) for direction, pair in sets.items()},
    }


def _direction(run: Finished, direction: str, given: Images, wanted: Images) -> dict[str, Any]:
    recipe, made = run.checkpoint.recipe, Redrawing(run.checkpoint, "translate", direction)(given)
    assert isinstance(recipe, Translator)
    found: dict[str, Any] = {
        "images": len(given),
        "fd": run.bench.compared(made, wanted, run.card.name).scores[0].value,
        "fd_untranslated": run.bench.compared(given, wanted, "untranslated").scores[0].value,
    }
    shown = [given[:_SHOWN], made[:_SHOWN]]
    if recipe.source == "paired":
        found |= {"l1": difference(made, wanted), "perceptual": run.bench.perceptual(wanted, made)}
        shown.append(wanted[:_SHOWN])
    if len(recipe.directions) > 1:
        again = Redrawing(run.checkpoint, "reconstruct", direction)(given)
        found |= {"cycle_l1": difference(given, again), "cycle_l1_by_chance": difference(given.roll(1, 0), again)}
        found |= {"cycle_perceptual": run.bench.perceptual(given, again)}
        shown.append(again[:_SHOWN])
    save_grid(beside(shown), run.folder / _picture(direction), _ACROSS * len(shown))
    return found


def difference(one: Images, other: Images) -> float:
    """Mean absolute difference of pixels, of 1.

    >>> difference(torch.tensor([[0, 255]], dtype=torch.uint8), torch.tensor([[0, 0]], dtype=torch.uint8))
    0.5
    """
    return float((one.float() - other.float()).abs().mean() / 255)


def _picture(direction: str) -> str:
    return SAMPLES if direction == "forward" else f"{direction}.png"


def tell(entries: Sequence[Entry]) -> Section | None:
    """A row and a picture for each direction."""
    measured = STUDY.measured(entries)
    if not measured:
        return None
    found = [
        (entry, direction, figures)
        for entry in measured
        for direction, figures in STUDY.found(entry)["directions"].items()
    ]
    return Section(
        "Translation",
        [
            "Test images, translated. L1 is the mean absolute difference of pixels, of 1, from the image that belongs "
            "to the given one; the perceptual distance is that of efficientnet_lite0_distance, from 0 to 4. fd "
            "compares translations with real images of the kind wanted; beside it the fd of the images before "
            "translation. Cycle L1: there and back, against the image itself; by chance: against another image of its "
            "kind, which is what a cycle that keeps nothing but the kind would reach."
        ],
        Table(
            ["model", "task", "direction", "L1", "perceptual", "fd", "fd before", "cycle L1", "by chance"],
            [_row(entry.name, STUDY.found(entry)["task"], *each) for entry, *each in found],
        ),
        figures=[
            Grid(f"{entry.name}, {way}", _caption(figures), (entry.folder / _picture(way)).read_bytes())
            for entry, way, figures in found
        ],
    )


def _caption(figures: dict[str, Any]) -> str:
    parts = ["given", "translated"] + ["wanted"] * ("l1" in figures) + ["and back"] * ("cycle_l1" in figures)
    return " | ".join(parts)


def _row(name: str, task: str, direction: Any, figures: Any) -> list[str]:
    optional = [f"{figures[key]:.4f}" if key in figures else "–" for key in ("l1", "perceptual")]
    cycle = [f"{figures[key]:.4f}" if key in figures else "–" for key in ("cycle_l1", "cycle_l1_by_chance")]
    return [name, task, direction, *optional, f"{figures['fd']:.1f}", f"{figures['fd_untranslated']:.1f}", *cycle]


STUDY = Study("translation", applies, measure, tell)
