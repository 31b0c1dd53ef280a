"""A verdict of the gate for people and for machines: table, sentences, Markdown, JUnit, JSON, annotations."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from ganeval import __version__
from ganeval.compare import plain
from ganeval.gate import Check, Undecided, Verdict
from ganeval.reporting.markdown import escape
from ganeval.reporting.numbers import format_count, format_interval, format_value, shared_decimals

SCHEMA = "ganeval/gate/1"
_STYLES = {"pass": "green", "fail": "bold red", "undecided": "yellow"}
_MARKS = {"pass": "✅ pass", "fail": "❌ fail", "undecided": "❔ undecided"}


def headline(verdict: Verdict) -> str:
    """The outcome in one line."""
    against = f" against {plain(verdict.baseline)}" if verdict.baseline else ""
    counts = [
        f"{number} {status}"
        for status in ("fail", "undecided", "pass")
        if (number := sum(check.status == status for check in verdict.checks))
    ]
    word = {"pass": "passed", "fail": "failed", "undecided": "undecided"}[verdict.status]
    return f"gate {word}: {plain(verdict.card)}{against}, {', '.join(counts)}, level {verdict.level:g}"


def sentence(check: Check) -> str:
    """Why this check came out as it did, and what would settle it."""
    if check.low is None or check.high is None:
        return plain(check.why)
    decided = _compared(check) if check.margin is not None else _required(check)
    return decided + (f"; {_settling(check)}" if check.status == "undecided" else "")


def _required(check: Check) -> str:
    ends = f"[{format_value(check.low or 0.0)}, {format_value(check.high or 0.0)}]"
    return {
        "pass": f"the whole interval {ends} satisfies it",
        "fail": f"the whole interval {ends} violates it",
        "undecided": f"the interval {ends} lies on both sides",
    }[check.status]


def _compared(check: Check) -> str:
    numbers = [check.low or 0.0, check.high or 0.0, check.margin or 0.0, check.worse or 0.0]
    low, high, margin, worse = (format_value(x, shared_decimals(numbers)) for x in numbers)
    if check.status == "pass":
        gain = format_value(-numbers[1], shared_decimals(numbers))
        bound = f"better by {gain} at least" if numbers[1] < 0 else f"worse by {high} at most"
        return f"{bound}, {margin} worse allowed"
    if check.status == "fail":
        return f"worse by {low} at least, {margin} allowed (p = {check.p:.2g})"
    corrected = f" (p = {check.p:.2g} by Holm)" if numbers[0] > numbers[2] else ""
    return f"worse by {worse}, from {low} to {high}, {margin} allowed{corrected}"


def _settling(check: Check) -> str:
    hint = "; with no margin, equal models stay undecided: allow one" if check.margin == 0 else ""
    if check.needed is None:
        return f"no affordable number of images would settle it{hint}"
    now = "" if check.count is None else f" instead of {format_count(check.count)}"
    return f"about {format_count(check.needed)} images{now} would settle it{hint}"


def table(verdict: Verdict) -> Table:
    """A rich table, one check a row."""
    shown = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("", "required", "score", "baseline", "why"):
        shown.add_column(name, overflow="fold", no_wrap=name in ("", "score", "baseline"))
    for check in verdict.checks:
        score, baseline = _scores(check)
        shown.add_row(
            Text(check.status, style=_STYLES[check.status]), plain(check.text), score, baseline, sentence(check)
        )
    return shown


def _scores(check: Check) -> tuple[str, str]:
    """Score and baseline with their own intervals, or a dash."""
    found = [s for s in (check.score, check.baseline) if s is not None]
    decimals = shared_decimals(s.value for s in found)
    texts = [
        "–" if s is None else f"{format_value(s.value, decimals)} {format_interval(s, decimals)}".rstrip()
        for s in (check.score, check.baseline)
    ]
    return texts[0], texts[1]


def markdown(verdict: Verdict) -> str:
    """The same for GitHub's step summary."""
    lines = [
        f"### {escape(headline(verdict))}",
        "",
        "| | required | score | baseline | why |",
        "|---|---|---:|---:|---|",
    ]
    for check in verdict.checks:
        fields = [_MARKS[check.status], *(escape(text) for text in (check.text, *_scores(check), sentence(check)))]
        lines.append(f"| {' | '.join(fields)} |")
    return "\n".join(lines) + "\n"


def junit(verdict: Verdict, undecided: Undecided = "report") -> str:
    """A JUnit report: a failed check is a failure, an undecided one an error, or skipped where it may pass."""
    found = [(check, _kind(check, undecided)) for check in verdict.checks]
    counts = {
        name: str(sum(kind == tag for _, kind in found))
        for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped"))
    }
    totals = {"tests": str(len(found)), **counts, "time": "0"}
    root = ET.Element("testsuites", {"name": "ganeval gate", **totals})
    suite = ET.SubElement(root, "testsuite", {"name": f"ganeval gate: {plain(verdict.card)}", **totals})
    for check, kind in found:
        about = {"classname": "ganeval.gate", "name": plain(check.text), "time": "0"}
        case = ET.SubElement(suite, "testcase", about)
        if kind:
            ET.SubElement(case, kind, {"type": check.status, "message": sentence(check)})
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _kind(check: Check, undecided: Undecided) -> str:
    if check.status == "undecided":
        return {"pass": "skipped", "fail": "failure", "report": "error"}[undecided]
    return "failure" if check.status == "fail" else ""


def as_json(verdict: Verdict, exit_code: int) -> dict[str, Any]:
    """Everything, for programs."""
    return {
        "schema": SCHEMA,
        "ganeval": __version__,
        "status": verdict.status,
        "exit_code": exit_code,
        "card": verdict.card,
        "baseline": verdict.baseline,
        "level": verdict.level,
        "checks": [_record(check) for check in verdict.checks],
    }


def _record(check: Check) -> Mapping[str, Any]:
    names = ("text", "metric", "status", "low", "high", "worse", "margin", "p", "count", "needed")
    scores = {"score": check.score, "baseline": check.baseline}
    values = {name: None if s is None else s.model_dump(include={"features", "value", "low", "high", "method"})
              for name, s in scores.items()}  # fmt: skip
    return {**{name: getattr(check, name) for name in names}, **values, "why": sentence(check)}


def workflow_commands(verdict: Verdict, undecided: Undecided = "report") -> list[str]:
    """GitHub's workflow commands, one for each check that did not pass."""
    levels = {"fail": "error", "undecided": "warning" if undecided == "pass" else "error"}
    return [
        f"::{levels[check.status]} title={_property(f'ganeval gate: {plain(check.text)}')}::"
        + _data(f"{check.status}: {sentence(check)}")
        for check in verdict.checks
        if check.status != "pass"
    ]


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
