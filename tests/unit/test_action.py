"""The GitHub Action's own shell steps, run by bash as a runner would, with the real `ganeval` and a pretended pip."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ganeval.scorecard import ImageSetRecord, Score, Scorecard

yaml = pytest.importorskip("yaml")
ROOT = Path(__file__).resolve().parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))


def program(folder, name, script):
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/bash\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def card(tmp_path):
    score = Score(metric="fd", features="net.pool", value=10.0, low=9.0, high=11.0, method="95% test")
    record = ImageSetRecord(name="new", fingerprint="aa", count=9)
    folder = tmp_path / "a card"
    Scorecard(name="new", fake=record, reference=record, protocol={}, scores=[score]).save(folder / "scorecard.json")
    return folder


def step(name, tmp_path, **inputs):
    """Run one step with these inputs; returns (exit code, output, what it put out, step summary)."""
    found = next(step for step in ACTION["runs"]["steps"] if step["name"] == name)
    values = {key: about.get("default", "") for key, about in ACTION["inputs"].items()} | inputs
    for key in inputs:
        assert key in ACTION["inputs"]

    def filled(text):
        text = re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda match: values[match[1]], text)
        return text.replace("${{ github.action_path }}", "/the/action")

    program(tmp_path / "bin", "ganeval", f'exec "{sys.executable}" -m ganeval.cli.main "$@"')
    program(tmp_path / "bin", "python", f'printf "%s\\n" "$*" >> "{tmp_path}/pip"')
    files = {name: tmp_path / name.lower() for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    for file in files.values():
        file.write_text("")
    environment = os.environ | {name: str(file) for name, file in files.items()} | {"GITHUB_ACTIONS": "true"}
    environment |= {name: filled(text) for name, text in found["env"].items()}
    environment["PATH"] = f"{tmp_path / 'bin'}:{environment['PATH']}"
    assert "${{" not in found["run"], "an expression in a script lets an input run as code"
    call = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", found["run"]]
    done = subprocess.run(call, env=environment, capture_output=True, text=True, check=False, cwd=tmp_path)
    outputs = dict(line.split("=", 1) for line in files["GITHUB_OUTPUT"].read_text().splitlines())
    return done.returncode, done.stdout + done.stderr, outputs, files["GITHUB_STEP_SUMMARY"].read_text()


@pytest.mark.parametrize(
    ("inputs", "code", "status"),
    [
        ({"require": "fd<=12\n\n  fd>=1  \n", "junit": "out.xml"}, 0, "pass"),
        ({"require": "fd<=5"}, 1, "fail"),
        ({"require": "fd<=10.5"}, 3, "undecided"),
        ({"require": "fd<=10.5", "undecided": "pass"}, 0, "undecided"),
        ({"require": "fd=5"}, 2, ""),
        ({"require": "fd<=12; touch broken\n$(touch broken)"}, 2, ""),
    ],
)
def test_the_gates_step(tmp_path, card, inputs, code, status):
    got, output, outputs, summary = step("Gate", tmp_path, card=str(card), **inputs)
    assert got == code, output
    assert outputs == {"status": status, "exit-code": str(code)}
    assert ("### gate" in summary) == bool(status)
    assert ("::error" in output) == (status in ("fail", "undecided") and "undecided" not in inputs)
    assert (tmp_path / "out.xml").exists() == ("junit" in inputs)
    assert not (tmp_path / "broken").exists()


def test_a_baseline_with_margins(tmp_path, card):
    given = {"card": str(card), "baseline": str(card), "no-worse": "fd\n", "margin": "fd=2%"}
    assert step("Gate", tmp_path, **given)[2]["status"] == "pass"


@pytest.mark.parametrize(("install", "target"), [("action", "/the/action"), ("ganeval>=1", "ganeval>=1")])
def test_the_installing_step(tmp_path, install, target):
    assert step("Install ganeval", tmp_path, install=install)[0] == 0
    assert (tmp_path / "pip").read_text() == f"-m pip install --quiet {target}\n"
