"""`ganeval probe`: how well a linear SVM tells classes apart on a discriminator's features."""

from __future__ import annotations

import shlex
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from ganeval.cli import options


@click.command("probe")
@click.argument("run")
@click.option("--data", required=True, metavar="IMAGES", help="Labelled images.")
@click.option("--test", metavar="IMAGES", help="The test set, where --data has none of its own.")
@click.option("--labels-per-class", "labels", default=100, show_default=True, type=click.IntRange(min=1))
@click.option("--all-labels", is_flag=True, help="Learn from all labels, once, instead of drawing some.")
@click.option("--repeats", default=100, show_default=True, type=click.IntRange(min=1), help="Draws of labels.")
@click.option("--batchnorm", type=click.Choice(["reestimate", "keep"]), default="reestimate", show_default=True)
@click.option("--yardsticks", default="all", show_default=True, metavar="LIST", help="all, none, or names by commas.")
@click.option("--curve", default="10,30,100,300", show_default=True, metavar="LIST", help="Labels per class; or none.")
@click.option("--centroids", default=400, show_default=True, type=click.IntRange(min=2), help="Of k-means features.")
@click.option("--shown", default=40_000, show_default=True, type=click.IntRange(min=64), help="To the supervised CNN.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for report and features.")
@options.seed
@options.device
@options.data_root
def command(run: str, data: str, test: str | None, out: Path | None, data_root: Path | None, **given: Any) -> None:
    """Probe the discriminator of RUN (Radford et al. 2015): its features, max-pooled, in a linear L2-SVM.

    RUN is a run folder, a checkpoint, or MODULE:CALLABLE, a torch.nn.Module for RGB images in [-1, 1], whose module is
    imported and so executed. --data is dataset:NAME (its splits train and test), an archive or folder with train/CLASS
    and test/CLASS, or any labelled set, of which a sixth becomes the test set unless --test names one.

    C is chosen on validation images; then labels are drawn anew --repeats times, and the test set is asked. Yardsticks:
    pixels, pca, random, kmeans, knn, supervised, efficientnet_lite0, encoder. With --out, a probe that was stopped goes
    on where it was.
    """
    from ganeval.device import choose_device
    from ganeval.images import Opening
    from ganeval.probes.probe import Job
    from ganeval.probes.probe import run as probe
    from ganeval.probes.subject import open_subject
    from ganeval.probes.task import open_task

    device, seed = choose_device(given.pop("device")), given.pop("seed")
    subject = open_subject(run, device)
    task = open_task(data, test, Opening(data_root=data_root, seed=seed), subject.size, subject.channels)
    given["labels"] = None if given.pop("all_labels") else given["labels"]
    given["yardsticks"] = _yardsticks(given["yardsticks"])
    given["curve"] = _counts(given["curve"])
    job = Job(subject, task, seed=seed, device=device, **given)
    with tempfile.TemporaryDirectory() as folder, options.progress_bars() as watch:
        probed = probe(job, out or Path(folder), watch)
        _show(probed)
        if out is not None:
            from ganeval.probes.report import write

            page = write(probed, out, shlex.join(["ganeval", *sys.argv[1:]]))
            click.echo(f"report: {page}")


def _yardsticks(text: str) -> tuple[str, ...]:
    from ganeval.probes.probe import YARDSTICKS

    return {"all": YARDSTICKS, "none": ()}.get(text) or (() if text == "none" else options.commas(text))


def _counts(text: str) -> tuple[int, ...]:
    from ganeval.errors import GanevalError

    if text == "none":
        return ()
    if not all(part.isdecimal() and int(part) for part in options.commas(text)):
        raise GanevalError(f"--curve {text}: expected labels per class by commas, such as 10,100, or none")
    return tuple(sorted({int(part) for part in options.commas(text)}))


def _show(probed: Any) -> None:
    from rich.console import Console
    from rich.table import Table

    from ganeval.probes.report import HEADER, protocol_words, rows

    table = Table(*HEADER, box=None)
    for row in rows(probed):
        table.add_row(*row)
    console = Console()
    console.print(table)
    console.print(protocol_words(probed), style="dim", highlight=False)
