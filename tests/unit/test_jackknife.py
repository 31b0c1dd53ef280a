"""Pseudo-values: what they are made of, that they vary as scores do, and that A/A tests raise no alarm."""

import math

import numpy as np
import pytest
import torch

from ganeval.errors import GanevalError
from ganeval.jackknife import Asked, jackknife
from ganeval.kernels import mmd2, polynomial
from ganeval.metrics.metric import get
from ganeval.significance import paired
from ganeval.summaries import Features


def rows(rng, count, shift=0.0, width=4):
    return torch.from_numpy(rng.normal(shift, 1, size=(count, width)).astype(np.float32))


def asked(*names):
    return [Asked(name, get(name)) for name in names]


def test_each_is_the_metric_without_a_group_whatever_distances_are_shared():
    rng = np.random.default_rng(0)
    real, fake = rows(rng, 60), rows(rng, 50, 0.3)
    (found,) = jackknife(real, [fake], asked("precision", "recall", "kid", "fd"), groups=5)
    metric = get("recall")

    def value(left):
        kept = [torch.from_numpy(np.random.default_rng([0, n]).permutation(n) % 5 != left) for n in (60, 50)]
        summaries = [Features(), Features()]
        for summary, each, keep in zip(summaries, (real, fake), kept):
            summary.update(each[keep].clone())
        return metric.function(*summaries)

    expected = [5 * value(-1) - 4 * value(group) for group in range(5)]
    assert list(found["recall"].parts["groups"]) == pytest.approx(expected)
    assert {name: len(pieces.parts["groups"]) for name, pieces in found.items()} == dict.fromkeys(
        ("precision", "recall", "kid", "fd"), 5
    )


def test_their_spread_is_the_standard_error_of_kid():
    rng = np.random.default_rng(1)
    variances, errors = [], []
    for _ in range(8):
        real, fake = rows(rng, 200), rows(rng, 200, 0.5)
        (found,) = jackknife(real, [fake], asked("kid"), groups=10)
        variances.append(found["kid"].parts["groups"].var(ddof=1) / 10)
        errors.append(mmd2(real, fake, polynomial(3)).error)
    assert math.sqrt(np.mean(variances)) == pytest.approx(np.mean(errors), rel=0.25)


def test_two_models_of_one_kind_raise_no_more_alarms_than_stated_and_a_worse_one_is_seen():
    rng = np.random.default_rng(2)
    names = ("fd", "kid", "precision", "recall")
    alarms, seen, trials = dict.fromkeys(names, 0), 0, 40
    for _ in range(trials):
        real, a, b = rows(rng, 120), rows(rng, 120, 0.2), rows(rng, 120, 0.2)
        found = jackknife(real, [a, b, a + 0.15], asked(*names), groups=10)
        for name in names:
            alarms[name] += paired(found[0][name], found[1][name]).p < 0.05
        seen += paired(found[0]["fd"], found[2]["fd"]).p < 0.05
    assert max(alarms.values()) <= 6, alarms  # binomial(40, 0.05) is above 6 once in 300
    assert seen >= 36


def test_too_few_samples_are_refused_and_a_metric_that_cannot_be_computed_is_left_out():
    rng = np.random.default_rng(3)
    with pytest.raises(GanevalError, match="30 samples are too few for 20 groups"):
        jackknife(rows(rng, 30), [rows(rng, 50)], asked("fd"))
    impossible = Asked("kid", get("kid"), {"subsets": 5, "subset_size": 1000})
    (found,) = jackknife(rows(rng, 40), [rows(rng, 40)], [impossible, *asked("fd")], groups=4)
    assert set(found) == {"fd"}
    assert not Asked("authpct", get("authpct")).possible
