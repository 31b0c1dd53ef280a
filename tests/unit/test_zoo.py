"""benchmarks/zoo: what is done is not done again, what was interrupted goes on, and the report says what came out."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from benchmarks.zoo import pages, report, training, verdicts
from benchmarks.zoo.__main__ import main
from benchmarks.zoo.bench import Bench
from benchmarks.zoo.critics import correlation
from benchmarks.zoo.making import STUDIES
from benchmarks.zoo.results import Entry, Kind, Moment, Result, entries, is_done, load_result
from benchmarks.zoo.settings import Settings, code_digest
from ganeval.data.embedded import fashion_mnist_mini
from ganeval.errors import GanevalError, Interrupted
from ganeval.scorecard import ImageSetRecord, Score, Scorecard
from reference_models.checkpoint import checkpoints, read_record
from reference_models.registry import make_recipe, recipe_names

ROOT = Path(__file__).parents[2]
COUNTS = {"train": 150, "test": 60}
FILES = {"train": "train", "test": "t10k"}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with a Fashion-MNIST of a few images, as IDX files."""
    folder = tmp_path_factory.mktemp("data") / "FashionMNIST" / "raw"
    folder.mkdir(parents=True)
    for split, count in COUNTS.items():
        images, labels = (part[:count] for part in fashion_mnist_mini(split))
        for kind, array in (("images-idx3", images[:, 0]), ("labels-idx1", labels.astype(np.uint8))):
            head = bytes([0, 0, 8, array.ndim]) + b"".join(side.to_bytes(4, "big") for side in array.shape)
            (folder / f"{FILES[split]}-{kind}-ubyte").write_bytes(head + array.tobytes())
    return folder.parents[1]


def options(root: Path, place: Path, *more: str) -> list[str]:
    own = ["--data-root", str(root), "--minutes", "0.01", "--samples", "50", "--moment-samples", "20"]
    return [*own, "--out", str(place / "report"), "--runs", str(place / "runs"), *more]


def settings(root: Path, place: Path) -> Settings:
    return Settings("dataset:fashion-mnist", 0.01, 50, 20, 0, place / "report", place / "runs", root)


def entry(name: str, fd: float, authpct: float = 90.0, kind: Kind = "gan", moments: tuple[Moment, ...] = ()) -> Entry:
    record = ImageSetRecord(name=name, fingerprint=name, count=10)
    scores = [Score(metric=metric, features="f", value=value) for metric, value in (("fd", fd), ("authpct", authpct))]
    card = Scorecard(name=name, fake=record, reference=record, protocol={}, scores=scores)
    return Entry(Result(name=name, kind=kind, title=name, moments=list(moments)), card, Path(name))


@pytest.mark.slow
def test_from_training_to_the_report_and_not_twice(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "LOG_EVERY", 1)  # so few steps are taken
    asked = ["gaussian", "wgan", "cgan", "vae", "pix2pix"]
    assert main(options(root, tmp_path, "--only", *asked)) == 0
    folder = tmp_path / "report"
    assert {"index.html", "comparison.md", "comparison.tex", "README.md"} <= {file.name for file in folder.iterdir()}
    made = {each.name: each.result for each in entries(settings(root, tmp_path))}
    assert set(made) == set(asked)
    assert set(made["wgan"].studies) == {"critic"}
    assert made["wgan"].studies["critic"]["bound"] == pytest.approx(0.05)
    assert set(made["cgan"].studies) == {"conditional"}
    assert made["cgan"].studies["conditional"]["samples"] == 50
    assert set(made["vae"].studies) == {"encoder"}
    assert set(made["pix2pix"].studies) == {"translation"}
    assert 0 < made["vae"].studies["encoder"]["l1"] < 1
    text = (folder / "README.md").read_text()
    for part in ("## Does it beat", "## Conditional models", "## Encoders", "## Critics", "## Translation", "| wgan |"):
        assert part in text
    assert not list(folder.rglob("*.safetensors"))
    capsys.readouterr()

    shutil.rmtree(tmp_path / "runs")  # results that came with the repository
    assert main(options(root, tmp_path, "--only", *asked)) == 0
    said = capsys.readouterr().out
    assert [line for line in said.splitlines() if "to minute" in line or "scoring" in line] == []
    assert said.count(": done") == len(asked)
    assert not (tmp_path / "runs" / "wgan").exists()


def test_an_interrupted_model_goes_on_with_its_remaining_minutes(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench, recipe, real = Bench(settings(root, tmp_path)), make_recipe("gan", small=True), training.train
    run, asked = bench.settings.run("gan"), []

    def stopping(*arguments: object) -> Path:
        asked.append(arguments[3].minutes)  # type: ignore[attr-defined]
        if len(asked) == 4:
            raise Interrupted("stopped")
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(bench, "glance", lambda place, name: 5.0)
    monkeypatch.setattr(training, "train", stopping)
    with pytest.raises(Interrupted):
        training.trained("gan", recipe, bench, print)
    before = read_record(run)[1]
    assert before.seconds >= 0.3 * 60 * 0.01
    monkeypatch.setattr(training, "train", real)
    moments, stopped = training.trained("gan", recipe, bench, print)
    after = read_record(run)[1]
    assert after.step > before.step
    assert after.seconds >= 60 * 0.01
    assert [moment.fd for moment in moments] == [5.0] * training.FEW
    assert stopped == ""


def test_a_model_that_diverges_is_kept_as_it_last_was(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench, recipe, real = Bench(settings(root, tmp_path)), make_recipe("gan", small=True), training.train

    def diverging(*arguments: object) -> Path:
        real(*arguments)  # type: ignore[arg-type]
        raise GanevalError("term 'loss G' is nan")

    monkeypatch.setattr(training, "train", diverging)
    assert training.trained("gan", recipe, bench, print) == ([], "term 'loss G' is nan")
    assert checkpoints(bench.settings.run("gan"))


def test_a_result_counts_only_for_what_it_was_made_from(root: Path, tmp_path: Path) -> None:
    own, recipe = settings(root, tmp_path), make_recipe("gan", small=True)
    assert not is_done(own, "gan", recipe)
    Result(name="gan", kind="gan", title="", wanted=own.wanted(recipe)).save(own.folder("gan"))
    assert is_done(own, "gan", recipe)
    assert not is_done(own, "gan", dataclasses.replace(recipe, batch_size=7))
    assert not is_done(dataclasses.replace(own, minutes=9.0), "gan", recipe)
    assert load_result(tmp_path) is None


def test_docstrings_and_comments_are_no_other_recipe(tmp_path: Path) -> None:
    texts = ('"""One."""\nx = 1  # a\n', '"""Two."""\n\nx = 1\n', "x = 2\n")
    digests = []
    for number, text in enumerate(texts):
        (tmp_path / f"{number}.py").write_text(text)
        digests.append(code_digest(tmp_path / f"{number}.py"))
    assert digests[0] == digests[1] != digests[2]


def test_no_folder_of_others_is_deleted(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(GanevalError, match="not made by the zoo"):
        training.discard(tmp_path)
    assert (tmp_path / "thesis.tex").exists()


def test_missing_data_says_where_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = dataclasses.replace(settings(tmp_path, tmp_path), data="dataset:stl10")
    monkeypatch.setenv("GANEVAL_DATA", str(tmp_path))
    with pytest.raises(GanevalError, match=r"(?s)stl10.*--data dataset:fashion-mnist-mini"):
        own.sets()


def test_unknown_names_and_no_results_are_errors(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(options(root, tmp_path, "--only", "gann")) == 2
    assert "did you mean 'gan'" in capsys.readouterr().err
    assert main(options(root, tmp_path, "--report-only")) == 2


def test_who_beats_the_yardsticks_is_told_with_the_reason(tmp_path: Path) -> None:
    found = [entry("gan", 300.0), entry("dcgan", 100.0), entry("copier", 40.0, authpct=3.0)]
    found += [entry("gaussian", 400.0, kind="fitted"), entry("mixture", 150.0, kind="fitted")]
    assert verdicts.losers(found, "gaussian") == []
    assert verdicts.losers(found, "mixture") == ["gan"]
    assert verdicts.copiers(found) == ["copier"]
    said = verdicts.lead(found, 8)
    assert "3 GANs, 8 minutes" in said
    assert "All beat gaussian in fd. All but gan beat mixture in fd." in said
    for each in found:
        each.card.environment["threads"] = 2
    assert "8 minutes of training each on 2 cores." in verdicts.lead(found, 8)
    found[0].card.environment["threads"] = 1
    assert "8 minutes of training each." in verdicts.lead(found, 8)
    section = verdicts.tell(found, {"gan": "Perceptrons see no neighbours."})
    assert section is not None
    assert section.table is not None
    rows = {row[0]: list(row[1:]) for row in section.table.rows}
    assert rows["gan"] == ["300.0", "yes", "no", "0", "0.0", "Perceptrons see no neighbours."]
    assert rows["dcgan"][1:3] == ["yes", "yes"]
    assert rows["dcgan"][-1] == ""


def test_notes_are_of_models_and_text(tmp_path: Path) -> None:
    assert verdicts.read_notes(tmp_path, ["gan"]) == {}
    (tmp_path / "notes.toml").write_text('gan = "Why."\n')
    assert verdicts.read_notes(tmp_path, ["gan"]) == {"gan": "Why."}
    with pytest.raises(GanevalError, match="unknown model"):
        verdicts.read_notes(tmp_path, ["dcgan"])
    (tmp_path / "notes.toml").write_text("gan = 3\n")
    with pytest.raises(GanevalError, match="expected text"):
        verdicts.read_notes(tmp_path, ["gan"])


def test_the_critics_correlation_is_one_where_both_fall() -> None:
    falling = tuple(Moment(seconds=k, step=k, fd=10.0 - k, terms={"W": 1.0 / (k + 1)}) for k in range(5))
    assert correlation(entry("wgan", 1.0, moments=falling)) == pytest.approx(1.0)
    assert correlation(entry("wgan", 1.0, moments=falling[:2])) is None


def test_curves_come_in_charts_of_a_few() -> None:
    moments = (Moment(seconds=1, step=1, fd=2.0), Moment(seconds=2, step=2, fd=1.0))
    section = report.along([entry(f"m{number}", number, moments=moments) for number in range(8)])
    assert section is not None
    assert [curve.metric[-8:] for curve in section.curves] == ["(1 of 2)"] * 6 + ["(2 of 2)"] * 2
    assert report.along([entry("gaussian", 1.0)]) is None


def test_studies_say_nothing_of_what_they_have_not_seen() -> None:
    assert all(study.tell([entry("gan", 1.0)]) is None for study in STUDIES)
    assert len({study.name for study in STUDIES}) == len(STUDIES)


# --- pages of models --------------------------------------------------------------------------------------------------


def test_docs_models_is_what_the_command_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn, draw = list[Path](), pages.save_curves

    def draw_once(log: dict[str, list[float]], path: Path) -> None:
        """Curves take most of the time, and are not in docs/models."""
        if not drawn:
            draw(log, path)
            assert path.stat().st_size > 1000
        drawn.append(path)

    monkeypatch.setattr(pages, "save_curves", draw_once)
    committed, results = ROOT / "docs" / "models", ROOT / "reports" / "zoo-fashion-mnist"
    copy = tmp_path / "reports" / "zoo-fashion-mnist"
    if results.is_dir():
        shutil.copytree(results, copy)
    written = pages.write(copy, tmp_path / "docs" / "models")
    again = "run `python -m benchmarks.zoo.pages`"
    assert {path.name for path in written} == {path.name for path in committed.iterdir()}, again
    for path in written:
        assert path.read_text() == (committed / path.name).read_text(), f"{path.name}: {again}"
    assert {path.stem for path in written if path.suffix == ".md"} == {"README", *recipe_names()}


def test_a_page_has_idea_losses_networks_and_options() -> None:
    recipe = type(make_recipe("wgan_gp"))
    text = pages.page("wgan_gp", recipe, None, Path("reports"))
    for part in (
        "# wgan_gp",
        "## Idea",
        "```\nL_D = E[D(G(z))]",
        "## Deviations",
        "](wgan_gp.svg)",
        "| `batch_size` |",
    ):
        assert part in text


def test_a_page_shows_the_run(tmp_path: Path) -> None:
    found = entry("gan", 123.4)
    text = pages.page("gan", type(make_recipe("gan")), found, Path("../../reports/zoo"))
    assert "(../../reports/zoo/models/gan/samples.png)" in text
    assert "| fd | 123.4 |" in text
    assert json.loads(found.result.model_dump_json())["name"] == "gan"
