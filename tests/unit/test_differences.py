"""Letters and differences of a comparison: unpaired, paired from features that are there, between training runs."""

from pathlib import Path

import numpy as np
import pytest

from ganeval.compare import compare
from ganeval.differences import paired_pieces, rows_behind, with_differences
from ganeval.errors import GanevalError
from ganeval.reporting.differences import difference_lines, difference_section, letter_lines
from ganeval.reporting.latex import latex
from ganeval.reporting.markdown import markdown
from ganeval.scorecard import ImageSetRecord, Score, Scorecard
from ganeval.scoring import Job
from ganeval.scoring import score as score_job
from ganeval.seeds import gathered, merge


def score(metric, value, reach=None, **changes):
    ends = {} if reach is None else {"low": value - reach, "high": value + reach}
    return Score(
        metric=metric, features="net.pool", value=value, counts={"real": 1000, "fake": 1000}, **ends, **changes
    )


def card(name, *scores, seed=0):
    record = ImageSetRecord(name=name, fingerprint=name, count=1000)
    reference = ImageSetRecord(name="photos", fingerprint="aa", count=1000)
    return Scorecard(name=name, fake=record, reference=reference, protocol={"seed": seed}, scores=list(scores))


def marks(comparison, column=0):
    return {row.name: cell.letters for row, cell in comparison.cells(column)}


def test_models_whose_difference_is_real_have_other_letters_best_first():
    cards = [card("c", score("fd", 9.0, 1)), card("a", score("fd", 1.0, 1)), card("b", score("fd", 1.5, 1))]
    comparison = with_differences(compare([*cards, card("real", score("fd", 0.0, 1))], yardsticks={"real"}))
    assert marks(comparison) == {"a": "a", "b": "a", "c": "b", "real": ""}
    assert len(comparison.differences) == 3
    closest = next(one for one in comparison.differences if {one.first, one.second} == {"a", "b"})
    assert closest.difference.needed == pytest.approx(1000 * (2.8016 * np.sqrt(2) / 1.96 / 0.5) ** 2, rel=1e-3)


def test_holm_runs_over_all_columns_and_pairs():
    cards = [card(n, score("fd", v, 1), score("kid", v, 1)) for n, v in (("a", 0.0), ("b", 3.0))]
    one, both = with_differences(compare([c.model_copy(update={"scores": c.scores[:1]}) for c in cards])), None
    both = with_differences(compare(cards))
    assert both.differences[0].difference.adjusted == pytest.approx(2 * one.differences[0].difference.adjusted)


def test_a_column_in_which_one_pair_cannot_be_tested_has_no_letters():
    cards = [card("a", score("fd", 1, 0.1)), card("b", score("fd", 5, 0.1)), card("c", score("fd", 3))]
    comparison = with_differences(compare(cards))
    assert set(marks(comparison).values()) == {""}
    assert letter_lines(with_differences(compare([card("a", score("fd", 1)), card("b", score("fd", 2))]))) == []


@pytest.fixture
def scored(tmp_path):
    """Two models on one reference, whose samples come from the same latents, a little apart; as files of features."""
    rng = np.random.default_rng(0)
    latents = rng.normal(size=(400, 6)).astype(np.float32)
    sets = {"real": rng.normal(size=(400, 6)), "a": latents + 0.3, "b": latents * 1.05 + 0.34}
    for name, rows in sets.items():
        np.save(tmp_path / f"{name}.npy", rows.astype(np.float32))
    jobs = [
        Job(f"features:{tmp_path}/{n}.npy", f"features:{tmp_path}/real.npy", name=n, metrics=("kid", "fd"))
        for n in "ab"
    ]
    return [score_job(job).card for job in jobs]


def test_paired_tests_find_what_intervals_cannot(scored):
    comparison = compare(scored)
    loose, tight = with_differences(comparison), with_differences(comparison, pieces=paired_pieces(comparison))
    kid = [next(o.difference for o in c.differences if c.columns[o.column].metric == "kid") for c in (loose, tight)]
    assert kid[0].error > 3 * kid[1].error
    assert "paired t-test on 20 jackknife groups" in kid[1].method
    assert set(marks(tight, tight.column("kid")).values()) == {"a", "b"}
    assert marks(tight, tight.column("fd"))["a"] == "a"


def test_features_that_are_gone_or_others_are_not_taken(scored, tmp_path):
    assert rows_behind(scored[0], "given.rows", "fake").shape == (400, 6)
    np.save(tmp_path / "a.npy", np.zeros((400, 6), np.float32))
    assert rows_behind(scored[0], "given.rows", "fake") is None
    assert paired_pieces(compare(scored)) == {}


def test_features_of_images_come_from_the_cache(tmp_path):
    job = Job("dataset:fashion-mnist-mini:train[0:60]", "dataset:fashion-mnist-mini:test[0:60]", features=("pixels:8",))
    job = Job(**{**vars(job), "metrics": ("kid",)})
    made = score_job(job).card
    assert rows_behind(made, made.scores[0].features, "real").shape == (60, 192)
    other = made.model_copy(update={"fake": made.fake.model_copy(update={"fingerprint": "x"})})
    assert rows_behind(other, made.scores[0].features, "fake") is None


def seeds(recipe, values, **changes):
    cards = [card(f"{recipe}{i}", score("fd", v, 0.1), **changes) for i, v in enumerate(values)]
    return cards, [Path(f"runs/{recipe}/seed{i}") for i in range(len(values))]


def test_runs_of_one_recipe_become_a_row_and_training_noise_counts():
    (first, one), (second, two) = seeds("a", [1.0, 5.0, 3.0]), seeds("b", [6.0, 2.0, 4.0])
    cards, places = gathered([*first, *second, card("c", score("fd", 0, 1))], [*one, *two, Path("runs/c")])
    assert [place.as_posix() for place in places] == ["runs/a", "runs/b", "runs/c"]
    assert cards[0].scores[0].value == 3.0
    assert cards[0].scores[0].low == pytest.approx(3 - 4.303 * 2 / np.sqrt(3), rel=1e-3)
    comparison = with_differences(compare(cards[:2]))
    assert set(marks(comparison).values()) == {"a"}
    assert "Welch's t-test between 3 and 3 training runs" in comparison.differences[0].difference.method
    assert set(marks(with_differences(compare(cards))).values()) == {""}  # one run says nothing of its recipe
    each = with_differences(compare([first[0], second[0]]))
    assert set(marks(each).values()) == {"a", "b"}  # as images they differ


def test_a_single_run_stays_as_it_is_and_others_are_refused():
    (cards, paths) = seeds("a", [1.0])
    assert gathered(cards, paths) == (cards, paths)
    with pytest.raises(GanevalError, match="not comparable"):
        merge([card("a", score("fd", 1.0)), card("b", score("fd", 1.0), seed=1)], "a")


def test_every_format_has_the_letters_and_says_what_they_mean():
    cards = [card("a", score("fd", 1.0, 1)), card("b", score("fd", 9.0, 1)), card("c", score("fd", 1.2, 1))]
    comparison = with_differences(compare(cards))
    assert "<sup>b</sup>" in markdown(comparison)
    assert r"$^{\mathrm{b}}$" in latex(comparison)
    for text in (markdown(comparison), latex(comparison)):
        assert "Models that share a letter in a column are not told apart" in text
    lines = difference_lines(comparison)
    assert any("fd: a − b" in line and line.endswith("real.") for line in lines)
    assert any("not told apart; about" in line for line in lines)
    assert len(difference_section(comparison).table.rows) == 3
