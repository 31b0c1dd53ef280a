"""Laws of every recipe. A new file in reference_models/gans is held to them without a new test."""

from __future__ import annotations

import gc
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from ganeval.errors import GanevalError
from reference_models.checkpoint import draw_latents, generate_images, load_checkpoint, paint
from reference_models.feed import Feed, TrainingImages
from reference_models.fitting import fit
from reference_models.recipe import DataSpec, Encoder, Fitted, Recipe, Translator
from reference_models.reconstruction import Redrawing
from reference_models.registry import make_recipe, recipe_name, recipe_names, recipes
from reference_models.seeds import seeded
from reference_models.state import State, build_networks, fresh_state
from reference_models.trainer import TrainOptions, take, train

TINY = {"batch_size": 4, "filters": 4, "latent": 8, "hidden": 48, "units": 8, "discriminator_filters": 2}
TINY |= {"attention": 8, "embedding": 4, "standing_passes": 2}
TINY |= {"widest": 8, "capacity": 256, "mapping_layers": 2, "stable_images": 4, "fade_images": 4}
TINY |= {"blocks": 1, "pool": 6}
TINY |= {"components": 6, "kernels": 5, "clusters": 2}
ROUNDS = 6
"""Iterations in which a tiny growing model comes to its full size."""
CPU = torch.device("cpu")
TRAINED = [name for name, kind in recipes().items() if not issubclass(kind, Fitted)]
TRANSLATORS = [name for name, kind in recipes().items() if issubclass(kind, Translator)]
DRAWING = [name for name in recipe_names() if name not in TRANSLATORS]


def tiny(name: str) -> Recipe:
    options = {field.name for field in fields(recipes()[name])}
    return make_recipe(name, {option: value for option, value in TINY.items() if option in options})


def made(name: str, data: TrainingImages, run: Path, steps: int) -> Path:
    """A checkpoint of the recipe, trained for `steps`, or fitted."""
    recipe = tiny(name)
    if isinstance(recipe, Fitted):
        return fit(recipe, data, run)
    return train(recipe, data, run, TrainOptions(steps=steps))


def images(size: int = 16, channels: int = 1, margin: int = 0) -> TrainingImages:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (10, channels, size - 2 * margin, size - 2 * margin), dtype=np.uint8)
    return TrainingImages(pixels, np.arange(10) % 3, "noise", "f", margin)


def images_for(name: str, size: int = 16, channels: int = 1, margin: int = 0) -> TrainingImages:
    """`images`, and others of them to translate where the recipe does."""
    data, pairing = images(size, channels, margin), recipes()[name].source
    if pairing is None:
        return data
    count = len(data.pixels) if pairing == "paired" else 7
    others = replace(data, pixels=255 - data.pixels[:count], labels=None, name="others")
    return replace(data, source=others, pairing=pairing)


def inputs(recipe: Recipe, n: int, spec: DataSpec) -> torch.Tensor:
    """What `generate` takes."""
    rng = torch.Generator().manual_seed(0)
    if isinstance(recipe, Translator):
        return torch.rand(n, spec.channels, spec.size, spec.size, generator=rng) * 2 - 1
    return recipe.latents(n, rng)


def tensors(path: Path) -> dict[str, torch.Tensor]:
    return load_file(path.with_suffix(".safetensors"))


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def weights(state: State, name: str) -> dict[str, torch.Tensor]:
    return {key: value.clone() for key, value in state.nets[name].named_parameters()}


every_recipe = pytest.mark.parametrize("name", recipe_names())
every_trained = pytest.mark.parametrize("name", TRAINED)
every_translator = pytest.mark.parametrize("name", TRANSLATORS)


@every_recipe
def test_describes_itself(name: str) -> None:
    kind = recipes()[name]
    assert kind.title
    assert kind.paper
    assert kind.__doc__
    assert recipe_name(make_recipe(name)) == name


@every_recipe
@pytest.mark.parametrize(("size", "channels"), [(16, 1), (32, 3), (64, 1), (128, 3)])
def test_builds_at_every_size(name: str, size: int, channels: int) -> None:
    recipe, spec = tiny(name), DataSpec(size, channels, classes=3)
    nets = build_networks(recipe, spec, 0, CPU)
    with seeded(CPU, 0):
        generated = recipe.generate(nets.eval(), inputs(recipe, 2, spec), torch.zeros(2, dtype=torch.int64))
    assert generated.shape == (2, channels, size, size)
    assert generated.abs().max() <= 1


@every_trained
def test_each_turn_moves_exactly_the_networks_it_trains(name: str) -> None:
    recipe, data = tiny(name), images_for(name)
    state = fresh_state(recipe, data.spec(), 0, CPU)
    batch = Feed(data, recipe.batch_size, 0, CPU).batch(0)
    for turn in recipe.turns():
        before = {net: weights(state, net) for net in state.nets}
        with seeded(CPU, 0):
            take(turn, state, batch)
        moved = {net for net in state.nets if not same(before[net], weights(state, net))}
        assert moved == set(turn.trains), turn.name


@every_trained
def test_turns_name_their_terms_apart_and_reach_every_weight(name: str) -> None:
    recipe, data = tiny(name), images_for(name)
    state = fresh_state(recipe, data.spec(), 0, CPU)
    feed = Feed(data, recipe.batch_size, 0, CPU)
    idle = {net: set(weights(state, net)) for turn in recipe.turns() for net in turn.trains}
    for number in range(ROUNDS):
        batch, seen = feed.batch(number), list[str]()
        for turn in recipe.turns():
            with seeded(CPU, 0):
                seen += take(turn, state, batch)
            for net in turn.trains:
                idle[net] -= {key for key, value in state.nets[net].named_parameters() if value.grad is not None}
        if not any(idle.values()):
            break
    assert not any(idle.values()), idle
    assert len(seen) == len(set(seen))


@every_trained
def test_initial_weights_are_seeded_and_leave_the_global_generator_alone(name: str) -> None:
    recipe, spec = tiny(name), images().spec()
    before = torch.get_rng_state()
    one, again, other = (build_networks(recipe, spec, seed, CPU).state_dict() for seed in (1, 1, 2))
    assert torch.equal(before, torch.get_rng_state())
    assert same(one, again)
    assert not same(one, other)


@every_trained
def test_resuming_is_bit_exact(name: str, tmp_path: Path) -> None:
    recipe, data = tiny(name), images_for(name, 32, 1, margin=2)
    before = torch.get_rng_state()
    whole = train(recipe, data, tmp_path / "whole", TrainOptions(steps=6, log_every=1))
    train(recipe, data, tmp_path / "parts", TrainOptions(steps=3, log_every=1))
    parts = train(recipe, data, tmp_path / "parts", TrainOptions(steps=6, log_every=1))
    assert same(tensors(whole), tensors(parts))
    assert torch.equal(before, torch.get_rng_state())
    steps = [line.split(",")[0] for line in (tmp_path / "parts" / "log.csv").read_text().splitlines()]
    assert steps == ["step", "1", "2", "3", "4", "5", "6"]


@every_trained
def test_trains_in_bf16_with_weights_in_float32(name: str, tmp_path: Path) -> None:
    last = train(tiny(name), images_for(name), tmp_path, TrainOptions(steps=2, precision="bf16"))
    assert load_checkpoint(tmp_path).info["training"]["precision"] == "bf16"
    assert {value.dtype for value in tensors(last).values()} <= {torch.float32, torch.int64}
    with pytest.raises(GanevalError, match="another training settings"):
        train(tiny(name), images_for(name), tmp_path, TrainOptions(steps=3, precision="fp32"))


@pytest.mark.parametrize("name", DRAWING)
def test_samples_depend_on_seed_and_index_alone(name: str, tmp_path: Path) -> None:
    made(name, images(32, 3, margin=2), tmp_path, 2)
    checkpoint = load_checkpoint(tmp_path)
    together = generate_images(checkpoint, range(40), seed=3)
    assert together.shape == (40, 3, 28, 28)
    assert together.dtype == torch.uint8
    alone = torch.cat([generate_images(checkpoint, [index], seed=3) for index in range(40)])
    sevens = torch.cat([generate_images(checkpoint, range(i, min(i + 7, 40)), seed=3) for i in range(0, 40, 7)])
    backwards = generate_images(checkpoint, range(39, -1, -1), seed=3).flip(0)
    assert torch.equal(together, alone)
    assert torch.equal(together, sevens)
    assert torch.equal(together, backwards)
    # before rounding to pixels: two steps from small weights leave some models nearly grey
    drawn = (draw_latents(checkpoint, range(40), seed) for seed in (3, 4))
    painted, other = (paint(checkpoint, latents, torch.arange(40) % 3, 0) for latents in drawn)
    assert len({image.numpy().tobytes() for image in painted}) == 40
    assert not torch.equal(painted, other)


@every_trained
def test_memory_does_not_grow_with_steps(name: str, tmp_path: Path) -> None:
    counts: dict[int, int] = {}

    class Count:
        def on_step(self, step: int, seconds: float, terms: dict[str, float], images_per_second: float) -> None:
            if step in (4, 12):
                gc.collect()
                counts[step] = sum(issubclass(type(found), torch.Tensor) for found in gc.get_objects())

    train(tiny(name), images_for(name), tmp_path, TrainOptions(steps=12), Count())
    assert counts[12] <= counts[4]  # fewer gradients, where layers have had their time


@every_recipe
def test_options_are_closed_and_typed(name: str) -> None:
    with pytest.raises(GanevalError, match=r"unknown option of .* did you mean 'batch_size'"):
        make_recipe(name, {"batchsize": "4"})
    with pytest.raises(GanevalError, match="expected a whole number"):
        make_recipe(name, {"batch_size": "four"})
    with pytest.raises(GanevalError, match="expected a whole number from 1 up"):
        make_recipe(name, {"batch_size": "0"})


@every_recipe
def test_small_options_are_options(name: str) -> None:
    assert make_recipe(name, small=True) != make_recipe(name) or not recipes()[name].small
    assert make_recipe(name, {"batch_size": 7}, small=True).batch_size == 7


@every_recipe
def test_an_encoder_goes_there_and_back(name: str, tmp_path: Path) -> None:
    recipe, data = tiny(name), images(16, 1)
    if not isinstance(recipe, Encoder):
        pytest.skip("no encoder")
    nets = load_checkpoint(made(name, data, tmp_path, 2)).nets
    real, labels = data.floats(slice(0, 5)), torch.arange(5) % 3
    with torch.no_grad():
        latents = recipe.encode(nets, real)
        again = recipe.reconstruct(nets, real, labels)
    assert latents.shape == recipe.latents(5, torch.Generator().manual_seed(0)).shape
    assert again.shape == real.shape
    assert again.abs().max() <= 1


@pytest.mark.parametrize("name", [name for name, kind in recipes().items() if kind.conditional])
def test_a_conditional_recipe_heeds_its_labels_and_needs_them(name: str, tmp_path: Path) -> None:
    run = made(name, images(), tmp_path / "run", 2)
    zeros, ones = (generate_images(load_checkpoint(run), range(4), 0, [label] * 4) for label in (0, 1))
    assert not torch.equal(zeros, ones)
    unlabelled = TrainingImages(images().pixels, None, "noise", "f", 0)
    with pytest.raises(GanevalError, match="learns images by class"):
        made(name, unlabelled, tmp_path / "other", 2)


@every_translator
def test_translations_depend_on_image_index_and_seed_alone(name: str, tmp_path: Path) -> None:
    train(tiny(name), images_for(name, 32, 3, margin=2), tmp_path, TrainOptions(steps=2))
    checkpoint = load_checkpoint(tmp_path)
    given = torch.from_numpy(np.random.default_rng(1).integers(0, 256, (40, 3, 28, 28), dtype=np.uint8))
    assert isinstance(checkpoint.recipe, Translator)
    for direction in checkpoint.recipe.directions:
        redraw = Redrawing(checkpoint, "translate", direction)
        together = redraw(given, range(40), seed=3)
        assert together.shape == given.shape
        assert together.dtype == torch.uint8
        assert torch.equal(together, torch.cat([redraw(given[[i]], [i], seed=3) for i in range(40)]))
        assert torch.equal(together, redraw(given.flip(0), range(39, -1, -1), seed=3).flip(0))


@every_translator
def test_a_translator_needs_images_to_translate(name: str, tmp_path: Path) -> None:
    with pytest.raises(GanevalError, match=f"{name} learns to translate .* and got none: .*--source"):
        train(tiny(name), images(), tmp_path / "none", TrainOptions(steps=1))
    train(tiny(name), images_for(name), tmp_path / "run", TrainOptions(steps=1))
    with pytest.raises(GanevalError, match=r"translates images and draws none: .*--input"):
        generate_images(load_checkpoint(tmp_path / "run"), range(3), seed=0)
    other = replace(images_for(name), source=replace(images_for(name).source, fingerprint="other"))  # type: ignore[type-var]
    with pytest.raises(GanevalError, match="holds a run with another data"):
        train(tiny(name), other, tmp_path / "run", TrainOptions(steps=2))


@pytest.mark.parametrize("name", [name for name in TRAINED if name not in TRANSLATORS])
def test_who_translates_nothing_takes_no_images_to_translate(name: str) -> None:
    spec = replace(images().spec(), source="paired")
    with pytest.raises(GanevalError, match=f"{name} translates nothing: leave the source images"):
        fresh_state(tiny(name), spec, 0, CPU)
