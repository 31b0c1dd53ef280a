"""docs/metrics.md says what the registry says, and its toys' numbers are those that the command prints."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from ganeval.cli.main import ganeval as ganeval_command
from ganeval.errors import GanevalError
from ganeval.metrics.metric import Metric, registered
from ganeval.reporting.reference import COMMAND, SECTIONS, reference, sections, toy_values, toys_of
from ganeval.testing.toys import TOYS, toy

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"
METRICS = sorted(registered().values(), key=lambda metric: metric.name)
every_metric = pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)


def without_numbers(document: str) -> str:
    """The row of values of every toy's table left out."""
    return re.sub(r"(?m)^(\|---.*\n)\|.*$", r"\1", document)


def unknown_values(metric: Metric, name: str) -> Sequence[tuple[str, float | None]]:
    return [(step.label, None) for step in toy(name).steps]


def test_the_document_is_up_to_date() -> None:
    written = DOCUMENT.read_text(encoding="utf-8")
    assert without_numbers(written) == without_numbers(reference(unknown_values)), f"make it again: {COMMAND}"


@pytest.mark.parametrize("name", ["precision", "recall", "fd", "fd_infinity", "kid", "coverage", "mifid", "vendi"])
def test_the_numbers_of_the_document_are_the_commands(name: str) -> None:
    entry = DOCUMENT.read_text(encoding="utf-8").split(f"\n### {name}\n")[1].split("\n### ")[0]
    rows = re.findall(r"(?m)^\|---.*\n\|(.*)\|$", entry)
    metric = registered()[name]
    for toy_name, row in zip(toys_of(metric), rows, strict=True):
        printed = [float(cell) for cell in row.split("|")]
        assert [value for _, value in toy_values(metric, toy_name)] == pytest.approx(printed, rel=0.02, abs=0.002)


@every_metric
def test_a_metric_says_what_the_reference_needs(metric: Metric) -> None:
    told = sections(metric)
    assert set(SECTIONS) <= set(told), f"{metric.name}: its docstring lacks {set(SECTIONS) - set(told)}"
    assert metric.cost
    assert all(name in TOYS for name in toys_of(metric))


@every_metric
def test_declared_blindness_is_explained(metric: Metric) -> None:
    if metric.laws.blind:
        assert re.search("spoilt|covered|mixed", sections(metric)["Blind to"])


def test_every_toy_is_in_use_and_has_what_its_metrics_read() -> None:
    used = {name for metric in METRICS for name in toys_of(metric)}
    assert used == set(TOYS)
    for metric in METRICS:
        for name in toys_of(metric):
            assert all(set(metric.sets) <= set(step.sets) for step in toy(name).steps), f"{metric.name} on {name}"


def test_toys_show_what_they_are_for() -> None:
    found = {name: dict(toy_values(registered()[metric], name)) for name, metric in SHOWN.items()}
    for name in ("real outlier", "fake outlier"):
        without, one = found[name].values()
        assert without < 0.1 < 0.9 < one
    sizes = list(found["sample size"].values())
    assert sizes[0] > 2 * sizes[1] > 4 * sizes[2]
    assert found["shape"]["1 or -1"] < 1.2 * found["shape"]["Gaussian"]
    assert found["copies"]["all of them copies"] == 0
    assert found["far"]["shifted by 10"] == 100
    assert found["noise"]["noise"] > 2 * found["noise"]["on the plane"]
    assert found["still generator"]["one image for all latents"] == 0


SHOWN = {
    "real outlier": "precision",
    "fake outlier": "recall",
    "sample size": "fd",
    "shape": "fid",
    "copies": "mifid",
    "far": "authpct",
    "noise": "vendi",
    "still generator": "ppl",
}


def test_an_unknown_toy_names_its_neighbour() -> None:
    with pytest.raises(GanevalError, match="copies"):
        toy("copys")


def test_the_command_prints_metrics_only() -> None:
    refused = CliRunner().invoke(ganeval_command, ["list", "features", "--markdown"])
    assert isinstance(refused.exception, GanevalError)


def test_sections_leave_examples_out() -> None:
    metric = registered()["fd"]
    assert ">>>" in (inspect.getdoc(metric.function) or "")
    assert not any(">>>" in text for text in sections(metric).values())
