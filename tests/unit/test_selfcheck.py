"""The self-check: a metric that sees is green, one that does not red; the arithmetic; nothing is extracted twice."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from rich.console import Console

from ganeval.engine import GIVEN, Request
from ganeval.errors import GanevalError
from ganeval.images.arrays import ArraySource
from ganeval.metrics.metric import Laws, Metric, metric
from ganeval.selfcheck import Job, Selfcheck, selfcheck
from ganeval.selfcheck.findings import Response, agreement, detection
from ganeval.selfcheck.pool import Pool, modes_of
from ganeval.selfcheck.report import lead, markdown, record, table, write
from ganeval.selfcheck.run import Findings, Sizes, check, pool_size
from ganeval.selfcheck.scenes import LADDERS, clean_scene, ladders, small_scene
from ganeval.selfcheck.spoiling import Spoilt
from ganeval.summaries import Features

EVERYTHING = Laws(sees=frozenset({"shift", "modes"}))
about = {"range": (-math.inf, math.inf), "paper": "", "family": "transport", "cost": "N", "laws": EVERYTHING}


@metric(better="lower", optimum=0, **about)
def seeing(real: Features, fake: Features) -> float:
    """Wasserstein distance, mean over dimensions."""
    count = min(real.count, fake.count)
    return float((real.rows[:count].sort(0).values - fake.rows[:count].sort(0).values).abs().mean())


@metric(better="higher", optimum=None, **about)
def backwards(real: Features, fake: Features) -> float:
    """The same, taken for a virtue."""
    return seeing(real, fake)


@metric(better="lower", optimum=None, **about)
def constant(real: Features, fake: Features) -> float:
    """Sees nothing."""
    return 0.5


@metric(better="lower", optimum=None, **about)
def lottery(real: Features, fake: Features) -> float:
    """Sees nothing, and varies."""
    return float((real.rows.double().sum() * 1e3) % 1)


@metric(better="lower", optimum=0, **{**about, "laws": Laws(sees=frozenset())})
def copied(train: Features, fake: Features) -> float:
    """Share of exact copies."""
    return float((fake.rows[:, None] == train.rows[None]).all(2).any(1).float().mean())


@metric(better="lower", optimum=0, **about)
def demanding(real: Features, fake: Features) -> float:
    """Wants more images than there are."""
    real.require(10**6, "demanding")
    return 0.0


def declared(function: object) -> Metric:
    found = function.__metric__  # type: ignore[attr-defined]
    assert isinstance(found, Metric)
    return found


SIZES = Sizes(count=150, rung_count=120, splits=8)
REQUESTS = [Request(declared(one), GIVEN) for one in (seeing, backwards, constant, lottery, copied, demanding)]


@pytest.fixture(scope="module")
def pool() -> Pool:
    rng = np.random.default_rng(0)
    modes = rng.choice(
        6, size=pool_size(REQUESTS, SIZES.count, SIZES.rung_count), p=[0.14, 0.15, 0.16, 0.17, 0.18, 0.2]
    )
    rows = 5 * rng.standard_normal((6, 5))[modes] + rng.standard_normal((len(modes), 5))
    clean = torch.from_numpy(rows.astype(np.float32))
    chosen = rng.permutation(len(modes))[: SIZES.rung_count]
    spoilt = {
        (name, strength): {GIVEN: clean[torch.from_numpy(chosen)] + 60 * strength}
        for name in ("noise", "blur")
        for strength in (0.1, 0.25, 0.5)
    }
    return Pool({GIVEN: clean}, chosen, spoilt, modes, "labels")


@pytest.fixture(scope="module")
def findings(pool: Pool) -> Findings:
    return check(pool, REQUESTS, SIZES)


def test_the_one_that_sees_is_green_and_the_blind_are_red(findings: Findings) -> None:
    lights = {one.request.metric.name: one.verdict.light for one in findings.metrics}
    reasons = {one.request.metric.name: " ".join(one.verdict.reasons) for one in findings.metrics}
    assert lights == {
        "seeing": "green",
        "backwards": "red",
        "constant": "red",
        "lottery": "red",
        "copied": "green",
        "demanding": "red",
    }, reasons
    assert "scores better with noise" in reasons["backwards"]
    assert "blind to noise" in reasons["constant"]
    assert "1000000" in reasons["demanding"]


def test_copies_are_seen_by_whom_they_concern(findings: Findings) -> None:
    by_name = {one.request.metric.name: one for one in findings.metrics}
    copies = next(r for r in by_name["copied"].responses if r.ladder == "copies")
    assert copies.values == pytest.approx((0.0, 0.1, 0.25, 0.5), abs=0.01)
    assert by_name["copied"].held == {"copies"}
    assert by_name["copied"].detection is not None
    assert by_name["copied"].detection.kind == "copied"
    assert findings.agreement["seeing (given.rows)"]["backwards (given.rows)"] == pytest.approx(-1)
    assert findings.agreement["seeing (given.rows)"]["constant (given.rows)"] is None


def test_the_same_seed_finds_the_same(pool: Pool, findings: Findings) -> None:
    assert check(pool, REQUESTS[:1], SIZES).metrics[0] == findings.metrics[0]


def test_sets_are_disjoint_and_as_large_as_asked(pool: Pool) -> None:
    order = np.random.default_rng(0).permutation(pool.count)
    clean = clean_scene(order, 150)
    everything = np.concatenate([clean.others["real"], clean.others["train"], clean.fake[0][1]])
    assert len(np.unique(everything)) == 450
    for kind in ("spoilt", "lost"):
        scene = small_scene(pool, kind, order, 150, np.random.default_rng(0))  # type: ignore[arg-type]
        assert sum(len(places) for _, places in scene.fake) == 150
        assert sum(len(places) for rung, places in scene.fake if rung) == (8 if kind == "spoilt" else 0)
    lost = pool.modes[small_scene(pool, "lost", order, 150, np.random.default_rng(0)).fake[0][1]]
    assert (lost == pool.by_size()[0]).sum() < (pool.modes[order[:150]] == pool.by_size()[0]).sum()


def test_ladders_do_what_their_names_say(pool: Pool) -> None:
    made = {ladder.name: ladder for ladder in ladders(pool, 120, np.random.default_rng(0))}
    assert set(made) == set(LADDERS) - {"jpeg", "occlusion", "colour_shift"}
    for ladder in made.values():
        assert ladder.strengths[0] == 0
        assert list(ladder.strengths) == sorted(ladder.strengths)
        for scene in (scene for step in ladder.scenes for scene in step):
            assert sum(len(places) for _, places in scene.fake) == 120
            assert len(scene.others["real"]) == 120
    dropped, invented = made["modes dropped"].scenes[-1][0], made["modes invented"].scenes[-1][0]
    assert len(np.unique(pool.modes[dropped.fake[0][1]])) == 3
    assert len(np.unique(pool.modes[dropped.others["real"]])) == 6
    assert len(np.unique(pool.modes[invented.fake[0][1]])) == 6
    assert len(np.unique(pool.modes[invented.others["real"]])) == 3
    thin = [pool.modes[step[0].fake[0][1]] for step in made["modes thinned"].scenes]
    rare = [int(np.isin(modes, pool.by_size()[:3]).sum()) for modes in thin]
    assert rare == sorted(rare, reverse=True)
    assert rare[-1] > 0


def test_clusters_stand_in_for_labels(pool: Pool) -> None:
    rows = torch.tensor([[0.0], [0.1], [9.0], [9.1]]).repeat(10, 1)
    assert modes_of(rows, np.zeros(40, dtype=np.int64), 0)[1] == "clusters"
    assert modes_of(rows, np.arange(40) % 2, 0) == (pytest.approx(np.arange(40) % 2), "labels")
    with pytest.raises(GanevalError, match="alike"):
        modes_of(torch.zeros(40, 3), None, 0)


def test_power_and_the_number_of_images_needed() -> None:
    clean = [-1.0, 1.0] * 8
    scale = float(np.std(clean, ddof=1))
    strong = [x + (1.6449 + 1.2816) * scale for x in clean]  # ninety percent by construction
    weak = [x + 0.5 * scale + 0.01 * (n % 4 - 1.5) for n, x in enumerate(clean)]
    found = detection("spoilt", {100: (clean, weak), 200: (clean, strong)}, "lower")
    assert found.powers[1] == pytest.approx(0.9, abs=1e-3)
    assert (found.needed, found.extrapolated) == (200, False)
    later = detection("spoilt", {100: (clean, weak)}, "lower")
    assert later.extrapolated
    assert later.needed == pytest.approx(100 * ((1.6449 + 0.8416) / 0.5) ** 2, rel=0.05)
    assert detection("spoilt", {100: (clean, clean)}, "lower").needed is None
    assert detection("spoilt", {100: (clean, weak)}, "higher").needed is None


@pytest.mark.parametrize(
    ("effects", "sight"),
    [((0, 4, 9), "seen"), ((0, 1, 2), "blind"), ((0, 9, 4), "uneven"), ((0, 9, 1), "uneven"), ((0, 1, -4), "rewarded")],
)
def test_sight(effects: tuple[float, ...], sight: str) -> None:
    assert Response("noise", (0, 0.1, 0.5), (0, 0, 0), effects).sight == sight


def test_agreement_is_of_ranks() -> None:
    assert agreement({"a": [0, 1, 5], "b": [0, -1, -2]})["a"]["b"] == -1


def test_spoilt_images_do_not_depend_on_how_they_are_read() -> None:
    images = np.random.default_rng(0).integers(256, size=(6, 3, 8, 8), dtype=np.uint8)
    spoilt = Spoilt(ArraySource("x", images), "noise", 0.5, 1)
    whole = torch.cat(list(spoilt.read(range(6))))
    assert torch.equal(whole[[4, 1]], torch.cat(list(spoilt.read([4, 1]))))
    assert not np.array_equal(whole.numpy(), images)
    assert spoilt.fingerprint != Spoilt(ArraySource("x", images), "noise", 0.5, 2).fingerprint


def test_report_in_every_form(findings: Findings, tmp_path: Path) -> None:
    found = Selfcheck("photos <1>", "aa", 495, ("given.rows",), findings)
    page = write(found, tmp_path, "ganeval selfcheck --reference photos").read_text()
    for title in ("Which metrics to trust", "Real against real", "What each metric sees", "Agreement"):
        assert title in page
        assert title in markdown(found, "x")
    assert "photos &lt;1&gt;" in page
    assert "Green: seeing, copied; red: backwards, " in lead(found)
    assert json.loads((tmp_path / "selfcheck.json").read_text()) == json.loads(json.dumps(record(found)))


def test_the_terminals_table_gives_a_line_to_every_reason_under_its_heading(findings: Findings) -> None:
    console = Console(width=1000, file=io.StringIO(), color_system=None)
    console.print(table(Selfcheck("noise", "abc", 500, ("given.rows",), findings)))
    assert isinstance(console.file, io.StringIO)
    head, _, *lines = [line for line in console.file.getvalue().splitlines() if line.strip()]
    assert head.split() == ["light", "metric", "why"]
    assert [line[head.index("why") :].strip() for line in lines] == [
        reason
        for light in ("green", "yellow", "red")
        for one in findings.metrics
        for reason in one.verdict.reasons
        if one.verdict.light == light
    ]
    assert max(map(len, lines)) < 200


def test_command_line_on_images_and_again_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ganeval.cli.selfcheck import command

    monkeypatch.setenv("GANEVAL_CACHE", str(tmp_path / "cache"))
    arguments = ["--reference", "dataset:fashion-mnist-mini:test[0:90]", "--features", "pixels", "--metrics", "kid"]
    arguments += ["--splits", "2", "--spoilt", "20", "--out", str(tmp_path / "out")]
    first = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert first.exit_code == 0
    assert "kid" in first.output
    assert (tmp_path / "out/index.html").is_file()

    def unread(self: Spoilt, indices: object) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr(Spoilt, "read", unread)
    again = CliRunner().invoke(command, [*arguments, "--json"], catch_exceptions=False)
    found = json.loads(again.stdout)
    assert found == json.loads((tmp_path / "out/selfcheck.json").read_text())
    assert (found["count"], found["rung_count"], found["modes"]["kind"]) == (40, 20, "labels")
    assert [ladder["ladder"] for ladder in found["metrics"][0]["ladders"]] == list(LADDERS)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"num_samples": 41}, "20 to 40"),
        ({"num_samples": 5}, "20 to 40"),
        ({"metrics": ("l1",)}, "pairs"),
        ({"splits": 1}, "splits"),
    ],
)
def test_what_cannot_be_checked_is_refused(changes: dict[str, object], words: str) -> None:
    job = {"reference": "dataset:fashion-mnist-mini:test[0:90]", "metrics": ("precision",), "features": ("pixels",)}
    with pytest.raises(GanevalError, match=words):
        selfcheck(Job(**{**job, **changes}))  # type: ignore[arg-type]


def test_features_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", np.zeros((90, 2)))
    with pytest.raises(GanevalError, match="holds no images"):
        selfcheck(Job(f"features:{tmp_path / 'rows.npy'}"))
