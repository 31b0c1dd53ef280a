"""Content-addressed summaries on disk, whole or begun. Equal content shares an entry; nothing else does."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from ganeval.files import replacing
from ganeval.summaries import KINDS, Summary

_VERSION = 2  # raise it when a change of code makes old summaries wrong


def folder() -> Path:
    """Where ganeval keeps what it can compute again: $GANEVAL_CACHE, else the user's cache folder."""
    named = os.environ.get("GANEVAL_CACHE")
    root = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(named or f"{root}/ganeval").expanduser()


@dataclass
class Entry:
    """A summary of the first `position` images of a set; `key` is None where nothing is to be kept."""

    key: str | None
    summary: Summary
    position: int = 0
    skipped: list[str] = field(default_factory=list)


class Cache:
    """Entries as safetensors files, written atomically, so that several processes may share the folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def key(self, *inputs: str) -> str:
        """The digest of every input that decides a summary."""
        return hashlib.sha256(json.dumps([_VERSION, *inputs]).encode()).hexdigest()

    def load(self, key: str) -> Entry | None:
        """The entry, or None where there is none that can be read."""
        path = self._path(key)
        try:
            with safe_open(path, framework="pt") as file:
                about = json.loads(file.metadata()["entry"])
                state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        except (FileNotFoundError, SafetensorError, KeyError, TypeError, ValueError):
            return None
        return Entry(key, KINDS[about["kind"]].from_state(state), about["position"], about["skipped"])

    def save(self, entry: Entry) -> None:
        """Write the entry; one without a key is not kept."""
        if entry.key is None:
            return
        about = {"kind": entry.summary.kind, "position": entry.position, "skipped": entry.skipped}
        with replacing(self._path(entry.key)) as temporary:
            save_file(entry.summary.state_dict(), temporary, metadata={"entry": json.dumps(about)})

    def derived(self, key: str, name: str, make: Callable[[], Tensor]) -> Tensor:
        """What `make()` computes from the whole summary under `key`, called `name`: read, or made and written."""
        path = self._path(self.key(key, name))
        try:
            return load_file(path)[name]
        except (FileNotFoundError, SafetensorError, KeyError):
            made = make()
        with replacing(path) as temporary:
            save_file({name: made.contiguous()}, temporary)
        return made

    def _path(self, key: str) -> Path:
        return self.root / "summaries" / key[:2] / f"{key}.safetensors"
