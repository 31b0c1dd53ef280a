"""`ganeval refs`: reference statistics, made once and used by `ganeval score --reference ref:NAME`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ganeval.cli import options

as_json = click.option("--json", "as_json", is_flag=True, help="Machine-readable.")

_MAKING = (
    click.option("--features", default="", metavar="TAP", help="Where to read. Default: the protocol's."),
    click.option("--protocol", default="ganeval", show_default=True, metavar="TOOL", help="Whose resizer to use."),
    click.option("--num-samples", type=click.IntRange(min=2), help="A random part of the images. Default: all."),
    click.option("--on-bad-image", type=click.Choice(["fail", "skip"]), default="fail", show_default=True),
    options.seed,
    options.device,
    click.option("--precision", type=click.Choice(["fp32", "bf16"]), default="fp32", show_default=True),
    click.option("--batch-size", default=64, show_default=True, type=click.IntRange(min=1), help="Changes speed only."),
    options.weights,
    options.data_root,
    click.option("--no-cache", is_flag=True, help="Neither read nor write summaries of earlier passes."),
)


def making(function: options.Command) -> options.Command:
    """Add the options that say how statistics are made."""
    for option in reversed(_MAKING):
        function = option(function)
    return function


@click.group("refs")
def command() -> None:
    """Make, show and verify reference statistics: mean and covariance of features."""


@command.command("build")
@click.argument("images", metavar="REAL")
@click.option("--name", help="What ref:NAME finds it by. Default: REAL.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="An .npz to write as well.")
@click.option("--format", "layout", default="ganeval", show_default=True, help="Of --out: also pytorch-fid, adm, edm.")
@making
@as_json
def build(out: Path | None, layout: str, as_json: bool, **arguments: Any) -> None:
    """Make statistics of REAL in one pass, and keep them under their sha256 in the user's cache folder.

    REAL is anything that `ganeval score` takes. Features of Inception bring the spatial ones of sFID with them.
    Statistics (ref:NAME, an .npz) are not made again, but can be written in another --format.
    """
    from ganeval.images.statistics_store import require_writable, store, write_statistics
    from ganeval.references import describe

    if out is not None:
        require_writable(out, layout)
    made = _made(arguments)
    about = describe(made.statistics)
    if made.statistics.origin:
        about["file"] = str(store(made.statistics))
    if out is not None:
        write_statistics(out, made.statistics, layout=layout, images=made.images)
        about["out"] = str(out)
    _show(about, as_json)


@command.command("show")
@click.argument("reference", required=False)
@as_json
def show(reference: str | None, as_json: bool) -> None:
    """Show what is in REFERENCE, an .npz of any tool, or the name or sha256 of a kept one. Without it: list those."""
    from ganeval.references import describe

    if reference is None:
        _show_kept(as_json)
    else:
        _show(describe(_opened(reference)), as_json)


@command.command("verify")
@click.argument("reference")
@click.option("--against", metavar="REAL", help="Images to make the statistics of again.")
@click.option("--tolerance", type=click.FloatRange(min=0), help="Greatest relative difference. Default: 0.001.")
@making
@as_json
def verify(reference: str, against: str | None, tolerance: float | None, as_json: bool, **rest: Any) -> None:
    """Verify REFERENCE: its sha256, that it is finite, symmetric, positive semidefinite; --against REAL, its numbers.

    REAL is read with the features that the reference names, or --features where it does not say. Exit code 1 where mean
    or covariance differ by more than the tolerance.
    """
    from ganeval.references import AGREEMENT, agree, describe, differences, spectrum

    opened = _opened(reference)
    about = describe(opened) | spectrum(opened.main)
    about["sha256"] = "matches" if opened.origin else "none in the file"
    agreed = True
    if against is not None:
        if opened.origin and opened.origin.extractor:
            rest["features"] = opened.origin.features
        about["differences"] = differences(opened, _made(rest | {"images": against}).statistics)
        agreed = agree(about["differences"], AGREEMENT if tolerance is None else tolerance)
        about["agrees"] = agreed
    _show(about, as_json)
    if not agreed:
        click.get_current_context().exit(1)


def _made(arguments: dict[str, Any]) -> Any:
    from ganeval.references import Making, make

    rest = dict(arguments)
    weights = {name: Path(path) for name, path in options.assignments(rest.pop("weights")).items()}
    with options.progress_bars() as watch:
        return make(Making(weights=weights, cached=not rest.pop("no_cache"), **rest), watch)


def _opened(reference: str) -> Any:
    """A file by its path, or a kept reference by name or digest, with `ref:` or without."""
    from ganeval.images.statistics import open_statistics
    from ganeval.images.statistics_store import open_reference

    path = Path(reference.removeprefix("statistics:"))
    return open_statistics(path) if path.is_file() else open_reference(reference.removeprefix("ref:"))


def _show(about: dict[str, Any], as_json: bool) -> None:
    import json

    from ganeval.compare import flattened

    if as_json:
        click.echo(json.dumps(about, indent=2))
        return
    rows = [(name, f"{value:.6g}" if isinstance(value, float) else _text(value)) for name, value in flattened(about)]
    width = max(len(name) for name, _ in rows)
    for name, text in rows:
        click.echo(f"{name:{width}}  {text}")


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "unknown" if value is None else str(value)


def _show_kept(as_json: bool) -> None:
    import json

    from ganeval.images.statistics_store import folder, stored

    kept = stored()
    if as_json:
        click.echo(
            json.dumps([{"file": str(path)} | origin.model_dump(by_alias=True) for path, origin in kept.items()])
        )
        return
    for path, origin in kept.items():
        click.echo(f"{path.stem[:12]}  {origin.name}  {origin.features}, {origin.count:,} samples")
    if not kept:
        click.echo(f"no references in {folder()}: make one with `ganeval refs build REAL`")
