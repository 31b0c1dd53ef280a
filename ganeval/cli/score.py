"""`ganeval score`: images or a generator against a reference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ganeval.cli import options


@click.command()
@click.argument("fake")
@click.option("--reference", required=True, metavar="REAL", help="The images to compare with.")
@click.option("--train", metavar="IMAGES", help="What the model was trained on, for metrics of memorisation.")
@click.option("--heldout", metavar="IMAGES", help="Real images that neither training nor --reference has.")
@click.option("--metrics", default="", metavar="NAMES", help="Comma-separated; overrides --suite.")
@click.option("--protocol", default="ganeval", show_default=True, metavar="NAME", help="Whose numbers: see list.")
@click.option("--suite", default="", metavar="NAME", help="quick, standard, full. Default: the protocol's.")
@click.option("--features", default="", metavar="TAPS", help="Comma-separated. Default: the protocol's.")
@options.settings
@click.option("--num-samples", type=click.IntRange(min=2), help="Images of FAKE, and at most of REAL. Default: all.")
@click.option("--reference-samples", type=click.IntRange(min=2), help="The same for REAL and --heldout only.")
@click.option("--num-pairs", default=1000, show_default=True, type=click.IntRange(min=2), help="Random pairs or paths.")
@click.option("--level", default=0.95, show_default=True, type=click.FloatRange(0, 1, max_open=True), help="0: none.")
@options.calling
@options.redrawing
@click.option("--on-bad-image", type=click.Choice(["fail", "skip"]), default="fail", show_default=True)
@options.seed
@options.device
@click.option("--precision", type=click.Choice(["fp32", "bf16"]), default="fp32", show_default=True)
@click.option("--batch-size", default=64, show_default=True, type=click.IntRange(min=1), help="Changes speed only.")
@options.weights
@options.data_root
@click.option("--no-cache", is_flag=True, help="Neither read nor write summaries of earlier passes.")
@click.option("--name", help="What reports call this model. Default: FAKE.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for the scorecard and the page.")
@click.option("--json", "as_json", is_flag=True, help="Print the scorecard as JSON.")
def command(out: Path | None, as_json: bool, **arguments: Any) -> None:
    """Score FAKE against --reference.

    FAKE and REAL are a folder, an archive (zip, tar), an array file (npz, npy, IDX), dataset:NAME[:SPLIT[0:500]], a
    run folder or checkpoint, a generator (TorchScript, .pt2, .onnx, or MODULE:CALLABLE, which runs that code), or
    features:FILE.npy. REAL can also be statistics, which suffice for some metrics: an .npz with mu and sigma, or
    ref:NAME of `ganeval refs build`.

    A run that translates images is scored on translations of --input, one with an encoder (or that translates both
    ways) on the reconstructions with --reconstruct: metrics of pairs, such as l1, then compare them one by one.
    """
    from ganeval.scoring import score

    job = _job(**arguments)
    with options.progress_bars() as watch:
        scored = score(job, watch)
    if out is not None:
        from ganeval.reporting.single import write_scored

        write_scored(scored, out)
    _show(scored.card, out, as_json)


def _job(**rest: Any) -> Any:
    from ganeval.scoring import Job

    return Job(
        **options.taken_choices(rest),
        calling=options.taken_calling(rest),
        redraw=options.taken_redraw(rest),
        **rest,
    )


def _show(card: Any, out: Path | None, as_json: bool) -> None:
    if as_json:
        click.echo(card.model_dump_json(by_alias=True, indent=2))
        return
    from ganeval.compare import compare
    from ganeval.reporting.flags import flags
    from ganeval.reporting.terminal import show

    show(compare([card]))
    for flag in flags(card, card.name):
        click.secho(f"{flag.name}: {flag.text}", fg="yellow")
    if out is not None:
        click.echo(f"report: {out / 'index.html'}")
