"""`ganeval import`: networks that other people trained, as a run like one's own."""

from __future__ import annotations

from pathlib import Path

import click

from ganeval.cli import options


@click.command("import")
@click.argument("form", metavar="FORMAT")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="The run folder.")
@click.option("--data", metavar="IMAGES", help="Take D's batch statistics from these, where its files have none.")
@options.seed
@options.data_root
def command(form: str, paths: tuple[Path, ...], out: Path, data: str | None, seed: int, data_root: Path | None) -> None:
    """Make a checkpoint of networks trained elsewhere, to be sampled, scored and probed.

    FORMAT is dcgan-theano (PATHS: the folder with the DCGAN authors' released arrays) or dcgan-pytorch (PATHS:
    netG_*.pth, netD_*.pth of PyTorch's example, or both). Nothing that is read is executed. Batch statistics that the
    files do not hold are estimated: G's from its latents, D's from --data, or else from G's samples.
    """
    from ganeval.errors import GanevalError, unknown
    from ganeval.images import Opening, open_images
    from reference_models.importers.imported import save_imported
    from reference_models.preparing import training_images
    from reference_models.registry import importers

    known = importers()
    if form not in known:
        raise unknown("format", form, known)
    if out.is_dir() and any(out.iterdir()):
        raise GanevalError(f"{out} is not empty: choose another --out")
    found = known[form].read(paths)
    size = found.spec.size
    images = training_images(open_images(data, Opening(data_root=data_root)), size) if data is not None else None
    saved = save_imported(found, f"{form} {' '.join(map(str, paths))}", out, images=images, seed=seed)
    click.echo(f"{saved.with_suffix('')} is the checkpoint. See samples: ganeval sample {out} --out samples.png")
