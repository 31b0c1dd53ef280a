"""An analysis as one HTML page, as Markdown beside its pictures, and as JSON."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganeval.files import replace_text, replacing
from ganeval.reporting.markdown import escape

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Part:
    """A section: a table, a picture or both, and what they say.

    Attributes:
        name: of the picture's file, without .png.
        picture: PNG, or nothing.
    """

    title: str
    text: str
    header: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    name: str = ""
    picture: bytes = b""

    @property
    def data(self) -> str:
        """The picture for a page that loads nothing."""
        return base64.b64encode(self.picture).decode("ascii")


@dataclass(frozen=True)
class Page:
    """A title, what was done, what must be known first, and the sections; `record` is all of it as plain data."""

    title: str
    lead: str
    parts: Sequence[Part]
    record: dict[str, Any]
    command: str
    warnings: Sequence[str] = ()


def write(page: Page, folder: Path) -> Path:
    """Write index.html, index.md with its pictures, and analysis.json, each atomically; returns the page."""
    for part in page.parts:
        if part.picture:
            with replacing(folder / f"{part.name}.png") as path:
                path.write_bytes(part.picture)
    replace_text(folder / "analysis.json", json.dumps(page.record, indent=1) + "\n")
    replace_text(folder / "index.md", markdown(page))
    replace_text(folder / "index.html", html(page))
    return folder / "index.html"


def html(page: Page) -> str:
    """One page that loads nothing; all text is escaped."""
    from ganeval.reporting.page import environment

    return environment().get_template("analysis.html.j2").render(page=page)


def markdown(page: Page) -> str:
    """The same, with the pictures as files beside it."""
    blocks = [f"# {escape(page.title)}", escape(page.lead), *(f"> {escape(text)}" for text in page.warnings)]
    for part in page.parts:
        blocks.append(f"## {escape(part.title)}")
        blocks += [table(part.header, part.rows)] if part.rows else []
        blocks += [f"![{escape(part.title)}]({part.name}.png)"] if part.picture else []
        blocks.append(escape(part.text))
    return "\n\n".join([*blocks, f"```\n{page.command}\n```"]) + "\n"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, numbers to the right."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    cells = [[escape(cell) for cell in row] for row in (header, *rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (cells[0], rule, *cells[1:]))


def png(figure: Figure) -> bytes:
    """The figure's bytes, without the name and date of what made them."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120, metadata={"Software": None})
    return buffer.getvalue()
