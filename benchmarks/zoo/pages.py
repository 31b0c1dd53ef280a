"""A page for each model in docs/models, from its docstring, its networks and, where there is one, its run in the zoo.

python -m benchmarks.zoo.pages
"""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import io
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.zoo import diagram
from benchmarks.zoo.making import STUDIES
from benchmarks.zoo.results import LOG, SAMPLES, Entry, load_result
from ganeval.files import replace_text, replacing
from ganeval.reporting.markdown import escape, sections_markdown
from ganeval.reporting.numbers import format_score
from ganeval.scorecard import load_scorecard
from reference_models.recipe import DataSpec, Recipe
from reference_models.registry import make_recipe, recipes

SIZE, CLASSES, MARGIN = 32, 10, 2
"""Of the images that the diagrams are drawn for: Fashion-MNIST, padded."""
CURVES = "curves.png"
_UNLOGGED = ("step", "seconds", "images/s")
_HEADED = re.compile(r"^(Idea|Networks|Reported|Deviations|Losses)[:,]? ?(.*)", re.DOTALL)


def write(report: Path, out: Path) -> list[Path]:
    """Write NAME.md and NAME.svg of every recipe, and README.md; curves go beside the results in the report folder."""
    entries = {name: entry for name in recipes() if (entry := _entry(report, name)) is not None}
    for entry in entries.values():
        if log := entry.log():
            save_curves(log, entry.folder / CURVES)
    texts = {"README.md": index(entries)}
    for name, kind in recipes().items():
        spec = DataSpec(SIZE, 1, CLASSES, MARGIN, kind.source)
        networks = diagram.traced(make_recipe(name, small=True), spec)
        texts[f"{name}.md"] = page(name, kind, entries.get(name), Path(os.path.relpath(report, out)), bool(networks))
        if networks:
            texts[f"{name}.svg"] = diagram.svg(networks, f"Networks of {name}")
    for file, text in texts.items():
        replace_text(out / file, text)
    return [out / file for file in texts]


def page(name: str, kind: type[Recipe], entry: Entry | None, report: Path, drawn: bool = True) -> str:
    """The page of one model; `report` is the way from its folder to the report's, `drawn` whether it has a diagram."""
    module = sys.modules[kind.__module__]
    head, _, rest = inspect.cleandoc(module.__doc__ or "").partition("\n\n")
    file = f"reference_models/gans/{name}.py"
    parts = [
        f"# {name}",
        f"**{_line(head)}**",
        *prose(rest),
        *(_networks(name) if drawn else []),
        "## Options",
        *_options(kind),
        f"The code, to be read from top to bottom: [`{file}`](../../{file}).",
    ]
    parts += [] if entry is None else _run(entry, report / "models" / name)
    return "\n\n".join(parts) + "\n"


def _networks(name: str) -> list[str]:
    return [
        "## Networks",
        f"With the small options, for grey images of {SIZE}×{SIZE}, in the order in which an iteration calls them; "
        "below each block the shape of what leaves it.",
        f"![Networks of {name}]({name}.svg)",
    ]


def prose(text: str) -> Iterator[str]:
    """A docstring's paragraphs as Markdown: what is indented is code, and known first words become headings.

    >>> list(prose("Idea: two\\nlines.\\n\\n    L = 1"))
    ['## Idea', 'Two lines.', '```\\nL = 1\\n```']
    """
    for paragraph in text.split("\n\n"):
        yield from _paragraph(paragraph)


def _paragraph(text: str) -> Iterator[str]:
    lines = text.split("\n")
    start = next((at for at, line in enumerate(lines) if line.startswith("    ")), len(lines))
    plain = "\n".join(lines[:start])
    if headed := _HEADED.match(plain):
        yield f"## {headed[1]}"
        plain = headed[2][:1].upper() + headed[2][1:]
    if plain.strip():
        yield "\n".join(_listed(plain))
    if start < len(lines):
        yield "```\n" + inspect.cleandoc("\n" + "\n".join(lines[start:])) + "\n```"


def _listed(plain: str) -> list[str]:
    """Lines of a list or of a bibliography stay apart; others become one."""
    if plain.startswith("- "):
        return plain.split("\n")
    ends = [bool(re.search(r"https?://\S+$", line)) for line in plain.split("\n")]
    if any(ends[:-1]):
        return [f"{line}  " if end else line for line, end in zip(plain.split("\n"), ends)]
    return [_line(plain)]


def _line(text: str) -> str:
    return " ".join(text.split())


def _options(kind: type[Recipe]) -> list[str]:
    paper, small = (make_recipe(kind.__module__.rpartition(".")[2], small=small) for small in (False, True))
    values = {
        field.name: [getattr(recipe, field.name) for recipe in (paper, small)] for field in dataclasses.fields(kind)
    }
    rows = [f"| `{name}` | {default} | {'' if own == default else own} |" for name, (default, own) in values.items()]
    return ["\n".join(["| option | default | small |", "| --- | ---: | ---: |", *rows])]


def _run(entry: Entry, folder: Path) -> list[str]:
    """What the zoo has found of it."""
    result = entry.result
    data = "" if result.wanted is None else result.wanted.data.removeprefix("dataset:")
    time = "fitted" if result.kind == "fitted" else f"{result.step:,} steps in {result.seconds / 60:.1f} minutes"
    parts = [
        "## In the zoo",
        f"On {data}, {time} with the small options ([the report]({(folder.parent.parent / 'README.md').as_posix()})).",
        f"![Samples of {entry.name}]({(folder / SAMPLES).as_posix()})",
        "\n".join(
            [
                "| score | value |",
                "| --- | ---: |",
                *(f"| {escape(score.metric)} | {escape(format_score(score))} |" for score in entry.card.scores),
            ]
        ),
    ]
    if (entry.folder / LOG).is_file():
        parts.append(f"![What was logged while {entry.name} was trained]({(folder / CURVES).as_posix()})")
    told = [section for study in STUDIES if (section := study.tell([entry])) is not None]
    if told:
        parts.append(sections_markdown(told).replace("\n## ", "\n### ").replace("## ", "### ", 1).strip())
    return parts


def index(entries: dict[str, Entry]) -> str:
    """All models with their papers, and the main score where there is one."""
    rows = [
        f"| [{name}]({name}.md) | {escape(kind.title)} | {escape(kind.paper)} | {_main(entries.get(name))} |"
        for name, kind in recipes().items()
    ]
    return "\n".join(
        [
            "# Models",
            "",
            "Made by `python -m benchmarks.zoo.pages` from the docstrings of `reference_models/gans`, their networks "
            "and the runs of `make zoo`. The last column is the zoo's Frechet distance, lower is better.",
            "",
            "| recipe | | paper | fd |",
            "| --- | --- | --- | ---: |",
            *rows,
            "",
        ]
    )


def _main(entry: Entry | None) -> str:
    score = None if entry is None else entry.card.score("fd")
    return "" if score is None else format_score(score)


def _entry(report: Path, name: str) -> Entry | None:
    folder = report / "models" / name
    result = load_result(folder)
    return None if result is None else Entry(result, load_scorecard(folder), folder)


def save_curves(log: dict[str, list[float]], path: Path) -> None:
    """A panel for each logged term, against seconds of training."""
    from matplotlib.figure import Figure

    terms = [name for name in log if name not in _UNLOGGED]
    rows = -(-len(terms) // 3)
    figure = Figure(figsize=(9, 2.1 * rows), dpi=90, layout="constrained")
    panels = figure.subplots(rows, 3, squeeze=False).flatten()
    for axes, term in zip(panels, terms):
        axes.plot(log["seconds"], log[term], color="#2257bf", linewidth=1)
        axes.set_title(term, fontsize=9)
        axes.tick_params(labelsize=7)
    for axes in panels[len(terms) :]:
        axes.set_axis_off()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    with replacing(path) as temporary:
        temporary.write_bytes(buffer.getvalue())


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the pages."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.zoo.pages", description=__doc__)
    parser.add_argument("--report", type=Path, default=Path("reports/zoo-fashion-mnist"), help="results to show")
    parser.add_argument("--out", type=Path, default=Path("docs/models"))
    asked = parser.parse_args(arguments)
    print(f"{len(write(asked.report, asked.out))} files in {asked.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
