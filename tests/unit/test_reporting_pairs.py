"""Generated images beside the training images they resemble: from scores to the page."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from ganeval.images.arrays import ArraySource
from ganeval.reporting.pairs import closest_pairs
from ganeval.reporting.single import write_scored
from ganeval.scoring import Job, Scored, score


def noise(count: int, seed: int, side: int = 8) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


@pytest.fixture
def scored(tmp_path: Path) -> Scored:
    """40 generated images, of which number 7 is training image 11 and number 30 is training image 2."""
    train, fake = noise(50, 0), noise(40, 1)
    fake[7], fake[30] = train[11], train[2]
    places = {"fake": fake, "train": train, "real": noise(40, 2)}
    for name, images in places.items():
        np.savez(tmp_path / f"{name}.npz", images)
    files = {name: str(tmp_path / f"{name}.npz") for name in places}
    return score(
        Job(
            fake=files["fake"],
            reference=files["real"],
            train=files["train"],
            metrics=("nearest_training",),
            features=("pixels",),
            device="cpu",
            cached=False,
        )
    )


def test_copies_come_first_with_both_images_side_by_side(scored: Scored) -> None:
    first, second, third, *_ = closest_pairs(scored)
    assert {(pair.generated, pair.training) for pair in (first, second)} == {(7, 11), (30, 2)}
    assert (first.ratio, second.ratio) == (0, 0)
    assert third.ratio > 0.5
    sheet = np.asarray(Image.open(io.BytesIO(third.png)))
    assert sheet.shape == (8 + 2 * 2, 2 * 8 + 3 * 2, 3)
    assert np.array_equal(sheet[2:10, 2:10], noise(40, 1)[third.generated])
    assert np.array_equal(sheet[2:10, 12:20], noise(50, 0)[third.training])


def test_the_page_shows_them_and_the_scorecard_names_them(scored: Scored, tmp_path: Path) -> None:
    write_scored(scored, tmp_path / "out")
    page = (tmp_path / "out" / "index.html").read_text()
    assert "Closest to the training set" in page
    assert 'alt="Generated image 7 beside training image 11"' in page
    assert page.count("beside training image") == 12
    score_card = scored.card.score("nearest_training")
    assert score_card is not None
    assert score_card.details["pairs"][0]["distance"] == 0


def test_training_images_of_another_size_and_kind_are_fitted_to_the_generated_ones(scored: Scored) -> None:
    grey = np.random.default_rng(0).integers(0, 256, (50, 1, 20, 20), dtype=np.uint8)
    other = replace(scored, sources={**scored.sources, "train": ArraySource("grey", grey)})
    sheet = np.asarray(Image.open(io.BytesIO(closest_pairs(other)[0].png)))
    assert sheet.shape == (12, 22, 3)


def test_nothing_is_shown_where_rows_and_images_cannot_be_matched(scored: Scored, tmp_path: Path) -> None:
    assert closest_pairs(replace(scored, card=scored.card.model_copy(update={"scores": []}))) == []
    without = {role: source for role, source in scored.sources.items() if role != "train"}
    assert closest_pairs(replace(scored, sources=without)) == []
    write_scored(replace(scored, sources=without), tmp_path / "out")
    assert "Closest to the training set" not in (tmp_path / "out" / "index.html").read_text()
    scored.sources["train"].skipped.append("broken.png")
    assert closest_pairs(scored) == []
