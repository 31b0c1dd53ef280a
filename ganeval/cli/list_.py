"""`ganeval list`: what there is to choose from, with one line each."""

from __future__ import annotations

from typing import Any

import click

Row = dict[str, Any]


@click.command("list")
@click.argument("what", type=click.Choice(["metrics", "features", "datasets", "recipes", "protocols", "weights"]))
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@click.option("--markdown", is_flag=True, help="Of metrics: the whole reference, as it stands in docs/metrics.md.")
def command(what: str, as_json: bool, markdown: bool) -> None:
    """List metrics, features, datasets, recipes, protocols or weights."""
    import json

    if markdown:
        _show_reference(what)
        return
    rows = _LISTS[what]()
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    console = Console()
    for row in rows:
        facts = "; ".join(f"{key}: {value}" for key, value in row.items() if key not in ("name", "what"))
        console.print(Text.assemble((row["name"], "bold"), "  ", row["what"]))
        console.print(Padding(Text(facts, style="dim"), (0, 0, 0, 4)))


def _show_reference(what: str) -> None:
    from ganeval.errors import GanevalError
    from ganeval.reporting.reference import reference

    if what != "metrics":
        raise GanevalError(f"--markdown prints the reference of metrics, not of {what}: leave it out")
    click.echo(reference(), nl=False)


def _metrics() -> list[Row]:
    from ganeval.metrics.metric import registered

    return [
        {
            "name": name,
            "family": metric.family,
            "needs": ", ".join(f"{role}: {kind.kind}" for role, kind in metric.sets.items()),
            "range": "{:g} .. {:g}".format(*metric.range),
            "optimum": "-" if metric.optimum is None else f"{metric.optimum:g}",
            "better": metric.better,
            "features": metric.tap if not metric.rebase else "any distance of pairs" if metric.pairs else "any",
            "options": ", ".join(f"{option}={value}" for option, value in metric.options.items()) or "-",
            "cost": metric.cost,
            "paper": metric.paper,
            "what": metric.summary,
        }
        for name, metric in sorted(registered().items())
    ]


def _features() -> list[Row]:
    from ganeval.extractors import known_extractors

    return [
        {
            "name": entry.usage,
            "what": entry.summary,
            "of": "pairs of images" if entry.pairs else "images",
            "layers": ", ".join(entry.layers),
            "default": entry.default,
            "ready": "yes" if entry.available else "needs weights",
        }
        for entry in known_extractors().values()
    ]


def _datasets() -> list[Row]:
    from ganeval.data.datasets import describe

    return list(describe())


def _recipes() -> list[Row]:
    from dataclasses import fields

    from reference_models.registry import recipes

    return [
        {
            "name": name,
            "what": recipe.title,
            "paper": recipe.paper,
            "options": ", ".join(f"{field.name}={field.default}" for field in fields(recipe)),
        }
        for name, recipe in sorted(recipes().items())
    ]


def _protocols() -> list[Row]:
    from ganeval.presets import PRESETS, described

    return [{"name": name, "what": preset.what, **described(preset)} for name, preset in PRESETS.items()]


def _weights() -> list[Row]:
    from ganeval.extractors.weights import known_weights

    return [
        {"name": name, "what": known.note, "files": " or ".join(known.files), "sha256": known.sha256, "url": known.url}
        for name, known in known_weights().items()
    ]


_LISTS = {
    "metrics": _metrics,
    "features": _features,
    "datasets": _datasets,
    "recipes": _recipes,
    "protocols": _protocols,
    "weights": _weights,
}
