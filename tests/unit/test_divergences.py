"""Divergences between samples against pairs whose truth is known."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from ganeval.classifier_ratios import classifier_ratios
from ganeval.kernel_ratios import kernel_ratios
from ganeval.metrics.metric import registered
from ganeval.neighbour_ratios import entropy_terms, intrinsic_dimension
from ganeval.ratios import WIDER, LogRatios, estimated, swapped
from ganeval.summaries import Features
from ganeval.testing.truth import pair, parallel_lines
from ganeval.uncertainty import Estimate


def features(rows: torch.Tensor) -> Features:
    made = Features()
    made.update(rows)
    return made


def computed(name: str, real: torch.Tensor, fake: torch.Tensor, **options: Any) -> Estimate:
    metric = registered()[name]
    if metric.seeded:
        options["rng"] = np.random.default_rng(0)
    found = metric.function(features(real), features(fake), **options)
    assert isinstance(found, Estimate)
    return found


@pytest.mark.parametrize(
    ("name", "truth", "pair_name", "width", "allowance"),
    [
        ("js_classifier", "js", "shift", 1, 0.12),
        ("js_classifier", "js", "scale", 8, 0.15),
        ("kl_classifier", "kl", "shift", 2, 0.15),
        ("js_nearest", "js", "mixture", 1, 0.15),
        ("kl_nearest", "kl", "mixture", 1, 0.2),
        ("js_density", "js", "shift", 1, 0.12),
        ("kl_density", "kl", "shift", 1, 0.15),
        ("tv_density", "tv", "scale", 1, 0.1),
        ("chi2_density", "chi2", "scale", 1, 0.2),
        ("w1", "w1", "mixture", 1, 0.1),
        ("w1_critic", "w1", "shift", 2, 0.2),
    ],
)
def test_estimates_are_near_the_truth(name: str, truth: str, pair_name: str, width: int, allowance: float) -> None:
    made = pair(pair_name, width)
    real, fake = made.samples(1500, 7)
    found, true = computed(name, real, fake), made.known[truth].value
    assert found.value == pytest.approx(true, rel=allowance)
    assert found.low is not None
    assert found.high is not None
    assert found.low <= found.value <= found.high


@pytest.mark.parametrize("estimator", ["kernel", "histogram"])
@pytest.mark.parametrize(("name", "truth"), [("js_density", "js"), ("kl_density", "kl"), ("tv_density", "tv")])
def test_densities_and_histograms_agree(name: str, truth: str, estimator: str) -> None:
    made = pair("mixture", 1)
    found = computed(name, *made.samples(3000, 1), estimator=estimator, components=1)
    assert found.value == pytest.approx(made.known[truth].value, rel=0.12)


def test_corrections_take_away_most_of_what_few_samples_add_to_equal_sets() -> None:
    values = {"none": 0.0, "miller_madow": 0.0, "jackknife": 0.0}
    for seed in range(10):
        for correction in values:
            found = computed(
                "js_density", *pair("equal", 1).samples(200, seed), estimator="histogram", correction=correction
            )
            values[correction] += found.details["unclipped"] / 10
    assert values["none"] > 0.005
    assert abs(values["miller_madow"]) < 0.3 * values["none"]
    assert abs(values["jackknife"]) < 0.5 * values["none"]


def test_js_is_symmetric_and_kl_turns_round() -> None:
    real, fake = pair("covariance", 3).samples(300, 2)
    for name in ("js_classifier", "js_nearest", "js_density"):
        assert computed(name, real, fake).value == pytest.approx(computed(name, fake, real).value, rel=1e-3)
    for name in ("kl_classifier", "kl_nearest", "kl_density"):
        turned = computed(name, fake, real, direction="fake_real").value
        assert computed(name, real, fake).value == pytest.approx(turned, rel=1e-3)


@pytest.mark.parametrize(
    "name", ["js_classifier", "kl_classifier", "js_nearest", "kl_nearest", "js_density", "sinkhorn"]
)
def test_rotation_and_shift_change_next_to_nothing(name: str) -> None:
    real, fake = pair("covariance", 3).samples(600, 3)
    turn = torch.linalg.qr(torch.from_numpy(np.random.default_rng(1).standard_normal((3, 3))).float())[0]
    plain, turned = computed(name, real, fake), computed(name, real @ turn + 5, fake @ turn + 5)
    assert plain.low is not None
    assert turned.value == pytest.approx(plain.value, abs=0.5 * (plain.value - plain.low))


def test_bounds_lie_below_the_truth_and_intervals_cover() -> None:
    made = pair("shift", 2)
    true = made.known["js"].value
    found = [computed("js_classifier", *made.samples(400, seed), floor=False, network=False) for seed in range(40)]
    assert sum(one.details["bound"] > true for one in found) <= 6  # 2 expected
    assert sum(bool(one.low <= true <= one.high) for one in found if one.low and one.high) >= 33


def test_the_true_ratio_gives_the_divergences_themselves() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(0, 1, 200_000), rng.normal(1, 1, 200_000)
    ratios = LogRatios(0.5 - x[None], 0.5 - y[None], "the truth")
    assert estimated(ratios, "kl").value == pytest.approx(0.5, rel=0.02)
    assert estimated(ratios, "kl_reverse").value == pytest.approx(0.5, rel=0.02)
    assert estimated(ratios, "tv").value == pytest.approx(0.3829, rel=0.02)
    assert estimated(ratios, "chi2").value == pytest.approx(math.expm1(1), rel=0.1)
    assert estimated(swapped(ratios), "js").value == pytest.approx(estimated(ratios, "js").value)


def test_disjoint_supports_are_named_and_distances_recommended() -> None:
    real, fake = parallel_lines(0.5).samples(300)
    overlap = computed("support_overlap", real, fake)
    assert overlap.value < 0.01
    assert "w1" in overlap.details["warnings"][0]
    assert computed("js_classifier", real, fake).value == pytest.approx(math.log(2), rel=0.01)
    assert "infinite" in computed("kl_classifier", real, fake).details["warnings"][0]
    assert "warnings" not in computed("support_overlap", *pair("shift", 2).samples(300)).details


def test_many_dimensions_are_warned_of() -> None:
    real, fake = pair("shift", 32).samples(300)
    assert "dimensions" in computed("kl_nearest", real, fake).details["warnings"][0]
    assert "principal" in computed("js_density", real, fake).details["warnings"][0]
    assert "go together" in computed("js_classifier", real, fake).details["warnings"][0]
    assert "warnings" not in computed("js_nearest", *pair("manifold", 32).samples(300)).details


def warned(name: str, pair_name: str, width: int, count: int = 600) -> str:
    found = computed(name, *pair(pair_name, width).samples(count, 1))
    return " ".join(found.details.get("warnings", []))


def test_nearest_neighbours_warn_where_more_of_them_give_another_value() -> None:
    for pair_name in ("covariance", "mode dropped"):  # half or less of KL is found there
        assert "5 neighbours give" in warned("kl_nearest", pair_name, 2)
    for pair_name in ("equal", "scale"):
        assert warned("kl_nearest", pair_name, 2) == ""
    assert warned("js_nearest", "mixture", 1) == ""


def test_a_critic_warns_where_it_knows_only_its_own_samples() -> None:
    assert "higher than this bound" in warned("w1_critic", "scale", 16)
    assert warned("w1_critic", "shift", 2) == ""


def test_a_value_that_few_fits_prove_is_warned_of() -> None:
    assert "nats, and the rest" in warned("js_classifier", "mixture", 16)
    assert warned("js_classifier", "shift", 2) == ""


def test_a_shape_in_few_of_many_dimensions_is_learnt() -> None:
    made = pair("mixture", 16)
    found = computed("js_classifier", *made.samples(3000, 1), floor=False)
    assert found.value == pytest.approx(made.known["js"].value, rel=0.2)


def test_intervals_reach_up_by_what_flexible_fits_miss() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(0, 1, 2000), rng.normal(1, 1, 2000)
    real, fake = (np.stack([0.5 - side + 0.5 * rng.standard_normal(2000) for _ in range(2)]) for side in (x, y))
    flexible = LogRatios(real, fake, "all of it flexible")
    fixed = estimated(replace(flexible, plain=flexible), "js")
    assert fixed.high is not None
    missed = fixed.details["unclipped"] - fixed.details["bound_mean"]
    assert missed > 0.005
    assert estimated(flexible, "js").high == pytest.approx(fixed.high + missed)


def test_intervals_reach_up_by_what_wider_kernels_lose() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(0, 1, 2000), rng.normal(1, 1, 2000)
    sharp = LogRatios(0.5 - x[None], 0.5 - y[None], "the truth")
    blurred = LogRatios(0.7 * sharp.real, 0.7 * sharp.fake, "wider")
    alone, both = estimated(sharp, "js"), estimated(replace(sharp, wider=blurred), "js")
    lost = alone.value - estimated(blurred, "js").value
    assert alone.high is not None
    assert lost > 0.005
    assert both.high == pytest.approx(alone.high + lost / (WIDER**2 - 1))
    assert estimated(replace(blurred, wider=sharp), "js").high == estimated(blurred, "js").high


@pytest.mark.parametrize(
    ("name", "truth", "pair_name", "options"),
    [
        ("js_nearest", "js", "uniforms", {}),  # borders within a ball: 45 % without a second opinion
        ("kl_nearest", "kl", "shift", {}),  # 55 %
        ("js_density", "js", "uniforms", {"estimator": "histogram"}),  # borders within a bin: 55 %
        ("tv_density", "tv", "uniforms", {"estimator": "histogram"}),  # bins of two equal densities: 5 %
        ("kl_density", "kl_reverse", "mixture", {"direction": "fake_real"}),  # 60 %
    ],
)
def test_intervals_hold_what_balls_bins_and_kernels_blur(
    name: str, truth: str, pair_name: str, options: dict[str, Any]
) -> None:
    made = pair(pair_name, 2)
    true, held = made.known[truth].value, 0
    for seed in range(12):
        found = computed(name, *made.samples(1000, seed), **options)
        assert found.low is not None
        assert found.high is not None
        held += found.low <= true <= found.high
    assert held >= 10


def test_no_samples_show_that_js_is_less_than_log_2_where_none_overlap() -> None:
    for name in ("js_classifier", "js_density"):
        assert computed(name, *pair("one dimension disjoint", 1).samples(300)).high == pytest.approx(math.log(2))


def test_borders_of_supports_are_warned_of() -> None:
    assert "border" in warned("js_density", "uniforms", 1, 2000)
    assert "border" in warned("js_classifier", "uniforms", 1, 2000)
    for name in ("shift", "one dimension disjoint"):
        assert warned("js_density", name, 1, 2000) == ""


def test_kl_that_rests_on_ratios_no_sample_shows_is_warned_of() -> None:
    assert "is a guess" in warned("kl_density", "covariance", 2, 3000)
    assert warned("kl_density", "shift", 2, 3000) == ""


def test_histograms_warn_of_wide_and_of_lonely_bins() -> None:
    def told(name: str, pair_name: str) -> str:
        found = computed(name, *pair(pair_name, 2).samples(1000, 0), estimator="histogram")
        return " ".join(found.details.get("warnings", []))

    assert "coarser bins lose" in told("kl_density", "covariance")
    assert "fewer than 5" in told("kl_density", "mode dropped")
    assert told("js_density", "shift") == ""


def test_the_interval_of_a_critic_reaches_what_its_largest_slope_cost() -> None:
    made = pair("shift", 1)
    found = computed("w1_critic", *made.samples(500, 0), steps=150)
    assert found.low is not None
    assert found.high is not None
    assert found.details["mean_slope"][0] < found.details["lipschitz"][0]
    assert found.value - found.low < found.high - found.value
    assert found.value < made.known["w1"].value < found.high


def test_the_interval_of_a_critic_reaches_what_few_samples_taught_it() -> None:
    made = pair("one dimension disjoint", 16)
    true = made.known["w1"].value
    found = [computed("w1_critic", *made.samples(400, seed)) for seed in range(3)]
    assert all(one.details["learnt_from"] > 1.03 * one.value for one in found)
    assert all(one.value < 0.95 * true < true < one.high for one in found if one.high is not None)


def test_chi_square_warns_where_the_squared_ratio_rests_on_few_samples() -> None:
    assert "mean of the square of the density ratio" in warned("chi2_density", "shift", 1, 1000)
    assert warned("chi2_density", "scale", 1, 1000) == ""


def test_a_mean_of_weights_that_rests_on_few_samples_is_warned_of() -> None:
    real, fake = np.full((1, 400), 1.0), np.full((1, 400), -1.0)
    steady = estimated(LogRatios(real, fake, "a rule"), "kl")
    fake[0, :20] = 5.0
    unsteady = estimated(LogRatios(real, fake, "a rule"), "kl")
    assert "warnings" not in steady.details
    assert "rests on 22 of 400" in unsteady.details["warnings"][0]
    assert "warnings" not in estimated(LogRatios(real, fake, "a rule"), "js").details


def test_one_wild_model_does_not_carry_kl_away() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(0, 1, 1000), rng.normal(1, 1, 1000)
    real, fake = (np.stack([0.5 - side] * 2) for side in (x, y))
    plain = estimated(LogRatios(real, fake, "two alike"), "kl").value
    fake[0, 0] = 30.0
    assert estimated(LogRatios(real, fake, "one of them wild"), "kl").value == pytest.approx(plain, abs=0.1)


def test_the_entropy_of_a_gaussian() -> None:
    x = pair("equal", 2).samples(3000)[0]
    assert entropy_terms(x, 5).mean() == pytest.approx(math.log(2 * math.pi * math.e), rel=0.03)
    assert intrinsic_dimension(x) == pytest.approx(2, rel=0.15)


def test_no_classifier_depends_on_the_global_state_or_moves_it() -> None:
    real, fake = pair("shift", 4).samples(200)
    first = classifier_ratios(real, fake).real
    assert np.array_equal(classifier_ratios(real.clone(), fake).real, first)  # computed again


def test_ratios_are_shared_between_metrics_of_the_same_sets_alone() -> None:
    real, fake = pair("shift", 1).samples(100)
    known = classifier_ratios(real, fake, network=False)
    assert known is classifier_ratios(real, fake, network=False)
    assert known is not classifier_ratios(fake, real, network=False)
    assert known is not classifier_ratios(real, fake)
    assert kernel_ratios(real, fake, 1) is kernel_ratios(real, fake, 1)
    assert kernel_ratios(real, fake, 1) is not kernel_ratios(real, fake, 2)


def test_sinkhorn_warns_where_its_bias_is_much_of_its_value() -> None:
    many, one = pair("shift", 16), pair("shift", 1)
    assert "bias of few samples" in computed("sinkhorn", *many.samples(200, 0)).details["warnings"][0]
    apart = [side * 0.01 + place for side, place in zip(one.samples(200, 0), (0.0, 5.0))]
    assert "warnings" not in computed("sinkhorn", *apart).details


def test_sinkhorn_warns_where_its_entropy_is_not_small() -> None:
    """In one dimension all plans that cross no one cost the same: the entropy picks the widest, and gains by it."""
    sets = pair("shift", 1).samples(1000, 0)
    found = computed("sinkhorn", *sets)
    exact = computed("w1", *sets).value
    assert found.value < 0.92 * exact
    assert found.details["plan_cost"] == pytest.approx(exact, rel=0.02)
    assert "no estimate of the Wasserstein distance at this blur" in found.details["warnings"][0]
