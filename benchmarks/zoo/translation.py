"""Models that make images of images: edges to garments in pairs, T-shirts to pullovers and back without any."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from benchmarks.zoo.bench import Bench
from benchmarks.zoo.results import SAMPLES, Entry
from benchmarks.zoo.study import Finished, Study
from ganeval.images.grid import save_grid
from ganeval.images.source import Images
from ganeval.reporting.report import Grid, Section, Table
from ganeval.scorecard import Scorecard
from reference_models.checkpoint import Checkpoint
from reference_models.feed import TrainingImages
from reference_models.preparing import training_images
from reference_models.recipe import Translator
from reference_models.reconstruction import Redrawing
from reference_models.sheets import beside

GROUPS = {"T-shirts": 0, "pullovers": 2}
"""The classes of Fashion-MNIST that are translated without pairs, from the first to the second."""
_SHOWN, _ACROSS = 15, 5
_AT_ONCE = 1000


def task_images(recipe: Translator, bench: Bench) -> TrainingImages:
    """What the recipe is trained on: garments with their edges as source if it wants pairs, else the two groups."""
    assert recipe.source is not None, "a translator has one"
    sets, open_place = bench.sets, bench.settings.open
    if recipe.source == "paired":
        source, target = open_place(f"edges:{sets.train}"), open_place(sets.train)
    else:
        source, target = (open_place(f"{bench.settings.data}:train@{label}") for label in GROUPS.values())
    return training_images(target, source=source, pairing=recipe.source)


def sets_to_translate(recipe: Translator, bench: Bench) -> dict[str, tuple[Images, Images]]:
    """For each direction, test images to translate and images that the translations should be like."""
    sets = bench.sets
    if recipe.source == "paired":
        places = [f"edges:{sets.unseen}", sets.unseen]
    else:
        places = [f"{sets.reference}@{label}" for label in GROUPS.values()]
    given, wanted = (torch.cat(list(bench.settings.open(place).batches(_AT_ONCE))) for place in places)
    both = {"forward": (given, wanted), "back": (wanted, given)}
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
        found |= {"l1": run.bench.l1(wanted, made), "perceptual": run.bench.perceptual(wanted, made)}
        shown.append(wanted[:_SHOWN])
    if len(recipe.directions) > 1:
        again = Redrawing(run.checkpoint, "reconstruct", direction)(given)
        found |= {"cycle_l1": run.bench.l1(given, again), "cycle_l1_by_chance": run.bench.l1(given.roll(1, 0), again)}
        found |= {"cycle_perceptual": run.bench.perceptual(given, again)}
        shown.append(again[:_SHOWN])
    save_grid(beside(shown), run.folder / _picture(direction), _ACROSS * len(shown))
    return found


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
