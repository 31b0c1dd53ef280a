"""ganeval next to every peer that is installed: python benchmarks/parity.py --out docs/parity.md

Runs the cases of `ganeval.testing.parity`, which the tests run with fewer images. Nothing is downloaded: networks have
random weights, the same on both sides. `--images 500` pushes 500 + 500 images through the whole Inception network.
"""

from __future__ import annotations

import argparse
import platform
import shlex
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

from ganeval import __version__
from ganeval.errors import unknown
from ganeval.files import replacing
from ganeval.testing.parity import PEERS, Compared, Material, Peer, Pictures, run

HEADER = ("peer", "metric", "images", "features", "n", "d", "theirs", "ganeval", "relative difference")
INTRODUCTION = """# Parity with other tools

What `{command}` printed{seconds}: ganeval {ganeval} beside each tool's own code, on the same images, features and
network weights drawn at random (torch {torch}, numpy {numpy}, scipy {scipy}, Python {python}). Frechet distances (fid,
fd) are to agree to 1e-4 of their value, all others to 1e-5; where that cannot be, the last column says why and how much
is allowed. The tests in `tests/parity` ask the same of fewer images.

n is real + generated images or rows, d the number of features; distances of pairs have none.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table, or write it; 1 where a difference is larger than allowed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=10, help="images on each side for the whole Inception network")
    parser.add_argument("--peers", nargs="+", default=list(PEERS), metavar="NAME", help=", ".join(PEERS))
    parser.add_argument("--out", type=Path, help="a Markdown file instead of the terminal")
    asked = parser.parse_args(arguments)
    for name in asked.peers:
        if name not in PEERS:
            parser.error(str(unknown("peer", name, PEERS)))
    started = time.perf_counter()
    found = measured([PEERS[name] for name in asked.peers if not PEERS[name].missing()], asked.images)
    command = shlex.join(["python", "benchmarks/parity.py", *(sys.argv[1:] if arguments is None else arguments)])
    text = document(command, found, [PEERS[name] for name in asked.peers], time.perf_counter() - started)
    if asked.out is None:
        print(text)
    else:
        with replacing(asked.out) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return int(any(not each.difference <= each.tolerance for results in found.values() for each in results))


def measured(peers: Iterable[Peer], images: int) -> dict[str, list[Compared]]:
    """Peer -> what its cases gave; progress goes to the terminal."""
    found: dict[str, list[Compared]] = {}
    with tempfile.TemporaryDirectory() as folder:
        material = Material(Path(folder))
        for peer in peers:
            found[peer.name] = []
            for case in peer.cases(images):
                print(f"{peer.name}: {case}", flush=True)
                found[peer.name] += run(case, material)
    return found


def document(command: str, found: dict[str, list[Compared]], peers: Sequence[Peer], seconds: float) -> str:
    """The table with its command, what each peer's numbers rest on, and which peers could not be run."""
    versions = {name: version(name) for name in ("torch", "numpy", "scipy")}
    introduction = INTRODUCTION.format(
        command=command,
        seconds=f" in {seconds / 60:.0f} minutes" if seconds > 60 else "",
        ganeval=__version__,
        python=platform.python_version(),
        **versions,
    )
    header = f"| {' | '.join((*HEADER, 'allowed, and why'))} |\n|{' --- |' * (len(HEADER) + 1)}"
    rows = [_row(PEERS[name], each) for name, results in found.items() for each in results]
    notes = [f"- **{peer.name}**: {peer.missing() or peer.about}" for peer in peers]
    return "\n".join([introduction, header, *rows, "", "## How each peer is called", "", *notes, ""])


def _row(peer: Peer, compared: Compared) -> str:
    case = compared.case
    features = case.what if isinstance(case.data, Pictures) and case.what else "Inception" if case.width else ""
    cells = [
        f"{peer.name} {peer.version}",
        compared.metric + (f", {case.what}" if not isinstance(case.data, Pictures) and case.what else ""),
        str(case.data),
        features if isinstance(case.data, Pictures) else "the rows",
        "+".join(map(str, case.data.counts)),
        str(case.width or ""),
        f"{compared.theirs:.9g}",
        f"{compared.ours:.9g}",
        f"{compared.difference:.1e}" + ("" if compared.difference <= compared.tolerance else " **too much**"),
        f"{compared.tolerance:.0e}: {compared.reason}" if compared.reason else "",
    ]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    raise SystemExit(main())
