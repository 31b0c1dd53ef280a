"""Metrics against real images spoilt by degrees: the worse the images, the worse the score.

Every metric that claims to see a shift is held to six ladders, except those in its `Laws.blind`; every metric that
claims to see dropped modes to a ladder of classes left out. Features are extracted once, and shared between workers.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias, get_args

import numpy as np
import pytest
import torch
from filelock import FileLock
from torch import Tensor

from ganeval.data.embedded import fashion_mnist_mini
from ganeval.extractors import Tap, known_extractors, load_extractor, parse_tap
from ganeval.metrics.metric import DEFAULT_TAP, Corruption, Metric, checked, registered
from ganeval.summaries import Features, Labelled, Summary
from ganeval.testing.corruptions import corrupt
from ganeval.testing.textures import textures

REAL, FAKE = 300, 200
STEPS = (0.0, 0.15, 0.5)
CLASSES = (5, 2, 1)  # left in the generated set, of ten; the last are trousers, which are the most alike
ALLOWANCE = 0.1  # of the span from the best to the worst value: by so much a step may go the wrong way
FLAT = 0.05  # of the largest value: a span below it is no ladder
CLEAN = "noise 0.0"
FEWER = {"projections": 100, "resamples": 30, "steps": 40, "floor": False}  # options that only buy accuracy

Embed: TypeAlias = Callable[[str, Tap], Tensor]
METRICS = [metric for _, metric in sorted(registered().items()) if metric.better != "neither" and not metric.pairs]


def tap_of(metric: Metric) -> Tap:
    """Where the metric reads by itself, if that network is here; else the same layer of the default one."""
    tap = parse_tap(metric.tap)
    if known_extractors()[tap.extractor.partition(":")[0]].available:
        return tap
    return parse_tap(f"{Tap(*parse_tap(DEFAULT_TAP)).extractor}.logits" if "logits" in tap.layer else DEFAULT_TAP)


def images(name: str) -> np.ndarray:
    """uint8 (N, C, 28, 28) of `real`, `other`, `classes 5`, `noise 0.35`."""
    kind, _, step = name.partition(" ")
    places = {"real": ("test", 0), "heldout": ("test", REAL), "train": ("train", 1000)}
    if kind in places:
        split, first = places[kind]
        return fashion_mnist_mini(split)[0][first : first + REAL]
    if kind == "other":
        return textures(FAKE, 28, seed=1).transpose(0, 3, 1, 2)
    everything, labels = fashion_mnist_mini("train")
    if kind == "classes":
        return everything[of_first_classes(labels, int(step))]
    return corrupt(kind, everything[:FAKE], float(step), np.random.default_rng(0))


def of_first_classes(labels: np.ndarray, kept: int) -> np.ndarray:
    """Indices of as many images as ever."""
    return np.flatnonzero((labels - 1) % 10 < kept)[:FAKE]


@pytest.fixture(scope="session")
def embed(tmp_path_factory: pytest.TempPathFactory) -> Embed:
    """Rows by name of the images and tap, each extracted once, by the first worker that needs them."""
    folder = tmp_path_factory.getbasetemp()
    folder = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    layers: dict[str, set[str]] = {}
    for tap in map(tap_of, METRICS):
        layers.setdefault(tap.extractor, set()).add(tap.layer)
    networks: dict[str, Any] = {}
    known: dict[tuple[str, str], dict[str, Tensor]] = {}

    def rows(name: str, tap: Tap) -> Tensor:
        key = name, tap.extractor
        if key not in known:
            file = Path(folder, " ".join(("rows of", *key)).replace(":", " ") + ".pt")
            with FileLock(f"{file}.lock"):
                if not file.exists():
                    network = networks.setdefault(tap.extractor, None) or load_extractor(tap.extractor)
                    networks[tap.extractor] = network
                    torch.save(network(torch.from_numpy(images(name).copy()), layers[tap.extractor]), file)
                known[key] = torch.load(file, weights_only=True)
        return known[key][tap.layer]

    return rows


def value(metric: Metric, embed: Embed, fake: Tensor, labels: Tensor) -> float:
    def summary(kind: type[Summary], role: str) -> Summary:
        rows = fake if role == "fake" else embed(role, tap_of(metric))
        made = Features() if kind is Labelled else kind()
        made.update(rows)
        if kind is not Labelled:
            return made
        assert isinstance(made, Features)
        return Labelled.of(made, labels if role == "fake" else torch.arange(len(rows)) % 10)

    options = {name: FEWER.get(name, default) for name, default in metric.options.items()}
    options |= {"rng": np.random.default_rng(0)} if metric.seeded else {}
    inputs = {role: summary(kind, role) for role, kind in metric.sets.items()}
    return checked(metric, metric.function(**inputs, **options)).value


def corrupted(corruption: str, metric: Metric, embed: Embed) -> list[Tensor]:
    tap = tap_of(metric)
    if corruption != "mixing":
        return [embed(f"{corruption} {step}" if step else CLEAN, tap) for step in STEPS]
    clean, other = embed(CLEAN, tap), embed("other", tap)
    replaced = torch.from_numpy(np.random.default_rng(0).permutation(FAKE))
    steps = [clean.clone() for _ in STEPS]
    for rows, step in zip(steps, STEPS):
        rows[replaced[: round(step * FAKE)]] = other[: round(step * FAKE)]
    return steps


def worsening(ladder: Sequence[float], metric: Metric) -> tuple[float, float]:
    """How much worse the last value is than the first, and the most that a step goes the wrong way, of the span."""
    worse = np.array(ladder) if metric.better == "lower" else -np.array(ladder)
    span = max(float(np.ptp(worse)), 1e-12)
    return float(worse[-1] - worse[0]), float(-np.diff(worse).min()) / span


def assert_worse(ladder: Sequence[float], metric: Metric) -> None:
    total, back = worsening(ladder, metric)
    assert total > 0, f"{metric.name}, {metric.better} is better: {ladder}"
    assert back <= ALLOWANCE, f"{metric.name}, {metric.better} is better: {ladder}"


def assert_blind(ladder: Sequence[float], metric: Metric) -> None:
    """What is declared has to be so: no clear ladder, or Laws.blind is out of date."""
    total, back = worsening(ladder, metric)
    assert back > -ALLOWANCE or total < FLAT * max(map(abs, ladder)), f"{metric.name} sees this: {ladder}"


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
@pytest.mark.parametrize("corruption", get_args(Corruption))
def test_worse_images_score_worse(corruption: Corruption, metric: Metric, embed: Embed) -> None:
    if "shift" not in metric.laws.sees:
        pytest.skip("no eye for a shift is claimed")
    labels = torch.arange(FAKE) % 10
    ladder = [value(metric, embed, rows, labels) for rows in corrupted(corruption, metric, embed)]
    (assert_blind if corruption in metric.laws.blind else assert_worse)(ladder, metric)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_fewer_classes_score_worse(metric: Metric, embed: Embed) -> None:
    if "modes" not in metric.laws.sees:
        pytest.skip("no eye for dropped modes is claimed")
    labels = torch.from_numpy(fashion_mnist_mini("train")[1])
    ladder = [value(metric, embed, embed(CLEAN, tap_of(metric)), labels[:FAKE])]
    for kept in CLASSES:
        classes = labels[of_first_classes(labels.numpy(), kept)]
        ladder.append(value(metric, embed, embed(f"classes {kept}", tap_of(metric)), classes))
    assert_worse(ladder, metric)
