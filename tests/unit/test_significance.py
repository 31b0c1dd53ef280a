"""Tests of differences against closed forms, scipy, and simulations of A/A trials."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from ganeval.errors import GanevalError
from ganeval.scorecard import Score
from ganeval.significance import (
    Interval,
    Pieces,
    between_seeds,
    holm,
    interval_of,
    letters,
    paired,
    samples_needed,
    stated_level,
    unpaired,
)


def test_one_part_is_scipys_paired_t_test():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=30), rng.normal(0.3, 1, size=30)
    ours = paired(Pieces(x.mean(), {"fake": x}), Pieces(y.mean(), {"fake": y}))
    theirs = stats.ttest_rel(x, y)
    assert ours.p == pytest.approx(theirs.pvalue)
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs.confidence_interval()))


def test_parts_of_different_lengths_are_welchs_test():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=12), rng.normal(1, 3, size=20)
    ours = paired(Pieces(x.mean(), {"fake": x}), Pieces(y.mean(), {"fake": y}))
    assert ours.p == pytest.approx(stats.ttest_ind(x, y, equal_var=False).pvalue)
    assert between_seeds(list(x), list(y)).p == pytest.approx(ours.p)


def test_what_two_scores_share_cancels_and_two_sets_without_anything_in_common_lose_nothing():
    rng = np.random.default_rng(2)
    shared, a, b = rng.normal(size=(3, 2000))
    tight = paired(Pieces(0, {"real": 5 * shared + a}), Pieces(0, {"real": 5 * shared + b}))
    loose = paired(Pieces(0, {"real": a}), Pieces(0, {"real": b}))
    assert tight.error == pytest.approx(math.sqrt(2 / 2000), rel=0.1)
    assert loose.error == pytest.approx(tight.error, rel=0.1)


def trial(rng, shift):
    """Two models with 200 images each on one reference of 200, that matters more than they do."""
    real = rng.normal(size=200)
    fakes = rng.normal(size=(2, 200)) + [[shift], [0.0]]
    return [Pieces(f.mean() + 2 * real.mean(), {"fake": f, "real": 2 * real}) for f in fakes]


def interval(pieces):
    error = math.sqrt(sum(part.var() / len(part) for part in pieces.parts.values()))
    return Interval(pieces.value, 1.96 * error, 1.96 * error)


def test_p_values_of_a_a_trials_are_uniform_and_those_of_unpaired_ones_too_large():
    rng = np.random.default_rng(3)
    pairs = [trial(rng, 0.0) for _ in range(800)]
    assert stats.kstest([paired(*pair).p for pair in pairs], "uniform").pvalue > 0.01
    assert np.mean([unpaired(*map(interval, pair)).p < 0.05 for pair in pairs]) < 0.01


def test_power_is_what_the_sample_size_was_made_for():
    rng = np.random.default_rng(4)
    error = math.sqrt(2 / 200)
    shift = (1.96 + 0.8416) * error  # 200 samples are what is needed for this one
    found = [paired(*trial(rng, shift), count=200) for _ in range(400)]
    assert np.mean([difference.p < 0.05 for difference in found]) == pytest.approx(0.8, abs=0.06)
    assert samples_needed(200, shift, error, 1.959964) == pytest.approx(200, abs=1)
    assert np.mean([d.effect[0] for d in found]) == pytest.approx(shift / math.sqrt(2), rel=0.05)


def test_no_number_of_samples_settles_no_difference():
    assert samples_needed(1000, 0.0, 1.0, 1.96) is None
    assert samples_needed(1000, 1e-9, 1.0, 1.96) is None


def test_an_unpaired_difference_has_the_reaches_that_matter():
    found = unpaired(Interval(10.0, 3.0, 1.0), Interval(4.0, 2.0, 4.0))
    assert (found.value, found.low, found.high) == pytest.approx((6.0, 6 - 5.0, 6 + math.sqrt(5)))


def test_equal_scores_without_noise_are_equal_and_others_not():
    same = Pieces(1.0, {"fake": np.ones(5)})
    assert paired(same, same).p == 1.0
    assert paired(Pieces(2.0, {"fake": np.ones(5) * 2}), same).p == 0.0
    assert unpaired(Interval(1, 0, 0), Interval(1, 0, 0)).p == 1.0


def test_an_interval_elsewhere_than_its_value_is_taken_around_its_middle():
    assert Interval.of(5.0, 1.0, 3.0) == Interval(2.0, 1.0, 1.0)
    assert Interval.of(5.0, 4.0, 7.0) == Interval(5.0, 1.0, 2.0)


def test_the_level_is_read_from_the_method():
    assert [stated_level(m) for m in ("99.5% x", "95 % x", "x 90%")] == [0.995, 0.95, 0.95]


def test_holm_keeps_the_order_and_is_bonferroni_for_the_smallest():
    p = [0.2, 0.001, 0.04, 0.04]
    adjusted = holm(p)
    assert adjusted == pytest.approx([0.2, 0.004, 0.12, 0.12])
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1.0, 1.0]


@pytest.mark.parametrize("seed", range(20))
def test_letters_are_shared_exactly_by_those_not_told_apart(seed):
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 8))
    different = [pair for pair in itertools.combinations(range(count), 2) if rng.random() < 0.5]
    shown = letters(count, different)
    for i, j in itertools.combinations(range(count), 2):
        assert bool(set(shown[i]) & set(shown[j])) == ((i, j) not in different), (shown, different)
    assert all(shown)


def test_an_interval_around_a_bias_corrected_value_is_taken_around_that():
    about = {"metric": "fd", "features": "net.pool", "value": 1.9, "low": 0.0, "high": 2.0, "method": "90% interval"}
    assert interval_of(Score(**about, details={"bias_corrected": 0.8})) == Interval(0.8, 0.8, 1.2, 0.9)
    assert interval_of(Score(**about, level=0.99)).level == 0.99
    assert interval_of(Score(metric="fd", features="net.pool", value=1.0)) is None


def test_one_training_run_says_nothing_of_the_next():
    with pytest.raises(GanevalError, match="two or more"):
        between_seeds([1.0], [1.0, 2.0])
