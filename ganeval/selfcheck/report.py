"""A self-check as a page, as Markdown, as JSON, and as a table on the terminal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table as TerminalTable
from rich.text import Text

from ganeval import __version__
from ganeval.compare import Comparison, plain
from ganeval.files import replace_text
from ganeval.reporting import Curve, Report, Section, Table, html
from ganeval.reporting.markdown import escape, sections_markdown
from ganeval.reporting.numbers import format_value
from ganeval.selfcheck.findings import FALSE_ALARMS, MOST, SEEN, Response
from ganeval.selfcheck.job import Selfcheck
from ganeval.selfcheck.run import Checked
from ganeval.selfcheck.scenes import LADDERS
from ganeval.significance import POWER
from ganeval.suites import shorter

SCHEMA = "ganeval/selfcheck/1"
_MARKS = {"green": "● green", "yellow": "◐ yellow", "red": "○ red"}
_STYLES = {"green": "green", "yellow": "yellow", "red": "bold red"}
_ORDER = ("green", "yellow", "red")
_NONE = "–"


def write(found: Selfcheck, folder: Path, command: str) -> Path:
    """Write selfcheck.json, selfcheck.md and index.html, each atomically; returns the page."""
    replace_text(folder / "selfcheck.json", json.dumps(record(found), indent=1) + "\n")
    replace_text(folder / "selfcheck.md", markdown(found, command))
    page = Report(_title(found), lead(found), Comparison((), ()), sections=sections(found), commands=[command])
    replace_text(folder / "index.html", html(page))
    return folder / "index.html"


def record(found: Selfcheck) -> dict[str, Any]:
    """Everything as plain data."""
    findings = found.findings
    return {
        "schema": SCHEMA,
        "ganeval": __version__,
        "reference": {"name": found.reference, "fingerprint": found.fingerprint, "images": found.images},
        "features": list(found.features),
        "count": findings.count,
        "rung_count": findings.rung_count,
        "splits": findings.splits,
        "seed": findings.seed,
        "modes": {"kind": findings.grouping[0], "number": findings.grouping[1]},
        "metrics": [_recorded(one) for one in findings.metrics],
        "agreement": findings.agreement,
    }


def _recorded(one: Checked) -> dict[str, Any]:
    return {
        "metric": one.request.metric.name,
        "features": str(one.request.tap),
        "light": one.verdict.light,
        "reasons": list(one.verdict.reasons),
        "failed": one.failed or None,
        "floors": [asdict(floor) for _, floor in sorted(one.floors.items())],
        "ladders": [
            asdict(r) | {"sight": r.sight, "first": r.first, "claimed": r.ladder in one.held} for r in one.responses
        ],
        "detection": None if one.detection is None else asdict(one.detection),
    }


def markdown(found: Selfcheck, command: str) -> str:
    """All sections."""
    head = f"# {escape(_title(found))}\n\n{escape(lead(found))}\n"
    return "\n".join([head, sections_markdown(sections(found)), f"```\n{command}\n```\n"])


def lead(found: Selfcheck) -> str:
    """What came out, in a sentence or two."""
    names = _names(found)
    lights = [
        f"{light}: {', '.join(listed)}"
        for light in _ORDER
        if (listed := [names[one.name] for one in found.findings.metrics if one.verdict.light == light])
    ]
    said = "; ".join(lights)
    return (
        f"With {found.findings.count:,} images per set of {plain(found.reference)}, on {', '.join(found.features)}. "
        f"{said[0].upper()}{said[1:]}."
    )


def sections(found: Selfcheck) -> list[Section]:
    """The report's sections, verdict first; curves are on the page only."""
    return [_verdicts(found), _floors(found), _sights(found), _effects(found), _detection(found), _agreement(found)]


def table(found: Selfcheck) -> TerminalTable:
    """A rich table, one metric a row, one reason a line: all on one would make it as wide as files and pipes allow."""
    shown = TerminalTable(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("light", "metric", "why"):
        shown.add_column(name, overflow="fold", no_wrap=name != "why")
    names = _names(found)
    for one in _by_light(found):
        light = one.verdict.light
        shown.add_row(Text(light, style=_STYLES[light]), names[one.name], "\n".join(map(plain, one.verdict.reasons)))
    return shown


def _title(found: Selfcheck) -> str:
    return f"Self-check on {plain(found.reference)}"


def _names(found: Selfcheck) -> dict[str, str]:
    return shorter(one.name for one in found.findings.metrics)


def _by_light(found: Selfcheck) -> list[Checked]:
    return sorted(found.findings.metrics, key=lambda one: _ORDER.index(one.verdict.light))


def _measured(found: Selfcheck) -> list[Checked]:
    return [one for one in found.findings.metrics if not one.failed]


def _verdicts(found: Selfcheck) -> Section:
    names = _names(found)
    rows = [(names[one.name], _MARKS[one.verdict.light], "; ".join(one.verdict.reasons)) for one in _by_light(found)]
    return Section(
        "Which metrics to trust",
        [
            "Green: sees every ladder that it claims to see, in order, and tells 5 % of bad images from none with "
            f"{POWER:.0%} power at this number of images. Red: misses half or more of the ladders it claims, or has "
            "no value. Yellow: all between. A metric is held only to what it declares; see the ladders for the rest."
        ],
        Table(("metric", "light", "why"), rows),
    )


def _floors(found: Selfcheck) -> Section:
    names, measured = _names(found), _measured(found)
    counts = sorted({count for one in measured for count in one.floors})
    rows = [(names[one.name], *(_floor(one, count) for count in counts), _optimum(one)) for one in measured]
    head = ("metric", *(f"n = {count:,}" for count in counts), "optimum")
    return Section(
        "Real against real",
        [
            f"Mean and standard deviation of {found.findings.splits} splits of the reference into disjoint sets of n "
            "images. No generator can be told to be better than this, and two scores that differ by less than the "
            "deviation differ by nothing. A mean that falls with n is bias: compare at one n only."
        ],
        Table(head, rows),
    )


def _floor(one: Checked, count: int) -> str:
    floor = one.floors.get(count)
    return _NONE if floor is None else f"{format_value(floor.mean)} ± {format_value(floor.spread)}"


def _optimum(one: Checked) -> str:
    optimum = one.request.metric.optimum
    return _NONE if optimum is None else f"{optimum:g}"


def _sights(found: Selfcheck) -> Section:
    names, measured = _names(found), _measured(found)
    ladders = [name for name in LADDERS if any(r.ladder == name for one in measured for r in one.responses)]
    rows = [
        (names[one.name], *(_sight(r, one) for name in ladders for r in one.responses if r.ladder == name))
        for one in measured
    ]
    kind, number = found.findings.grouping
    return Section(
        "What each metric sees",
        [
            f"{found.findings.rung_count:,} images per set. A step is seen where it makes the score worse by {SEEN:g} "
            "or more standard deviations of the floor; the number is the first strength that is. Blind: no step is. "
            f"Rewarded: the score gets better. In parentheses what the metric does not claim. "
            f"Modes are {number} {kind}.",
            "Copies are taken from the training set where the metric reads one, else from the real set, which is then "
            "what the generator learnt from.",
        ],
        Table(("metric", *(name.replace("_", " ") for name in ladders)), rows),
    )


def _sight(one: Response, checked: Checked) -> str:
    text = one.sight if one.first is None or one.sight == "rewarded" else f"{one.sight} from {one.first:.2g}"
    return text if one.ladder in checked.held else f"({text})"


def _effects(found: Selfcheck) -> Section:
    names, measured = _names(found), _measured(found)
    first = measured[0].responses if measured else ()
    rows = [
        (f"{each.ladder.replace('_', ' ')} {strength:.2g}", *(_effect(o.responses[n].effects[s]) for o in measured))
        for n, each in enumerate(first)
        for s, strength in enumerate(each.strengths)
        if s
    ]
    return Section(
        "By how much",
        [
            "How much worse every step is than the clean one, in standard deviations of the floor; better below 0. "
            "Strengths of dropped and invented modes are shares of the images."
        ],
        Table(("step", *(names[one.name] for one in measured)), rows),
    )


def _effect(effect: float) -> str:
    return f"{'over ' if effect > 0 else 'below -'}{MOST:,.0f}" if abs(effect) >= MOST else f"{effect:.1f}"


def _detection(found: Selfcheck) -> Section:
    names = _names(found)
    pairs = [(names[one.name], one.detection) for one in found.findings.metrics if one.detection is not None]
    counts = sorted({count for _, each in pairs for count in each.counts})
    rows = []
    for name, each in pairs:
        powers = dict(zip(each.counts, each.powers, strict=True))
        shown = [f"{powers[count]:.0%}" if count in powers else _NONE for count in counts]
        rows.append((name, each.kind, *shown, _needed(each.needed, each.extrapolated)))
    curves = [Curve(name, each.counts, each.powers, "power", "images per set") for name, each in pairs]
    return Section(
        "How many images it takes",
        [
            f"Power of a one-sided {FALSE_ALARMS:.0%} test to tell a set with 5 % of bad images from a clean one, "
            "by n. Spoilt: by all corruptions at their strongest; lost: the rarest modes, with others in their place; "
            "copied: from the training set. Needed is the least n tried from which the power stays at "
            f"{POWER:.0%}; “about” where that is beyond n, from its effect and a spread that falls as 1/sqrt(n)."
        ],
        Table(("metric", "5 % are", *(f"n = {count:,}" for count in counts), "needed"), rows),
        curves=[curve for curve in curves if len(curve.xs) > 1],
    )


def _needed(needed: int | None, extrapolated: bool) -> str:
    return "not foreseeable" if needed is None else f"{'about ' if extrapolated else ''}{needed:,}"


def _agreement(found: Selfcheck) -> Section:
    names, table_ = _names(found), found.findings.agreement
    rows = [(names[a], *(_NONE if r is None else f"{r:.2f}" for r in row.values())) for a, row in table_.items()]
    return Section(
        "Agreement",
        [
            "Spearman's correlation of how much worse two metrics call all the steps above. Near 1 they say the same: "
            "one of them is enough. Below 0 they contradict each other.",
            *_twins(found),
        ],
        Table(("metric", *(names[name] for name in table_)), rows),
    )


def _twins(found: Selfcheck) -> Sequence[str]:
    names, matrix = _names(found), found.findings.agreement
    order = list(matrix)
    pairs = [(a, b, matrix[a][b]) for n, a in enumerate(order) for b in order[n + 1 :]]
    alike = [f"{names[a]} and {names[b]}" for a, b, r in pairs if r is not None and r >= 0.95]
    against = [f"{names[a]} and {names[b]}" for a, b, r in pairs if r is not None and r < 0]
    lines = [f"Say the same (0.95 or more): {', '.join(alike)}."] if alike else []
    return lines + ([f"Contradict each other: {', '.join(against)}."] if against else [])
