"""Finding network weights: named by the user, found on this machine, or downloaded; always with their sha256."""

from __future__ import annotations

import hashlib
import os
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from ganeval.cache import folder
from ganeval.errors import WeightsError, unknown
from ganeval.files import replacing

FOLDER = "GANEVAL_WEIGHTS"
OFFLINE = "GANEVAL_OFFLINE"
_CHUNK = 1 << 20
_local = ContextVar("local", default=False)


@dataclass(frozen=True)
class Weights:
    """A weight file that is published under a fixed address.

    Attributes:
        files: the names it goes by; the first is the one we save under.
        sha256: of the content, in hex; a prefix of it where no more is known.
        url: where it comes from.
        licence: SPDX name.
        note: one line on its origin.
    """

    name: str
    files: tuple[str, ...]
    sha256: str
    url: str
    licence: str
    note: str


@dataclass(frozen=True)
class Located:
    """A weight file on this machine; `origin` tells whether the user named it or its published hash was verified."""

    path: Path
    sha256: str
    origin: Literal["custom", "verified"]

    @property
    def fingerprint(self) -> str:
        """The sha256, marked where the file is the user's own."""
        return f"custom:{self.sha256}" if self.origin == "custom" else self.sha256


def known_weights() -> dict[str, Weights]:
    """The weight files that ganeval finds or downloads by itself, by network name."""
    inception = Weights(
        name="inception",
        files=("weights-inception-2015-12-05-6726825d.pth", "pt_inception-2015-12-05-6726825d.pth"),
        sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
        url="https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth",
        licence="Apache-2.0",
        note="TensorFlow's Inception graph of 2015-12-05 on which FID is defined, as torch-fidelity converted it",
    )
    vgg16 = Weights(
        name="vgg16",
        files=("vgg16-397923af.pth",),
        sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
        url="https://download.pytorch.org/models/vgg16-397923af.pth",
        licence="BSD-3-Clause",
        note="torchvision's VGG16 on ImageNet, behind improved precision and recall, and LPIPS",
    )
    alexnet = Weights(
        name="alexnet",
        files=("alexnet-owt-7be5be79.pth",),
        sha256="7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
        url="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
        licence="BSD-3-Clause",
        note="torchvision's AlexNet on ImageNet, behind LPIPS",
    )
    squeezenet = Weights(
        name="squeezenet1_1",
        files=("squeezenet1_1-b8a52dc0.pth",),
        sha256="b8a52dc049b60e4b6ab68ad0df457362afab8b6304b2febdc1650a5dab4d7e7b",
        url="https://download.pytorch.org/models/squeezenet1_1-b8a52dc0.pth",
        licence="BSD-3-Clause",
        note="torchvision's SqueezeNet 1.1 on ImageNet, behind LPIPS",
    )
    return {known.name: known for known in (inception, vgg16, alexnet, squeezenet)}


def find(name: str, *, named: Mapping[str, Path] = {}) -> Located:
    """The weights of network `name`: the file the user named, else one found on this machine, else downloaded.

    A named file may have any hash and is marked custom. Everything else must have the published sha256. Looks in
    the folder $GANEVAL_WEIGHTS, torch hub's cache and ganeval's own; downloads unless $GANEVAL_OFFLINE is set.

    Raises:
        WeightsError: no such file, a wrong hash, or no network; says which file belongs where.
    """
    if name in named:
        return custom(name, named[name])
    known = known_weights()
    if name not in known:
        raise unknown("weights", name, known)
    wanted = known[name]
    path = next(_candidates(wanted), None)
    if path is None:
        path = cache_folder() / wanted.files[0]
        _fetch(wanted, path)
        return Located(path, sha256_of(path), "verified")
    return Located(path, _verified(path, wanted), "verified")


def custom(name: str, path: Path) -> Located:
    """A file the user named for network `name`.

    Raises:
        WeightsError: there is no such file.
    """
    if not path.is_file():
        raise WeightsError(f"no weights file at {path}, named for {name}: correct --weights {name}=PATH")
    return Located(path, sha256_of(path), "custom")


@contextmanager
def local_only() -> Iterator[None]:
    """While it is open, weights are only looked for on this machine; what is not here is a WeightsError."""
    token = _local.set(True)
    try:
        yield
    finally:
        _local.reset(token)


def may_download() -> bool:
    """Whether weights that are not on this machine may be fetched now."""
    return not (_local.get() or os.environ.get(OFFLINE))


def present(name: str) -> bool:
    """Whether a file by the right name is on this machine. Reads nothing and downloads nothing."""
    known = known_weights()
    return name in known and next(_candidates(known[name]), None) is not None


def download(url: str, sha256: str, target: Path) -> None:
    """Save `url` as `target`, whole and with this sha256 (or prefix of it), or not at all.

    Raises:
        WeightsError: unreachable, or the content has another hash.
    """
    digest = hashlib.sha256()
    with replacing(target) as temporary:
        try:
            with urllib.request.urlopen(url, timeout=30) as response, temporary.open("wb") as file:
                while chunk := response.read(_CHUNK):
                    digest.update(chunk)
                    file.write(chunk)
        except (urllib.error.URLError, OSError) as error:
            raise WeightsError(f"cannot download {url}: {error}") from None
        if not digest.hexdigest().startswith(sha256):
            raise WeightsError(f"{url} has sha256 {digest.hexdigest()}, expected {sha256}: the file was not kept")


def read_state(path: Path) -> dict[str, Tensor]:
    """Tensors by name from a .safetensors file or a torch file, executing nothing.

    Raises:
        WeightsError: not a file of tensors, or one that would run code when loaded.
    """
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        loaded: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # safetensors, pickle and zip errors have no common class
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise WeightsError(f"{path} cannot be read as network weights: {reason[0]}") from None
    for wrapper in ("state_dict", "model"):
        if isinstance(loaded, dict) and isinstance(loaded.get(wrapper), dict):
            loaded = loaded[wrapper]
    if not isinstance(loaded, dict) or not all(isinstance(value, Tensor) for value in loaded.values()):
        raise WeightsError(f"{path} holds no table of tensors: save the network's state_dict()")
    return loaded


def sha256_of(path: Path) -> str:
    """Hex digest of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_tensors(state: Mapping[str, Tensor]) -> str:
    """Hex digest of names, types, shapes and values: the same for the same network, however it was stored."""
    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        digest.update(f"{name}:{tensor.dtype}:{tuple(tensor.shape)};".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def cache_folder() -> Path:
    """Where downloads are kept: `weights` in ganeval's cache folder."""
    return folder() / "weights"


def _candidates(wanted: Weights) -> Iterator[Path]:
    folders = [Path(torch.hub.get_dir()) / "checkpoints", cache_folder()]
    if FOLDER in os.environ:
        folders.insert(0, Path(os.environ[FOLDER]))
    return (path for folder in folders for file in wanted.files if (path := folder / file).is_file())


def _verified(path: Path, wanted: Weights) -> str:
    """The file's sha256, if it is the published one."""
    got = sha256_of(path)
    if not got.startswith(wanted.sha256):
        raise WeightsError(
            f"{path} has sha256 {got}, expected {wanted.sha256}: delete it to have it fetched again, "
            f"or use it as it is with --weights {wanted.name}={path}"
        )
    return got


def _fetch(wanted: Weights, target: Path) -> None:
    """Download, or say how the file can be had otherwise."""
    try:
        if not may_download():
            reason = "only this machine is searched" if _local.get() else f"{OFFLINE} is set"
            raise WeightsError(f"{reason}, so nothing is downloaded")
        download(wanted.url, wanted.sha256, target)
    except WeightsError as error:
        raise WeightsError(
            f"the weights of {wanted.name} are not on this machine ({error}). Needed: {wanted.files[0]}, "
            f"sha256 {wanted.sha256}, from {wanted.url}. Put it into a folder and set {FOLDER} to that folder, "
            f"or into {target.parent}, or name it with --weights {wanted.name}=PATH"
        ) from None
