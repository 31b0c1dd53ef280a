"""Laws of a comparison: what may share a column, who is best, and what is said of the rest."""

import math
from pathlib import Path

import pytest

from ganeval.compare import compare, distinct_names, plain
from ganeval.errors import GanevalError
from ganeval.scorecard import ImageSetRecord, Score, Scorecard


def score(metric, value, **changes):
    return Score(metric=metric, features="net.pool", value=value, counts={"real": 9, "fake": 9}, **changes)


def card(name, *scores, reference="aa", **protocol):
    known = {"preset": "ganeval", "seed": 0, "sets": {"real": "9 x aa"}} | protocol
    return Scorecard(
        name=name,
        fake=ImageSetRecord(name=name, fingerprint="f", count=9),
        reference=ImageSetRecord(name="photos", fingerprint=reference, count=9),
        protocol=known | {"fingerprint": repr(sorted(known.items()))},
        scores=list(scores),
    )


def best(comparison, metric):
    return {row.name for row, cell in comparison.cells(comparison.column(metric)) if cell.best}


def test_columns_stand_as_first_seen_and_missing_scores_leave_a_gap():
    comparison = compare([card("a", score("fd", 1.0)), card("b", score("kid", 2.0), score("fd", 3.0))])
    assert [column.metric for column in comparison.columns] == ["fd", "kid"]
    assert comparison.rows[0].cells[1] is None
    assert comparison.rows[1].cells[0].score.value == 3.0


@pytest.mark.parametrize(("better", "winners"), [("lower", {"a"}), ("higher", {"b", "c"}), ("neither", set())])
def test_best_follows_the_direction_and_ties_share_it(better, winners):
    cards = [card(n, score("m", v, better=better)) for n, v in (("a", 1.0), ("b", 2.0), ("c", 2.0), ("d", math.nan))]
    assert best(compare(cards), "m") == winners


def test_a_yardstick_comes_last_and_is_never_best():
    cards = [card("real", score("fd", 0.1)), card("a", score("fd", 5.0)), card("b", score("fd", 6.0))]
    comparison = compare(cards, yardsticks={"real"})
    assert [row.name for row in comparison.rows] == ["a", "b", "real"]
    assert best(comparison, "fd") == {"a"}


def test_one_model_alone_is_not_called_best():
    comparison = compare([card("a", score("fd", 5.0)), card("real", score("fd", 1.0))], yardsticks={"real"})
    assert best(comparison, "fd") == set()


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (card("b", score("fd", 2.0), seed=7), ["protocol.seed", "a has 0", "b has 7"]),
        (card("b", score("fd", 2.0), resize="tf1"), ["protocol.resize", "a has nothing", "b has tf1"]),
        (card("b", score("fd", 2.0), sets={"real": "5 x bb"}), ["protocol.sets.real", "9 x aa", "5 x bb"]),
        (card("b", score("fd", 2.0), reference="bb"), ["reference.fingerprint", "a has aa", "b has bb"]),
        (card("b", score("fd", 2.0, options={"k": 5})), ["options.k", "a has nothing", "b has 5"]),
        (
            card("b", score("fd", 2.0).model_copy(update={"counts": {"real": 9, "fake": 5}})),
            ["samples.fake", "a has 9", "b has 5"],
        ),
    ],
)
def test_different_protocols_are_refused_by_name_and_marked_by_force(other, words):
    cards = [card("a", score("fd", 1.0)), other]
    with pytest.raises(GanevalError) as refused:
        compare(cards)
    assert all(word in str(refused.value) for word in [*words, "--force"])
    assert "protocol.fingerprint" not in str(refused.value)
    forced = compare(cards, force=True)
    assert [row.cells[0].foreign for row in forced.rows] == [False, True]
    assert best(forced, "fd") == set()
    assert len(forced.footnotes) == 1
    assert "b" in forced.footnotes[0]
    assert words[0] in forced.footnotes[0]


def test_what_a_score_does_not_rest_on_does_not_matter():
    plain_card = card("a", score("fd", 1.0), extractors={"net": "w1"})
    richer = card(
        "b",
        score("fd", 2.0),
        score("authpct", 50.0),
        extractors={"net": "w1", "other": "w2"},
        sets={"real": "9 x aa", "train": "5 x tt"},
    )
    assert len(compare([plain_card, richer]).columns) == 2
    with pytest.raises(GanevalError, match=r"protocol\.extractors\.net: a has w1, b has w9"):
        compare([plain_card, card("b", score("fd", 2.0), extractors={"net": "w9", "other": "w2"})])


def test_protocols_may_differ_where_no_column_is_shared():
    comparison = compare([card("a", score("fd", 1.0)), card("b", score("kid", 1.0), seed=7)])
    assert comparison.footnotes == ()


def test_a_card_is_only_marked_where_it_differs():
    ours = card("a", score("fd", 1.0), score("kid", 1.0))
    theirs = card("b", score("fd", 2.0), score("kid", 2.0, options={"subsets": 10}))
    forced = compare([ours, theirs], force=True)
    assert [cell.foreign for cell in forced.rows[1].cells] == [False, True]
    assert "in kid (net.pool)" in forced.footnotes[0]


def test_what_cannot_be_compared_says_so():
    a = card("a", score("fd", 1.0))
    with pytest.raises(GanevalError, match="no scorecard"):
        compare([])
    with pytest.raises(GanevalError, match="2 scorecards are called 'a'"):
        compare([a, a])
    with pytest.raises(GanevalError, match="did you mean 'a'"):
        compare([a], yardsticks={"aa"})
    with pytest.raises(GanevalError, match="2 times"):
        compare([card("a", score("fd", 1.0), score("fd", 2.0))])
    with pytest.raises(GanevalError, match="1 names for 2 scorecards"):
        compare([a, a], names=["x"])
    with pytest.raises(GanevalError, match="did you mean 'fd'"):
        compare([a]).column("fdd")


def test_names_that_occur_twice_get_their_place():
    a, b = card("dcgan"), card("other")
    paths = [Path(p) for p in ("/r/one/x/scorecard.json", "/r/two/x", "/r/three/scorecard.json")]
    assert distinct_names([a, a, b], paths) == ["dcgan (one/x)", "dcgan (two/x)", "other"]
    assert distinct_names([a, a], [Path("/r/p.json"), Path("/r/q.json")]) == ["dcgan (p.json)", "dcgan (q.json)"]
    with pytest.raises(GanevalError, match="named 2 times"):
        distinct_names([a, a], [Path("/r/x"), Path("/r/x/scorecard.json")])


def test_names_cannot_steer_a_terminal():
    assert plain("a\x1b[2J\nb\u202ec\u200b") == "a [2J bc"
    assert compare([card("a\x1b]0;b", score("fd", 1.0))]).rows[0].name == "a ]0;b"
