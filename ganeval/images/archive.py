"""What lies in a file of torch, told by its entries without loading any, and refused where it is a pickle."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ganeval.errors import GanevalError

SUFFIXES = (".pt", ".pth", ".pt2", ".ts", ".jit", ".torchscript", ".ptl", ".bin", ".ckpt")
Kind = Literal["torchscript", "exported"]


@dataclass(frozen=True)
class Archive:
    """The entries of a torch file by name, without the folder that torch puts around them."""

    kind: Kind
    entries: Mapping[str, bytes]


def read_archive(path: Path) -> Archive:
    """The entries of a TorchScript archive or of an exported program.

    Raises:
        GanevalError: a pickle, an archive of compiled code, a damaged file, or something else.
    """
    try:
        with zipfile.ZipFile(path) as file:
            names = [_inner(name) for name in file.namelist()]
            kind = _kind(path, names)
            if len(set(names)) < len(names):
                raise GanevalError(f"{path} has two entries of one name: it was not written by torch. Export it again")
            return Archive(kind, {_inner(name): file.read(name) for name in file.namelist()})
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError) as error:
        if _begins_like_a_pickle(path):
            raise _pickle(path) from None
        raise GanevalError(f"{path} is damaged, or no file of torch: {error}. Export it again") from None


def _inner(name: str) -> str:
    """`net/code/x.py` => `code/x.py`."""
    return name.partition("/")[2] or name


def _kind(path: Path, names: list[str]) -> Kind:
    if any(name.startswith("data/aotinductor/") for name in names):
        raise GanevalError(
            f"{path} holds code compiled for a machine: loading it would run it. Save the program itself with "
            "torch.export.save"
        )
    if any(name.startswith("models/") for name in names):
        return "exported"
    if "constants.pkl" in names and any(name.startswith("code/") for name in names):
        return "torchscript"
    if "serialized_exported_program.json" in names:
        raise GanevalError(
            f"{path} was exported by an older torch: load it with torch.export.load, and save it with a current one"
        )
    if "data.pkl" in names:
        raise _pickle(path)
    raise GanevalError(f"{path} is a zip archive, but neither TorchScript nor torch.export's: export it again")


def _begins_like_a_pickle(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(1) == b"\x80"


def _pickle(path: Path) -> GanevalError:
    return GanevalError(
        f"{path} is a pickle, as torch.save writes it: reading a pickled network would run whatever code it names, and "
        "a dictionary of weights has no network in it. Where you have the network's code, either export it "
        "(torch.jit.trace(net.eval(), latents).save('net.ts'), torch.export.save(torch.export.export(net.eval(), "
        "(latents,)), 'net.pt2'), or torch.onnx.export), or write a module that loads the weights and score "
        "MODULE:CALLABLE"
    )


def rewritten(archive: Archive) -> bytes:
    """A zip archive of these entries and of nothing else, for readers that may see more in the file than we did."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        for name, content in archive.entries.items():
            file.writestr(f"archive/{name}", content)
    return made.getvalue()
