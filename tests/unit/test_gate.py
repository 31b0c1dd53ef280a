"""The gate's definitions: when a check passes, fails or stays undecided, and what it refuses to answer."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from ganeval.asking import Margin, parse_margin, parse_requirement
from ganeval.errors import GanevalError
from ganeval.gate import judge
from ganeval.scorecard import ImageSetRecord, Score, Scorecard
from ganeval.testing import assert_no_worse, assert_requirements


def score(metric, value, reach=None, **changes):
    ends = {} if reach is None else {"low": value - reach, "high": value + reach}
    about = {"features": "net.pool", "method": "95% test", "counts": {"real": 1000, "fake": 1000}} | ends | changes
    return Score(metric=metric, value=value, **about)


def card(*scores, name="new", seed=0, skipped=None):
    protocol = {"preset": "ganeval", "seed": seed}
    return Scorecard(
        name=name,
        fake=ImageSetRecord(name=name, fingerprint=name, count=1000),
        reference=ImageSetRecord(name="photos", fingerprint="aa", count=1000),
        protocol=protocol | {"fingerprint": str(seed)},
        scores=list(scores),
        skipped=skipped or {},
    )


def one(text, *scores, **changes):
    (check,) = judge(card(*scores, **changes), [parse_requirement(text)]).checks
    return check


@pytest.mark.parametrize(
    ("text", "status"),
    [
        *(("fd<=12", "pass"), ("fd<=11", "pass"), ("fd<11", "undecided"), ("fd<=10.5", "undecided")),
        *(("fd<=9", "undecided"), ("fd<9", "fail"), ("fd<=8.9", "fail"), ("fd>=9", "pass"), ("fd>9", "undecided")),
        *(("fd>=11", "undecided"), ("fd>11", "fail"), ("fd >= 11.5", "fail")),
    ],
)
def test_a_requirement_is_decided_by_the_whole_interval(text, status):
    assert one(text, score("fd", 10.0, 1.0)).status == status


def test_a_higher_level_widens_the_interval_and_the_method_says_what_it_was():
    scores = [score("fd", 10.0, 1.0)]
    assert judge(card(*scores), [parse_requirement("fd<=11.1")], level=0.95).status == "pass"
    assert judge(card(*scores), [parse_requirement("fd<=11.1")], level=0.99).status == "undecided"
    scores = [score("fd", 10.0, 1.0, method="99% test")]
    assert judge(card(*scores), [parse_requirement("fd<=10.8")], level=0.95).status == "pass"


def test_undecided_says_how_many_images_would_decide():
    check = one("fd<=10.5", score("fd", 10.0, 1.0))
    assert check.needed == math.ceil(1000 * ((1.959964 + 0.841621) / 1.959964 / 0.5) ** 2)
    assert one("fd<=10", score("fd", 10.0, 1.0)).needed is None


def test_a_missing_metric_and_one_that_is_no_number_fail():
    check = one("fd<=5", score("kid", 1.0), skipped={"fd": "too few samples"})
    assert (check.status, check.why) == ("fail", "new has no fd: too few samples")
    assert one("fd@inception<=5", score("fd", 1.0, 0.1)).status == "fail"
    assert one("fd<=5", score("fd", math.nan)).status == "fail"


def test_without_an_interval_a_requirement_looks_at_the_value_and_says_so():
    assert one("fd<=5", score("fd", 4.0)).status == "pass"
    check = one("fd<=5", score("fd", 6.0))
    assert check.status == "fail"
    assert "value alone" in check.why


def test_features_tell_two_scores_of_one_metric_apart():
    scores = [score("fd", 1.0, 0.1), score("fd", 9.0, 0.1, features="timm:resnet18.pool")]
    assert one("fd@net<=2", *scores).status == "pass"
    assert one("fd@timm:resnet18.pool<=2", *scores).status == "fail"
    with pytest.raises(GanevalError, match=r"fd@net\.pool, fd@timm:resnet18.pool"):
        one("fd<=2", *scores)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("fd", "is no requirement"),
        ("<=20", "is no requirement"),
        ("fd<=", "is no number"),
        ("fd<=2%", "is no number"),
        ("fd<=nan", "is no number"),
        ("fd<=inf", "is no number"),
        ("fd<=20 or kid<=1", "is no requirement"),
        ("fd=<20", "did you mean '<='"),
        ("fd==20", "never equal"),
        ("fd!=20", "never equal"),
        ("10<fd<20", "is no requirement"),
    ],
)
def test_the_grammar_is_strict(text, says):
    with pytest.raises(GanevalError, match=says):
        parse_requirement(text)


@pytest.mark.parametrize("text", ["fd", "fd=", "=2", "fd=-1", "fd=2 %%", "fd=x%"])
def test_margins_are_strict(text):
    with pytest.raises(GanevalError, match="margin"):
        parse_margin(text)


def test_unknown_metrics_are_refused_with_the_nearest():
    with pytest.raises(GanevalError, match="did you mean 'fid'"):
        one("fidd<=2", score("fd", 1.0, 0.1))
    with pytest.raises(GanevalError, match="did you mean 'kid'"):
        judge(card(), baseline=card(), no_worse={"kidd": Margin()})


def against(ours, theirs, margin="0", **changes):
    names = {ours.metric: parse_margin(f"x={margin}")[1]}
    verdict = judge(card(ours), baseline=card(theirs, name="old", **changes), no_worse=names)
    return verdict.checks[0]


def test_no_worse_is_three_valued():
    old = score("fd", 10.0, 1.0)
    assert against(score("fd", 10.1, 1.0), old).status == "undecided"
    assert against(score("fd", 10.1, 1.0), old, "20%").status == "pass"
    assert against(score("fd", 10.1, 1.0), old, "2").status == "pass"
    assert against(score("fd", 13.0, 1.0), old).status == "fail"
    assert against(score("fd", 13.0, 1.0), old, "2").status == "undecided"
    assert against(score("fd", 8.0, 1.0), old).status == "pass"


def test_higher_is_better_where_it_is():
    old = score("recall", 0.5, 0.02, better="higher")
    assert against(score("recall", 0.45, 0.02, better="higher"), old).status == "fail"
    assert against(score("recall", 0.55, 0.02, better="higher"), old).status == "pass"
    assert against(score("recall", 0.49, 0.02, better="higher"), old, "10%").status == "pass"
    with pytest.raises(GanevalError, match="no better direction"):
        against(score("authpct", 50, 1, better="neither"), score("authpct", 50, 1, better="neither"))


def test_the_bound_that_is_shown_is_the_bound_that_decides():
    check = against(score("fd", 10.1, 1.0), score("fd", 10.0, 1.0), "20%")
    assert check.margin == pytest.approx(2.0)
    assert check.worse == pytest.approx(0.1)
    error = math.hypot(1.0, 1.2) / 1.959964  # a fifth more than the baseline: so is its noise
    assert check.high == pytest.approx(0.1 + 1.644854 * error)
    undecided = against(score("fd", 10.1, 1.0), score("fd", 10.0, 1.0))
    assert undecided.needed == pytest.approx(1000 * (2.4865 * math.sqrt(2) / 1.96 / 0.1) ** 2, rel=1e-3)


def test_the_same_images_are_no_worse_than_themselves_and_no_interval_decides_nothing():
    same = score("fd", 10.0, 1.0)
    assert judge(card(same), baseline=card(same), no_worse={"fd": Margin()}).status == "pass"
    assert against(score("fd", 11.0), score("fd", 10.0)).status == "undecided"


def test_several_comparisons_are_corrected_by_holm():
    """One difference of 1.8 standard errors is significant alone and no longer among five."""
    names = ["fd", "kid", "swd", "emd", "mind"]
    reach = 1.96 / math.sqrt(2)
    new = card(score("fd", 1.8, reach), *(score(name, 0.0, reach) for name in names[1:]))
    old = card(*(score(name, 0.0, reach) for name in names), name="old")
    assert judge(new, baseline=old, no_worse={"fd": Margin()}).status == "fail"
    assert judge(new, baseline=old, no_worse=dict.fromkeys(names, Margin())).status == "undecided"


def test_false_alarms_over_two_equal_models_stay_at_five_per_cent():
    values = np.random.default_rng(0).normal(size=(20_000, 2, 3))
    alarms = (np.diff(-values, axis=1) > math.sqrt(2) * norm.ppf(1 - 0.05 / 3)).any(axis=(1, 2))
    assert alarms.mean() < 0.05 + 2 * math.sqrt(0.05 * 0.95 / len(alarms))
    names = ("fd", "kid", "swd")
    for trial, alarm in zip(values[:200], alarms):
        new, old = (
            card(*(score(m, v, 1.959964) for m, v in zip(names, row)), name=n) for n, row in zip(("new", "old"), trial)
        )
        assert (judge(new, baseline=old, no_worse=dict.fromkeys(names, Margin())).status == "fail") == alarm


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (card(score("fd", 1.0, 0.1), name="old", seed=1), "protocol.seed"),
        (card(score("fd", 1.0, 0.1, counts={"real": 1000, "fake": 500}), name="old"), "samples.fake"),
        (card(score("fd", 1.0, 0.1, options={"ddof": 0}), name="old"), "options.ddof"),
        (card(score("fd", 1.0, 0.1, features="other.pool"), name="old"), "same features"),
    ],
)
def test_other_protocols_are_refused(other, says):
    with pytest.raises(GanevalError, match=says) as refused:
        judge(card(score("fd", 1.0, 0.1)), baseline=other, no_worse={"fd": Margin()})
    assert "--force" not in str(refused.value)


def test_what_is_not_compared_may_differ():
    new = card(score("fd", 1.0, 0.1), score("kid", 1.0, 0.1, options={"degree": 2}))
    old = card(score("fd", 5.0, 0.1), score("kid", 1.0, 0.1), name="old")
    assert judge(new, baseline=old, no_worse={"fd": Margin()}).status == "pass"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({}, "nothing to decide"),
        ({"baseline": card()}, "baseline alone"),
        ({"no_worse": {"fd": Margin()}}, "no worse than what"),
        ({"requirements": [parse_requirement("fd<1")], "level": 95}, "level is 95"),
    ],
)
def test_questions_that_cannot_be_answered(arguments, says):
    with pytest.raises(GanevalError, match=says):
        judge(card(), **arguments)


def test_a_share_of_a_baseline_below_zero_is_no_margin():
    with pytest.raises(GanevalError, match="own units"):
        against(score("kid", 0.1, 0.01), score("kid", -0.1, 0.01), "2%")


def test_assertions_for_test_suites(tmp_path):
    new, old = card(score("fd", 10.0, 1.0)), card(score("fd", 10.5, 1.0), name="old")
    new.save(tmp_path / "scorecard.json")
    assert_requirements(tmp_path, ["fd<=12"])
    assert_no_worse(str(tmp_path), old, ["fd"], margin="20%")
    assert_no_worse(new, old, ["fd"], margin={"fd": 2.5})
    assert_no_worse(new, old, ["fd"], undecided="pass")
    with pytest.raises(AssertionError, match="undecided: fd no worse, margin 0: worse by"):
        assert_no_worse(new, old, ["fd"])
    with pytest.raises(AssertionError, match="violates"):
        assert_requirements(new, ["fd<=5"])
    with pytest.raises(GanevalError, match="did you mean 'fd'"):
        assert_no_worse(new, old, ["fd"], margin={"fid": 1})
