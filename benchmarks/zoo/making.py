"""From a recipe's name to its result in the report folder."""

from __future__ import annotations

from collections.abc import Sequence

from torch.nn import ModuleDict

from benchmarks.zoo import balance, codes, conditional, critics, encoders, translation
from benchmarks.zoo.bench import Bench, Tell, save_samples
from benchmarks.zoo.results import LOG, Kind, Result, is_done, read_log, save_log, stretches
from benchmarks.zoo.study import Finished, Study
from benchmarks.zoo.training import discard, trained
from reference_models.checkpoint import load_checkpoint
from reference_models.recipe import Fitted, Recipe, Translator
from reference_models.registry import make_recipe

STUDIES: tuple[Study, ...] = (
    conditional.STUDY,
    codes.STUDY,
    encoders.STUDY,
    critics.STUDY,
    balance.STUDY,
    translation.STUDY,
)
REAL = {
    "held-out images": "real images that are neither trained on nor in the reference: the best there can be",
    "copy of training images": "the training set by heart, which the metrics of memorisation have to flag",
}


def make_model(name: str, bench: Bench, tell: Tell, *, again: bool = False) -> bool:
    """Train or fit, score and study one model, unless that is done; whether there was anything to do.

    Args:
        again: forget what is there of this model, its training included.
    """
    recipe, settings = make_recipe(name, small=True), bench.settings
    if is_done(settings, name, recipe) and not again:
        tell(f"{name}: done")
        return False
    if again:
        discard(settings.run(name))
    own = translation.task_images(recipe, bench) if isinstance(recipe, Translator) else None
    moments, stopped = trained(name, recipe, bench, tell, images=own)
    tell(f"{name}: scoring")
    finished = _scored(name, recipe, bench)
    folder, checkpoint = finished.folder, finished.checkpoint
    if log := read_log(settings.run(name) / "log.csv"):
        save_log(stretches(log), folder / LOG)
    found = {study.name: study.measure(finished) for study in STUDIES if study.applies(finished)}
    Result(
        name=name,
        kind=kind_of(recipe, checkpoint.nets),
        title=recipe.title,
        paper=recipe.paper,
        wanted=settings.wanted(recipe),
        seconds=float(checkpoint.info["seconds"]),
        step=checkpoint.step,
        parameters=sizes(checkpoint.nets),
        moments=moments,
        studies=found,
        stopped=stopped,
    ).save(folder)
    tell(f"{name}: {_summary(finished.card.scores[0].value, stopped)}")
    return True


def _scored(name: str, recipe: Recipe, bench: Bench) -> Finished:
    """The model at the end of its training with its card and its samples, which are in the result's folder then."""
    run, folder = bench.settings.run(name), bench.settings.folder(name)
    checkpoint = load_checkpoint(run)
    images = None
    if isinstance(recipe, Translator):
        card = translation.card(checkpoint, bench, name)
    else:
        card, images = bench.score(run, name, conditional=recipe.conditional)
        save_samples(images, folder)
    card.save(folder / "scorecard.json")
    return Finished(checkpoint, images, card, folder, bench)


def make_real(name: str, bench: Bench, tell: Tell, *, again: bool = False) -> bool:
    """Score one of `REAL`, as `make_model` does."""
    folder = bench.settings.folder(name)
    if is_done(bench.settings, name, None) and not again:
        tell(f"{name}: done")
        return False
    tell(f"{name}: scoring")
    place = bench.sets.heldout if name.startswith("held") else bench.sets.copy
    card, images = bench.score(place, name)
    save_samples(images, folder)
    card.save(folder / "scorecard.json")
    Result(name=name, kind="real", title=REAL[name]).save(folder)
    return True


def kind_of(recipe: Recipe, nets: ModuleDict) -> Kind:
    """A GAN is what has a discriminator."""
    if isinstance(recipe, Fitted | Translator):
        return "fitted" if isinstance(recipe, Fitted) else "translator"
    return "gan" if "D" in nets else "model"


def sizes(nets: ModuleDict) -> dict[str, int]:
    """Trained numbers by network."""
    return {name: sum(each.numel() for each in net.parameters()) for name, net in nets.items()}


def _summary(fd: float, stopped: str) -> str:
    return f"fd {fd:.1f}" + (f", stopped early: {stopped}" if stopped else "")


def order(names: Sequence[str]) -> list[str]:
    """Fitted models first, which take seconds, then the others by name."""
    recipes = {name: make_recipe(name, small=True) for name in names}
    return sorted(names, key=lambda name: (not isinstance(recipes[name], Fitted), name))
