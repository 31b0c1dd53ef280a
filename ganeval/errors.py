"""Errors that a user can fix. Each message says what, got, expected, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class GanevalError(Exception):
    """Something the user can mend. The command line prints the message and exits with code 2."""


class ImageError(GanevalError):
    """An image, or a set of images, that cannot be used as it is."""


class WeightsError(GanevalError):
    """Network weights that are missing, damaged, or not the ones that were named."""


class Interrupted(Exception):
    """Ctrl-C or SIGTERM, after everything was saved. The command line prints the message and exits with code 130."""


def unknown(kind: str, name: str, known: Iterable[str]) -> GanevalError:
    """The error for a name outside a closed list: the nearest match, then the whole list.

    >>> print(unknown("metric", "fidd", ["fid", "kid"]))
    unknown metric 'fidd': did you mean 'fid'? Known: fid, kid
    """
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean '{near[0]}'? " if near else ""
    return GanevalError(f"unknown {kind} '{name}': {hint}Known: {', '.join(names) or 'none'}")
