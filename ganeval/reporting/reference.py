"""The reference of all metrics in Markdown, made from their declarations and docstrings, with the toys' numbers."""

from __future__ import annotations

import inspect
import re
import textwrap
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, get_args

import numpy as np
import torch
from torch import Tensor

from ganeval.errors import GanevalError
from ganeval.metrics.metric import Family, Metric, checked, registered
from ganeval.summaries import Features, Labelled, Summary
from ganeval.testing.toys import Step, toy

COMMAND = "ganeval list metrics --markdown > docs/metrics.md"
SECTIONS = ("Formula", "Trust", "Blind to", "Toy")
Values: TypeAlias = Sequence[tuple[str, float | None]]
"""A toy's steps by label, and the metric's value."""

_INTRODUCTION = f"""
Made by `{COMMAND}` from the metrics' own files, one per metric in `ganeval/metrics/`: change it there. Tables show the
metric erring, or holding, on a toy whose truth is known (`ganeval/testing/toys.py`), computed by the same command.

Costs are those beyond the pass over the images, for N generated and M real samples of D features. A metric of any
features reads the network that `--features` names. Needs are image sets by role and what is kept of them: `moments` do
not grow with N, `features` are all rows, and labels are the class of each image.
"""


def toy_values(metric: Metric, name: str) -> Values:
    """(step, value) of the metric on a toy; None where the metric refuses the step."""
    return [(step.label, _value(metric, step)) for step in toy(name).steps]


def reference(values: Callable[[Metric, str], Values] = toy_values) -> str:
    """The whole document: by family, and in a family by name, with the toys' numbers from `values`."""
    known = sorted(registered().values(), key=lambda metric: metric.name)
    families = {family: [metric for metric in known if metric.family == family] for family in get_args(Family)}
    parts = ["# Metrics\n", _wrapped(_INTRODUCTION.strip()) + "\n", _contents(families)]
    for family, metrics in families.items():
        if metrics:
            parts.append(f"## {_title(family)}\n")
            parts += ["\n".join(_entry(metric, values)) for metric in metrics]
    return "\n".join(parts).rstrip() + "\n"


def sections(metric: Metric) -> dict[str, str]:
    """The docstring by section: `Formula`, `Trust`, `Blind to`, `Toy`; what is under no heading is under "".

    Examples and the list of errors are left out.
    """
    found: dict[str, list[str]] = {}
    for paragraph in re.split(r"\n\s*\n", inspect.getdoc(metric.function) or "")[1:]:
        heading, colon, rest = paragraph.partition(":")
        if paragraph.startswith((">>>", "Raises:", "Args:")):
            continue
        known = bool(colon) and heading in SECTIONS
        found.setdefault(heading if known else "", []).append(" ".join((rest if known else paragraph).split()))
    return {heading: "\n\n".join(paragraphs) for heading, paragraphs in found.items()}


def _contents(families: Mapping[str, list[Metric]]) -> str:
    rows = [
        f"- {_title(family)}: " + ", ".join(f"[{metric.name}](#{metric.name})" for metric in metrics)
        for family, metrics in families.items()
        if metrics
    ]
    return "\n".join(rows) + "\n"


def _title(family: str) -> str:
    return {"Frechet": "Frechet distances"}.get(family, family[0].upper() + family[1:])


def _entry(metric: Metric, values: Callable[[Metric, str], Values]) -> Iterator[str]:
    told = sections(metric)
    yield f"### {metric.name}\n"
    yield _wrapped(_escaped(metric.summary)) + "\n"
    if "" in told:
        yield _wrapped(_escaped(told[""])) + "\n"
    for heading in ("Formula", "Trust", "Blind to"):
        if heading in told:
            yield _wrapped(f"**{heading}:** {_escaped(told[heading])}") + "\n"
    for name in toys_of(metric):
        yield "\n".join(_toy_table(name, values(metric, name))) + "\n"
    yield "\n".join(f"- {name}: {value}" for name, value in facts(metric).items()) + "\n"


def toys_of(metric: Metric) -> list[str]:
    """Names of the toys that its docstring points to."""
    return [name.strip() for name in sections(metric).get("Toy", "").split(";") if name.strip()]


def facts(metric: Metric) -> dict[str, str]:
    """What the declaration says, in words, by name."""
    low, high = ("-inf" if bound == -np.inf else "inf" if bound == np.inf else f"{bound:g}" for bound in metric.range)
    options = ", ".join(f"`{name}={value}`" for name, value in metric.options.items())
    optimum = "none" if metric.optimum is None else f"{metric.optimum:g}"
    return {
        "range": f"{low} to {high}; best: {optimum}; better: {metric.better}",
        "needs": ", ".join(f"{role} ({_kept(kind)})" for role, kind in metric.sets.items()),
        "features": features_of(metric),
        "options": options or "none",
        "cost": metric.cost,
        "paper": _linked(metric.paper),
    }


def features_of(metric: Metric) -> str:
    """Which features it reads: any, one layer of any network, or one network's."""
    if not metric.rebase:
        return f"`{metric.tap}`"
    if metric.pairs:
        return "any distance of pairs"
    return f"`{metric.layer}` of any network" if metric.layer else "any"


def _kept(kind: type[Summary]) -> str:
    return "features and labels" if kind is Labelled else kind.kind


def _linked(paper: str) -> str:
    return re.sub(r"arXiv:(\d{4}\.\d{4,5})", r"[arXiv:\1](https://arxiv.org/abs/\1)", paper)


def _escaped(text: str) -> str:
    """Stars and angle brackets of formulas are not Markdown's."""
    return re.sub(r"(?<!`)([*<])(?!`)", r"\\\1", text)


def _wrapped(text: str) -> str:
    paragraphs = (" ".join(part.split()) for part in text.split("\n\n"))
    lines = "\n\n".join(textwrap.fill(part, 140, break_long_words=False, break_on_hyphens=False) for part in paragraphs)
    return re.sub(r"^([-+]) ", r"\\\1 ", lines, flags=re.MULTILINE)  # a formula that goes on is no list


def _toy_table(name: str, values: Values) -> Iterator[str]:
    yield f"Toy, {name}: {toy(name).what}.\n"
    yield "| " + " | ".join(label for label, _ in values) + " |"
    yield "|" + "---|" * len(values)
    yield "| " + " | ".join("refused" if value is None else f"{value:.3g}" for _, value in values) + " |"


def _value(metric: Metric, step: Step) -> float | None:
    inputs = {role: _summary(metric, kind, role, step) for role, kind in metric.sets.items()}
    options: dict[str, Any] = dict(metric.options)
    if metric.seeded:
        options["rng"] = np.random.default_rng(zlib.crc32(metric.name.encode()))
    try:
        return checked(metric, metric.function(**inputs, **options)).value
    except GanevalError:
        return None


def _summary(metric: Metric, kind: type[Summary], role: str, step: Step) -> Summary:
    rows = _as_read(metric, step.sets[role])
    summary = Features() if kind is Labelled else kind()
    summary.update(rows)
    if kind is not Labelled:
        return summary
    assert isinstance(summary, Features)
    return Labelled.of(summary, step.labels.get(role, torch.arange(len(rows)) % 10))


def _as_read(metric: Metric, rows: Tensor) -> Tensor:
    """In the layout that the metric reads; distances of pairs as similarities where it takes those."""
    if metric.tap.endswith(".similarity"):
        return 1 / (1 + rows)
    return rows if metric.laws.rows is None else metric.laws.rows(rows)
