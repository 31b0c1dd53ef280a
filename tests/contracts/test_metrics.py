"""Laws that hold for every metric in the registry, so that a new file needs no test of its own to be checked."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np
import pytest
import torch

from ganeval.errors import GanevalError
from ganeval.metrics.metric import PAIR_SETS, Metric, checked, registered
from ganeval.summaries import Features, Labelled, Summary

METRICS = sorted(registered().values(), key=lambda metric: metric.name)
FEWER = {"steps": 40, "floor": False}  # options that only buy accuracy, or something beside the value
every_metric = pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)


def rows(n: int, seed: int, mean: float = 0.0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(mean, 1, (n, 12)).astype(np.float32))


def of_pairs(n: int, seed: int, mean: float = 0.0) -> torch.Tensor:
    """What extractors of pairs give: one number between 0 and 1, larger for a larger mean."""
    return torch.sigmoid(rows(n, seed, mean)[:, :1])


def labels_of(data: torch.Tensor) -> torch.Tensor:
    """Three equal classes by the first column, so that labels stay with their rows in any order."""
    return data[:, 0].argsort().argsort() * 3 // len(data)


def in_one_pass(kind: type[Summary], data: torch.Tensor, batch: int = 64) -> Summary:
    made = kind()
    for part in torch.split(data, batch):
        made.update(part)
    return made


def in_shards(kind: type[Summary], data: torch.Tensor) -> Summary:
    """As three workers would: a summary of each part, the parts of different sizes, then all into one."""
    made = kind()
    for part in data.split([len(data) // 2, len(data) // 3, len(data) - len(data) // 2 - len(data) // 3]):
        made.merge(in_one_pass(kind, part))
    return made


def compute(
    metric: Metric, sets: dict[str, torch.Tensor], make: Callable[[Any, torch.Tensor], Summary] = in_one_pass
) -> float:
    def summary(kind: type[Summary], data: torch.Tensor) -> Summary:
        made = make(Features if kind is Labelled else kind, data)
        return Labelled.of(made, labels_of(data)) if isinstance(made, Features) and kind is Labelled else made

    options: dict[str, Any] = {name: FEWER.get(name, default) for name, default in metric.options.items()}
    if metric.seeded:
        options["rng"] = np.random.default_rng(0)
    laid_out = metric.laws.rows or (lambda data: data)
    inputs = {role: summary(kind, laid_out(sets[role])) for role, kind in metric.sets.items()}
    return checked(metric, metric.function(**inputs, **options)).value


def some_sets(mean: float = 0.3) -> dict[str, torch.Tensor]:
    return {
        "real": rows(300, 0),
        "fake": rows(250, 1, mean),
        "train": rows(280, 2),
        "heldout": rows(260, 3),
        "real_pairs": of_pairs(200, 4),
        **{name: of_pairs(150, 5, mean) for name in PAIR_SETS if name != "real_pairs"},
    }


@cache
def as_ever(name: str) -> float:
    """The value of `some_sets()`, which many tests compare with: computed once."""
    return compute(registered()[name], some_sets())


@every_metric
def test_value_lies_in_the_stated_range(metric: Metric) -> None:
    low, high = metric.range
    for value in (as_ever(metric.name), *(compute(metric, some_sets(mean)) for mean in (0.0, 5.0))):
        assert low <= value <= high


@every_metric
def test_batches_change_nothing(metric: Metric) -> None:
    for batch in (1, 7):
        assert compute(metric, some_sets(), partial(in_one_pass, batch=batch)) == as_ever(metric.name)


@every_metric
def test_shards_change_nothing(metric: Metric) -> None:
    assert compute(metric, some_sets(), in_shards) == pytest.approx(as_ever(metric.name), rel=1e-9, abs=1e-12)


@every_metric
def test_features_that_are_no_numbers_are_refused(metric: Metric) -> None:
    for role in metric.sets:
        sets = some_sets()
        sets[role][7, 0] = torch.nan
        with pytest.raises(GanevalError, match="1 of 64 rows of features hold NaN or infinity"):
            compute(metric, sets)


@every_metric
def test_order_of_samples_changes_nothing(metric: Metric) -> None:
    sets = some_sets()
    shuffled = {
        role: data[torch.randperm(len(data), generator=torch.Generator().manual_seed(4))] for role, data in sets.items()
    }
    rel = 0.05 if metric.laws.ordered else 1e-9
    assert compute(metric, shuffled) == pytest.approx(as_ever(metric.name), rel=rel, abs=1e-12)


@every_metric
def test_inputs_are_left_as_they_were(metric: Metric) -> None:
    sets = some_sets()
    before = {role: data.clone() for role, data in sets.items()}
    compute(metric, sets)
    assert all(torch.equal(sets[role], before[role]) for role in sets)


@every_metric
def test_a_copy_of_the_real_set_reaches_the_optimum(metric: Metric) -> None:
    if metric.optimum is None or not {"real", "pairs"} & set(metric.sets):
        pytest.skip("no optimum on identical sets is claimed")
    same = some_sets() | {"fake": some_sets()["real"].clone(), "pairs": torch.zeros(300, 1)}
    # an optimum inside the range is one of the expectation: a finite copy may pass it
    expected = metric.optimum if metric.laws.copy is None else metric.laws.copy
    noise = 1e-9 if expected in metric.range else 0.35
    value = compute(metric, same)
    assert abs(value - expected) <= noise, (
        f"a copy scores {value}, the optimum is {expected}. Unbiased estimates pass it: then `range` goes on"
    )


@every_metric
def test_a_worse_generator_gets_a_worse_score(metric: Metric) -> None:
    if metric.better == "neither" or not {"real", "pairs"} & set(metric.sets) or "shift" not in metric.laws.sees:
        pytest.skip("no direction against the real set is claimed")
    ladder = [compute(metric, some_sets(mean)) for mean in (0.1, 0.7, 2.0)]
    assert ladder == sorted(ladder, reverse=metric.better == "higher")
    assert ladder[0] != ladder[-1]


@every_metric
def test_dropped_modes_give_a_worse_score(metric: Metric) -> None:
    if "modes" not in metric.laws.sees:
        pytest.skip("no eye for dropped modes is claimed")
    centres = 6 * rows(6, 9)

    def with_modes(kept: int) -> dict[str, torch.Tensor]:
        return {
            role: data + centres[torch.arange(len(data)) % (kept if role == "fake" else 6)]
            for role, data in some_sets(0.0).items()
        }

    ladder = [compute(metric, with_modes(kept)) for kept in (6, 3, 1)]
    assert ladder == sorted(ladder, reverse=metric.better == "higher")
    assert ladder[0] != ladder[-1]


@every_metric
def test_too_few_samples_are_refused_in_words(metric: Metric) -> None:
    sets = {role: data[:1] for role, data in some_sets().items()}
    with pytest.raises(GanevalError, match=r"at least \d+ samples"):
        compute(metric, sets)


@every_metric
def test_the_docstring_says_what_a_reader_needs(metric: Metric) -> None:
    text = inspect.getdoc(metric.function) or ""
    assert len(text) > 80
    assert metric.paper
    assert not metric.summary.startswith("Compute")
    assert len(metric.options) <= 6


@every_metric
def test_only_the_fake_set_is_the_generators(metric: Metric) -> None:
    assert ({"fake", *PAIR_SETS} - {"real_pairs"}) & set(metric.sets)
