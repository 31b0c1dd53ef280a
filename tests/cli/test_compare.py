"""`ganeval compare` from cards on disk to a table and a report."""

import base64
import csv
import io

import pytest
from click.testing import CliRunner

from ganeval.cli.compare import command
from ganeval.errors import GanevalError
from ganeval.scorecard import ImageSetRecord, Score, Scorecard

PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==")


def save(folder, value, *, name="model", seed=0, skipped=()):
    scores = [Score(metric="fd", features="net.pool", value=value, low=value - 1, high=value + 1)]
    Scorecard(
        name=name,
        fake=ImageSetRecord(name=name, fingerprint="f", count=9, skipped=list(skipped)),
        reference=ImageSetRecord(name="photos", fingerprint="aa", count=9),
        protocol={"seed": seed, "fingerprint": f"fp{seed}"},
        scores=scores,
    ).save(folder / "scorecard.json")
    return str(folder)


def run(*arguments):
    return CliRunner().invoke(command, arguments, catch_exceptions=False)


def test_the_table_has_every_name_and_value_and_equal_names_get_their_folder(tmp_path):
    result = run(save(tmp_path / "one", 12.5), save(tmp_path / "two", 40.25))
    assert result.exit_code == 0
    assert all(text in result.output for text in ("model (one)", "model (two)", "12.50", "40.25", "fd ↓"))


@pytest.mark.parametrize("form", ["markdown", "latex", "csv"])
def test_each_format_prints_and_nothing_else_mixes_in(tmp_path, form):
    cards = save(tmp_path / "one", 12.5), save(tmp_path / "two", 40.25)
    result = run(*cards, "--format", form, "--out", str(tmp_path / "out"))
    assert result.exit_code == 0
    assert "12.5" in result.stdout
    assert "report:" not in result.stdout
    if form == "csv":
        assert [row["value"] for row in csv.DictReader(io.StringIO(result.stdout))] == ["12.5", "40.25"]


def test_the_report_shows_the_samples_beside_a_card_and_how_to_make_it_again(tmp_path):
    one, two = save(tmp_path / "one", 12.5, skipped=["broken.png"]), save(tmp_path / "two", 40.25, name="<b>")
    (tmp_path / "one" / "samples.png").write_bytes(PIXEL)
    out = tmp_path / "out"
    assert run(one, two, "--yardstick", "<b>", "--out", str(out)).exit_code == 0
    assert {path.name for path in out.iterdir()} == {
        *("index.html", "comparison.md", "comparison.tex", "comparison.csv")
    }
    page = (out / "index.html").read_text(encoding="utf-8")
    assert base64.b64encode(PIXEL).decode() in page
    assert "ganeval compare" in page
    assert "broken.png" in page.split("<main>")[0]
    assert "&lt;b&gt;" in page
    assert "<b>" not in page.split("<body>")[1].replace("<figcaption><b>", "")


def test_other_protocols_need_force(tmp_path):
    cards = save(tmp_path / "one", 12.5, name="one"), save(tmp_path / "two", 40.25, name="two", seed=3)
    with pytest.raises(GanevalError, match=r"protocol\.seed: one has 0, two has 3"):
        run(*cards)
    forced = run(*cards, "--force")
    assert forced.exit_code == 0
    assert "40.25 †" in forced.output
    assert "† two" in forced.output


def test_a_missing_card_and_no_card_are_the_users_to_mend(tmp_path):
    with pytest.raises(GanevalError, match="no scorecard"):
        run(str(tmp_path / "nowhere.json"))
    assert run().exit_code == 2
