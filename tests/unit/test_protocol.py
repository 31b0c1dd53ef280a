"""Presets: what each stands for, that what is said wins, and that two of them do not share a column."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import scipy.linalg
import torch
import torch_fidelity.metric_kid
from click.testing import CliRunner
from PIL import Image
from scipy.stats import entropy
from torch.nn import functional

from ganeval.cli.main import ganeval
from ganeval.compare import compare
from ganeval.errors import GanevalError
from ganeval.extractors import load_extractor, parse_tap
from ganeval.extractors.preparing import parse_resize
from ganeval.metrics.fd import fd
from ganeval.metrics.inception_score import inception_score
from ganeval.metrics.kid import kid
from ganeval.metrics.metric import get
from ganeval.options import parse_options
from ganeval.planning import chosen_options, requested
from ganeval.presets import PRESETS, Preset, get_preset
from ganeval.protocol import behind, describe
from ganeval.scorecard import Scorecard
from ganeval.scoring import Job, score
from ganeval.summaries import Features, Moments
from ganeval.testing.random_weights import random_inception_weights
from ganeval.testing.textures import textures

DINOV2 = "timm:vit_large_patch14_dinov2.lvd142m"
POOL, VGG16 = "inception.pool", "vgg16.fc2_relu"
SUBSETS = {"subsets": 100, "subset_size": 1000}
OTHERS = sorted(set(PRESETS) - {"ganeval"})


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {"inception": random_inception_weights(tmp_path_factory.mktemp("weights") / "inception.pth")}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Four generated and four real images of 40 pixels."""
    root = tmp_path_factory.mktemp("images")
    for name, seed in (("real", 0), ("fake", 1)):
        (root / name).mkdir()
        for number, image in enumerate(textures(4, 40, seed, contrast=1 - 0.3 * seed)):
            Image.fromarray(image).save(root / name / f"{number}.png")
    return str(root / "fake"), str(root / "real")


@pytest.fixture(scope="module")
def cards(folders: tuple[str, str], weights: dict[str, Path]) -> list[Scorecard]:
    """The same images by two presets, from the command line."""
    made = []
    for name in ("torch-fidelity", "pytorch-fid"):
        said = [
            "--protocol",
            name,
            "--name",
            name,
            "--metrics",
            "fid",
            "--weights",
            f"inception={weights['inception']}",
        ]
        arguments = ["score", folders[0], "--reference", folders[1], *said, "--no-cache", "--json"]
        ran = CliRunner().invoke(ganeval, arguments, catch_exceptions=False)
        made.append(Scorecard.model_validate_json(ran.stdout))
    return made


def planned(name: str, metric: str) -> tuple[str, dict[str, object]]:
    """Where the preset reads, and the options it ends up with."""
    preset = get_preset(name)
    (request,) = requested(preset, [get(metric)], [], chosen_options(preset, [get(metric)], {}))
    return str(request.tap), dict(request.options)


@pytest.mark.parametrize(
    ("name", "metric", "tap", "options"),
    [
        ("ganeval", "fd", "efficientnet_lite0.pool", {"ddof": 1}),
        ("ganeval", "kid", "efficientnet_lite0.pool", {"subsets": 0}),
        ("torch-fidelity", "fid", POOL, {"ddof": 1}),
        ("torch-fidelity", "fd", POOL, {"ddof": 1}),
        ("torch-fidelity", "kid", POOL, SUBSETS | {"shrink": False}),
        ("torch-fidelity", "inception_score", "inception.logits_unbiased", {"splits": 10, "shuffle": True}),
        ("torch-fidelity", "precision", VGG16, {"k": 3, "strict": False}),
        ("torch-fidelity", "recall", VGG16, {"k": 3, "strict": False}),
        ("torch-fidelity", "ppl", "lpips:vgg@64.distance", {"sampling": "end", "pixels": "uint8"}),
        ("pytorch-fid", "fid", POOL, {"ddof": 1}),
        ("clean-fid", "fid", POOL, {"ddof": 1}),
        ("clean-fid", "kid", POOL, SUBSETS | {"shrink": True}),
        ("adm", "sfid", "inception.spatial", {"ddof": 1}),
        ("adm", "precision", POOL, {"k": 3, "strict": False}),
        ("adm", "inception_score", "inception.logits_unbiased", {"split_size": 5000, "shuffle": False}),
        ("stylegan", "fid", POOL, {"ddof": 0}),
        ("stylegan", "fd", POOL, {"ddof": 0}),
        ("stylegan", "kid", POOL, SUBSETS | {"shrink": True}),
        ("stylegan", "recall", VGG16, {"k": 3, "strict": False}),
        ("stylegan", "inception_score", "inception.logits_unbiased", {"splits": 10, "shuffle": False}),
        ("stylegan", "ppl", "lpips:vgg.distance", {"space": "w", "sampling": "end", "pixels": "float"}),
        ("dgm-eval", "fd", f"{DINOV2}.pool", {"ddof": 1}),
        ("dgm-eval", "kid", f"{DINOV2}.pool", SUBSETS | {"shrink": True}),
        ("dgm-eval", "precision", f"{DINOV2}.pool", {"k": 5, "strict": True}),
        ("dgm-eval", "coverage", f"{DINOV2}.pool", {"k": 5, "strict": True}),
        ("torchmetrics", "fid", POOL, {"ddof": 1}),
        ("torchmetrics", "kid", POOL, SUBSETS),
        ("torchmetrics", "inception_score", "inception.logits_unbiased", {"splits": 10, "shuffle": True}),
    ],
)
def test_a_preset_stands_for_what_its_tool_does(name: str, metric: str, tap: str, options: dict[str, object]) -> None:
    got_tap, got = planned(name, metric)
    assert got_tap == tap
    assert got == got | options


@pytest.mark.parametrize(
    ("name", "extractor", "resizer"),
    [
        ("torch-fidelity", "inception", "tf1"),
        ("torch-fidelity", "vgg16", "tf1"),
        ("pytorch-fid", "inception", "half-pixel"),
        ("clean-fid", "inception", "pillow-float"),
        ("adm", "inception", "tf1"),
        ("stylegan", "inception", "tf1"),
        ("dgm-eval", DINOV2, "pillow:224"),
        ("dgm-eval", "inception", "half-pixel"),
        ("torchmetrics", "inception", "antialiased"),
    ],
)
def test_resizers(name: str, extractor: str, resizer: str) -> None:
    assert get_preset(name).resizers[extractor] == resizer


@pytest.mark.parametrize("preset", PRESETS.values(), ids=list(PRESETS))
def test_everything_that_a_preset_names_exists(preset: Preset) -> None:
    for metric in preset.metrics:
        assert get(metric)
        assert parse_tap(preset.tap(metric))
    for resizer in preset.resizers.values():
        assert parse_resize(resizer)
    for metric, rule in preset.rules.items():
        declared = {name: get(metric).annotations[name] for name in get(metric).options}
        assert parse_options(metric, declared, rule.options) == rule.options
        assert rule.random_state is None or get(metric).seeded


def test_an_unknown_protocol_is_an_error_with_the_nearest_name() -> None:
    with pytest.raises(GanevalError, match=r"unknown protocol 'pytorch_fid'.*did you mean 'pytorch-fid'"):
        score(Job("a", "b", protocol="pytorch_fid"))


def test_the_list_says_what_sets_them_apart() -> None:
    listed = CliRunner().invoke(ganeval, ["list", "protocols", "--json"])
    rows = {row["name"]: row for row in json.loads(listed.stdout)}
    assert set(rows) == set(PRESETS)
    assert "half-pixel" in rows["pytorch-fid"]["resizers"]
    assert rows["stylegan"]["covariance"] == "over N"
    assert rows["adm"]["covariance"] == "over N - 1"
    assert "k=5" in rows["dgm-eval"]["precision"]
    assert "RandomState(2020)" in rows["torch-fidelity"]["kid"]


# --- end to end -------------------------------------------------------------------------------------------------------


def frechet(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> float:
    """By eigenvalues of the product, as no part of this package does it."""
    a, b = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    cross = np.sqrt(np.maximum(scipy.linalg.eigvals(a @ b).real, 0)).sum()
    return float(((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(a) + np.trace(b) - 2 * cross)


def test_pytorch_fids_score_from_the_command_line(
    cards: list[Scorecard], folders: tuple[str, str], weights: dict[str, Path]
) -> None:
    (made,) = cards[1].scores
    assert (made.metric, made.features) == ("fid", POOL)
    assert cards[1].protocol["preset"] == "pytorch-fid"
    words = "half-pixel bilinear, no antialias, to 299, then (x - 127.5) / 127.5"
    assert cards[1].protocol["resizers"] == {"inception": words}
    paths = [path for folder in folders for path in sorted(Path(folder).iterdir())]
    unit = torch.from_numpy(np.stack([np.array(Image.open(path)) for path in paths])).permute(0, 3, 1, 2).float() / 255
    sized = functional.interpolate(unit, size=(299, 299), mode="bilinear", align_corners=False)
    rows = load_extractor("inception", weights=weights).forward(2 * sized - 1, {"pool"})["pool"].double().numpy()
    rows -= rows.mean(0)  # the span of the samples holds both covariances and the difference of the means
    short = rows @ scipy.linalg.orth(rows.T)
    assert made.value == pytest.approx(frechet(short[:4], short[4:]), rel=1e-5)


def test_a_tools_own_metrics_are_the_default(rows: tuple[Path, Path]) -> None:
    fake, real = (f"features:{path}" for path in rows)
    made = score(Job(fake, real, protocol="dgm-eval")).card
    assert [each.metric for each in made.scores] == ["fd", "kid", "precision", "recall", "density", "coverage"]
    quick = score(Job(fake, real, protocol="dgm-eval", suite="quick")).card
    assert [each.metric for each in quick.scores] == ["fd", "kid"]


def test_two_presets_do_not_share_a_column_and_say_why(cards: list[Scorecard]) -> None:
    assert cards[0].scores[0].value != pytest.approx(cards[1].scores[0].value, rel=1e-3)
    assert cards[0].protocol["fingerprint"] != cards[1].protocol["fingerprint"]
    with pytest.raises(GanevalError) as refused:
        compare(cards)
    for words in (
        "protocol.preset: torch-fidelity has torch-fidelity, pytorch-fid has pytorch-fid",
        "protocol.resizers.inception: torch-fidelity has TensorFlow 1 bilinear, no half-pixel shift",
        "pytorch-fid has half-pixel bilinear, no antialias",
        "--force",
    ):
        assert words in str(refused.value)
    forced = compare(cards, force=True)
    assert [row.cells[0].foreign for row in forced.rows if row.cells[0]] == [False, True]
    assert "protocol.preset pytorch-fid instead of torch-fidelity" in forced.footnotes[0]


# --- on features computed elsewhere, where no network is needed -------------------------------------------------------


@pytest.fixture
def rows(tmp_path: Path) -> tuple[Path, Path]:
    rng = np.random.default_rng(0)
    for name, shift in (("fake", 0.3), ("real", 0.0)):
        np.save(tmp_path / f"{name}.npy", rng.normal(shift, 1, (300, 8)).astype(np.float32))
    return tmp_path / "fake.npy", tmp_path / "real.npy"


def on_rows(rows: tuple[Path, Path], protocol: str, metric: str, *, seed: int = 0, **options: object) -> Scorecard:
    said = {f"{metric}.{name}": value for name, value in options.items()}
    fake, real = (f"features:{path}" for path in rows)
    job = Job(fake, real, name=protocol, protocol=protocol, metrics=(metric,), options=said, seed=seed)
    return score(job).card


def test_neighbours_differ_by_k_and_surface(rows: tuple[Path, Path]) -> None:
    cards = [on_rows(rows, name, "precision") for name in ("torch-fidelity", "dgm-eval")]
    assert cards[0].scores[0].value < cards[1].scores[0].value
    with pytest.raises(GanevalError, match=r"options\.k: torch-fidelity has 3, dgm-eval has 5") as refused:
        compare(cards)
    assert "options.strict: torch-fidelity has False, dgm-eval has True" in str(refused.value)


def test_what_is_said_wins_and_is_recorded(rows: tuple[Path, Path]) -> None:
    card = on_rows(rows, "dgm-eval", "precision", k="7", strict=True)
    assert card.scores[0].options == {"k": 7, "strict": True}
    assert card.protocol["overrides"] == {"precision.k": 7}
    assert "overrides" not in on_rows(rows, "dgm-eval", "precision").protocol


def test_kid_draws_torch_fidelitys_subsets(rows: tuple[Path, Path]) -> None:
    made = on_rows(rows, "torch-fidelity", "kid", subset_size=50)
    fake, real = (torch.from_numpy(np.load(path)) for path in rows)
    peer = torch_fidelity.metric_kid.kid_features_to_metric(fake, real, kid_subset_size=50, verbose=False)
    assert made.scores[0].value == pytest.approx(peer["kernel_inception_distance_mean"], rel=1e-5)
    assert made.protocol["draws"]["kid"] == "numpy RandomState(2020)"
    other = on_rows(rows, "torch-fidelity", "kid", subset_size=50, seed=1)
    assert other.scores[0].value != made.scores[0].value


@pytest.mark.parametrize("name", OTHERS)
def test_cards_of_one_preset_share_a_column_whatever_else_is_on_them(name: str, rows: tuple[Path, Path]) -> None:
    card = on_rows(rows, name, "precision")
    richer = card.model_copy(update={"name": "b", "protocol": card.protocol | {"overrides": {"kid.subsets": 3}}})
    assert len(compare([card, richer]).columns) == 1


def test_a_score_rests_on_its_own_networks_resizer_alone() -> None:
    made = describe(
        get_preset("torch-fidelity"),
        seed=0,
        extractors={"inception": "a", "vgg16": "b"},
        resizers={"inception": "bilinear", "vgg16": "cubic"},
        sets={"real": "9 x c", "train": "9 x d"},
        overrides={"kid.subsets": 3},
    )
    assert behind(made, VGG16, {"real"}) == {
        "preset": "torch-fidelity",
        "seed": 0,
        "extractors": {"vgg16": "b"},
        "resizers": {"vgg16": "cubic"},
        "sets": {"real": "9 x c"},
    }


# --- options that are there for the presets ---------------------------------------------------------------------------


def moments(*values: float) -> Moments:
    summary = Moments()
    summary.update(torch.tensor(values)[:, None])
    return summary


def features(values: torch.Tensor) -> Features:
    summary = Features()
    summary.update(values)
    return summary


def test_covariances_over_n() -> None:
    x, y = moments(0, 2), moments(0, 6)  # means 1 and 3; deviations 1 and 3 over N, times sqrt(2) over N - 1
    assert fd(x, y, ddof=0) == pytest.approx(4 + 4)
    assert fd(x, y) == pytest.approx(4 + 8)
    with pytest.raises(GanevalError, match="ddof is 2"):
        fd(x, y, ddof=2)


def test_parts_of_a_given_size_with_a_rest() -> None:
    logits = torch.randn(25, 5, generator=torch.Generator().manual_seed(0)) * 3
    made = inception_score(features(logits), split_size=10, shuffle=False, rng=np.random.default_rng(0))
    classes = logits.double().softmax(1).numpy()
    parts = [classes[:10], classes[10:20], classes[20:]]
    scores = [np.exp(np.mean([entropy(row, part.mean(0)) for row in part])) for part in parts]
    assert made.value == pytest.approx(np.mean(scores))
    with pytest.raises(GanevalError, match="split_size is -1"):
        inception_score(features(logits), split_size=-1, rng=np.random.default_rng(0))


def test_subsets_shrink_to_the_smaller_set_if_told_to() -> None:
    x, y = (features(torch.randn(n, 3, generator=torch.Generator().manual_seed(n))) for n in (30, 20))
    with pytest.raises(GanevalError, match=r"kid\.shrink=true"):
        kid(x, y, subsets=3, rng=np.random.default_rng(0))
    shrunk = kid(x, y, subsets=3, shrink=True, rng=np.random.default_rng(0))
    assert shrunk.value == kid(x, y, subsets=3, subset_size=20, rng=np.random.default_rng(0)).value
