"""`ganeval gate`: exit codes, and what it writes for people and machines."""

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from ganeval.cli.gate import command
from ganeval.errors import GanevalError
from ganeval.scorecard import ImageSetRecord, Score, Scorecard


@pytest.fixture(autouse=True)
def no_github(monkeypatch):
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)


def save(folder, value, reach=1.0, **protocol):
    counts = {"real": 1000, "fake": 1000}
    about = {"features": "net.pool", "method": "95% test", "counts": counts}
    Scorecard(
        name=folder.name,
        fake=ImageSetRecord(name=folder.name, fingerprint=folder.name, count=1000),
        reference=ImageSetRecord(name="photos", fingerprint="aa", count=1000),
        protocol={"seed": 0} | protocol,
        scores=[
            Score(metric="fd", value=value, low=value - reach, high=value + reach, **about),
            Score(metric="recall", value=0.5, low=0.45, high=0.55, better="higher", **about),
        ],
    ).save(folder / "scorecard.json")
    return str(folder)


@pytest.fixture
def new(tmp_path):
    return save(tmp_path / "new", 10.0)


@pytest.fixture
def old(tmp_path):
    return save(tmp_path / "old", 10.2)


def run(*arguments):
    return CliRunner().invoke(command, arguments, catch_exceptions=False)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--require", "fd<=12", "--require", "recall>=0.4"], 0),
        (["--require", "fd<=12", "--require", "recall>=0.6"], 1),
        (["--require", "fd<=12", "--require", "kid<=1"], 1),
        (["--require", "fd<=10.5"], 3),
        (["--require", "fd<=10.5", "--undecided", "pass"], 0),
        (["--require", "fd<=10.5", "--undecided", "fail"], 1),
        (["--require", "fd<=10.5", "--require", "fd<=5", "--undecided", "pass"], 1),
        (["--baseline", "OLD", "--no-worse", "fd", "--margin", "fd=20%"], 0),
        (["--baseline", "OLD", "--no-worse", "fd"], 3),
        (["--baseline", "OLD", "--no-worse", "fd", "--no-worse", "kid"], 1),
    ],
)
def test_exit_codes(new, old, arguments, code):
    result = run(new, *(old if argument == "OLD" else argument for argument in arguments))
    assert result.exit_code == code, result.output
    assert {0: "passed", 1: "failed", 3: "undecided"}[code] in result.output or "--undecided" in arguments


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "nothing to decide"),
        (["--require", "fdd<=1"], "did you mean 'fd'"),
        (["--require", "fd=1"], "never equal"),
        (["--no-worse", "fd"], "no worse than what"),
        (["--baseline", "OLD"], "baseline alone"),
        (["--baseline", "OTHER", "--no-worse", "fd"], "protocol.seed"),
        (["--baseline", "OLD", "--no-worse", "fd", "--margin", "kid=1"], "add --no-worse kid"),
        (["--baseline", "OLD", "--no-worse", "fd", "--margin", "fd=1", "--margin", "fd=2"], "two margins"),
        (["--require", "fd<=1", "--level", "95"], "level is 95"),
    ],
)
def test_wrong_questions_are_usage_errors(tmp_path, new, old, arguments, says):
    places = {"OLD": old, "OTHER": save(tmp_path / "other", 10.0, seed=1)}
    with pytest.raises(GanevalError, match=says):  # which the entry point turns into exit code 2: see the next test
        run(new, *(places.get(argument, argument) for argument in arguments))


def test_the_process_exits_with_these_codes(new):
    def code(*arguments):
        call = [sys.executable, "-m", "ganeval.cli.main", "gate", *arguments]
        return subprocess.run(call, capture_output=True, check=False).returncode

    assert code(new, "--require", "fd<=12") == 0
    assert code(new, "--require", "kid<=1") == 1
    assert code(new, "--require", "fd<=10.5") == 3
    assert code(new, "--require", "fd=10.5") == 2


def test_the_table_says_why_and_how_many_images_would_settle_it(new, old):
    result = run(new, "--require", "fd<=10.5", "--baseline", old, "--no-worse", "fd")
    assert "the interval [9.000, 11.00] lies on both sides" in result.output
    assert "about 8,173 images instead of 1,000 would settle it" in result.output
    assert "with no margin, equal models stay undecided" in result.output


def test_json_holds_everything(new, old):
    result = run(new, "--require", "fd<=12", "--baseline", old, "--no-worse", "fd", "--json")
    found = json.loads(result.stdout)
    assert (found["schema"], found["status"], found["exit_code"]) == ("ganeval/gate/1", "undecided", result.exit_code)
    first, second = found["checks"]
    assert (first["status"], first["low"], first["high"]) == ("pass", 9.0, 11.0)
    assert second["needed"] > 1000
    assert second["baseline"]["value"] == 10.2


@pytest.mark.parametrize(("undecided", "kind"), [("report", "Error"), ("pass", "Skipped"), ("fail", "Failure")])
def test_junit_is_read_by_a_junit_parser(tmp_path, new, undecided, kind):
    junitparser = pytest.importorskip("junitparser")
    asked = ["fd<=12", "fd<=10.5", "recall>=0.6", "kid<=1"]
    options = [part for text in asked for part in ("--require", text)]
    run(new, *options, "--junit", str(tmp_path / "out.xml"), "--undecided", undecided)
    report = junitparser.JUnitXml.fromfile(str(tmp_path / "out.xml"))
    (suite,) = report
    results = [[type(result).__name__ for result in case.result] for case in suite]
    assert results == [[], [kind], ["Failure"], ["Failure"]]
    assert (suite.tests, suite.failures) == (4, 3 if undecided == "fail" else 2)
    assert "lies on both sides" in list(suite)[1].result[0].message


def test_on_github_there_are_annotations_and_a_summary_that_is_appended(tmp_path, new, monkeypatch):
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    result = run(new, "--require", "fd<=5", "--require", "fd<=10.5", "--undecided", "pass", "--json")
    json.loads(result.stdout)
    assert "::error title=ganeval gate%3A fd <= 5::fail: the whole interval" in result.stderr
    assert "::warning title=ganeval gate%3A fd <= 10.5::undecided" in result.stderr
    text = summary.read_text()
    assert text.startswith("before\n### gate failed: new, 1 fail, 1 undecided")
    assert "| ❌ fail | fd \\<= 5 |" in text


def test_a_summary_file_is_replaced(tmp_path, new):
    file = tmp_path / "summary.md"
    for _ in range(2):
        run(new, "--require", "fd<=12", "--summary", str(file))
    assert file.read_text().count("###") == 1
