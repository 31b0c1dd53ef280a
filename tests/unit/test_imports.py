"""Who may import whom, read from the syntax trees."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# folder or file -> prefixes it may import from our packages; the longest matching key counts
ALLOWED = {
    "ganeval/metrics": (
        "ganeval.metrics",
        "ganeval.summaries",
        "ganeval.keeping",
        "ganeval.linalg",
        "ganeval.distances",
        "ganeval.ordering",
        "ganeval.clusters",
        "ganeval.kernels",
        "ganeval.slicing",
        "ganeval.transport",
        "ganeval.gaussians",
        "ganeval.classes",
        "ganeval.linear_classifier",
        "ganeval.logits",
        "ganeval.supports",
        "ganeval.mixtures",
        "ganeval.ratios",
        "ganeval.classifier_ratios",
        "ganeval.neighbour_ratios",
        "ganeval.kernel_ratios",
        "ganeval.histograms",
        "ganeval.errors",
        "ganeval.uncertainty",
    ),
    "ganeval/summaries": (
        "ganeval.summaries",
        "ganeval.linalg",
        "ganeval.distances",
        "ganeval.row_sample",
        "ganeval.errors",
    ),
    "ganeval/keeping.py": (),
    "ganeval/row_sample.py": (),
    "ganeval/uncertainty": (
        "ganeval.uncertainty",
        "ganeval.summaries",
        "ganeval.row_sample",
        "ganeval.keeping",
        "ganeval.linalg",
        "ganeval.errors",
    ),
    "ganeval/linalg.py": (),
    "ganeval/distances.py": ("ganeval.keeping", "ganeval.linalg"),
    "ganeval/ordering.py": (),
    "ganeval/streams.py": (),
    "ganeval/clusters.py": ("ganeval.distances",),
    "ganeval/kernels.py": ("ganeval.distances",),
    "ganeval/slicing.py": ("ganeval.keeping", "ganeval.distances", "ganeval.streams"),
    "ganeval/transport.py": ("ganeval.distances",),
    "ganeval/supports.py": ("ganeval.distances", "ganeval.ordering", "ganeval.errors"),
    "ganeval/mixtures.py": ("ganeval.distances",),
    "ganeval/gaussians.py": ("ganeval.linalg",),
    "ganeval/classes.py": ("ganeval.summaries", "ganeval.errors"),
    "ganeval/linear_classifier.py": ("ganeval.ordering",),
    "ganeval/logits.py": (),
    "ganeval/ratios.py": ("ganeval.uncertainty",),
    "ganeval/classifier_ratios.py": ("ganeval.keeping", "ganeval.ordering", "ganeval.ratios"),
    "ganeval/neighbour_ratios.py": ("ganeval.distances", "ganeval.ratios", "ganeval.uncertainty"),
    "ganeval/kernel_ratios.py": ("ganeval.keeping", "ganeval.ordering", "ganeval.ratios", "ganeval.classifier_ratios"),
    "ganeval/histograms.py": ("ganeval.kernel_ratios", "ganeval.ratios", "ganeval.uncertainty"),
    "ganeval/errors.py": (),
    "ganeval/extractors": ("ganeval.extractors", "ganeval.images", "ganeval.errors", "ganeval.files", "ganeval.cache")
    + ("ganeval.streams",),
    "ganeval/images": ("ganeval.images", "ganeval.errors", "ganeval.files", "ganeval.data", "ganeval.cache"),
    "reference_models/gans": (
        "reference_models.recipe",
        "reference_models.codes",
        "reference_models.components",
        "reference_models.growing",
        "reference_models.layers",
        "reference_models.residual",
        "reference_models.rows",
        "reference_models.patches",
        "reference_models.style",
        "reference_models.losses",
        "reference_models.parzen",
        "reference_models.penalties",
        "ganeval.errors",
    ),
    "reference_models": (
        "reference_models",
        "ganeval.errors",
        "ganeval.files",
        "ganeval.images",
        "ganeval.distances",
        "ganeval.options",
        "ganeval.cache",
        "ganeval.device",
        "ganeval.batchnorm",
    ),
    "ganeval/batchnorm.py": (),
    "ganeval/probes": ("ganeval.probes", "ganeval.batchnorm", "ganeval.extractors", "ganeval.images", "ganeval.errors")
    + ("ganeval.files", "ganeval.cache", "ganeval.reporting", "ganeval.streams"),
}
# the places that may reach into the trainer's package, and what they may reach
ENTRY_POINTS = {
    "ganeval/cli": "reference_models",
    "ganeval/images/generator.py": "reference_models",
    "ganeval/images/redrawn.py": "reference_models.reconstruction",
    "ganeval/extractors/discriminator.py": "reference_models.checkpoint",
    "ganeval/probes/subject.py": "reference_models",
    "ganeval/analysis": "reference_models",
}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def ours(path: Path) -> list[str]:
    return [name for name in imports(path) if name.split(".")[0] in ("ganeval", "reference_models")]


FILES = sorted(
    str(path.relative_to(ROOT)) for top in ("ganeval", "reference_models") for path in (ROOT / top).rglob("*.py")
)


def starts(name: str, prefixes: tuple[str, ...]) -> bool:
    return any(name == prefix or name.startswith(prefix + ".") for prefix in prefixes)


@pytest.mark.parametrize("file", FILES)
def test_a_file_imports_only_what_its_place_allows(file: str) -> None:
    place = max((key for key in ALLOWED if file == key or file.startswith(key + "/")), key=len, default=None)
    entries = tuple(prefix for key, prefix in ENTRY_POINTS.items() if file == key or file.startswith(key + "/"))
    for name in ours(ROOT / file):
        if name.startswith("reference_models") and file.startswith("ganeval"):
            assert starts(name, entries), f"{file} imports {name}"
        elif place is not None and not starts(name, entries) and name != "ganeval.__version__":
            assert starts(name, ALLOWED[place]), f"{file} imports {name}"


def test_the_trainer_names_no_model() -> None:
    models = {path.stem for path in (ROOT / "reference_models/gans").glob("*.py")} - {"__init__"}
    for path in (ROOT / "reference_models").glob("*.py"):
        assert not {name for name in ours(path) if name.split(".")[-1] in models}, path


def test_nothing_outside_the_command_line_prints() -> None:
    for file in FILES:
        calls = [n for n in ast.walk(ast.parse((ROOT / file).read_text())) if isinstance(n, ast.Call)]
        prints = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"]
        assert not prints or file.startswith(("ganeval/cli", "ganeval/data/make_")), file


def test_help_does_not_wait_for_torch() -> None:
    code = (
        "import sys\nfrom ganeval.cli.main import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\nprint('torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip().endswith("False")
    for name in ("demo", "train", "sample", "score", "compare", "list"):
        assert f"\n  {name} " in run.stdout
