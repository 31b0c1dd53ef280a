"""The comparison with other tools itself: that it would see a difference, and that the table says what was found."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from ganeval.testing.parity import PEERS, Case, Compared, Material, Pictures, Rows, Sets, Values, run

ROOT = Path(__file__).parents[2]
PRDC = PEERS["prdc"].cases(2)[0]


@pytest.fixture
def material(tmp_path: Path) -> Material:
    return Material(tmp_path)


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """benchmarks/parity.py."""
    spec = importlib.util.spec_from_file_location("parity_script", ROOT / "benchmarks" / "parity.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def slightly_wrong(sets: Sets, share: float) -> Values:
    return {metric: value * (1 + share) for metric, value in PRDC.theirs(sets).items()}


@pytest.mark.parametrize(("share", "fine"), [(1e-6, True), (2e-5, False), (float("nan"), False)])
def test_a_peer_that_says_something_else_is_noticed(material: Material, share: float, fine: bool) -> None:
    pytest.importorskip("prdc")
    found = run(replace(PRDC, theirs=partial(slightly_wrong, share=share)), material)
    assert [each.metric for each in found] == ["precision", "recall", "density", "coverage"]
    assert all((each.difference <= each.tolerance) == fine for each in found)


def test_tolerances() -> None:
    def compared(metric: str, **allowed: tuple[float, str]) -> Compared:
        return Compared(replace(PRDC, allowed=allowed), metric, 2.0, 2.5)

    assert compared("fid").tolerance == compared("fd").tolerance == 1e-4
    assert compared("kid").tolerance == 1e-5
    assert (compared("kid").difference, compared("kid").reason) == (0.25, "")
    loose = compared("kid", kid=(1e-3, "summed in half precision"))
    assert (loose.tolerance, loose.reason) == (1e-3, "summed in half precision")
    assert Compared(PRDC, "kid", 0.0, 0.0).difference == 0
    assert Compared(PRDC, "kid", 0.0, 1e-9).difference > 1


def test_a_looser_tolerance_has_a_reason_and_stays_small() -> None:
    allowed = [
        (peer.name, metric, *loose)
        for peer in PEERS.values()
        for case in peer.cases(6)
        for metric, loose in case.allowed.items()
    ]
    assert allowed
    assert all(tolerance <= 1e-2 and len(reason) > 20 for _, _, tolerance, reason in allowed)


def test_cases_are_colour_and_grey_small_and_large_and_n_above_and_below_d() -> None:
    for name in ("torch-fidelity", "pytorch-fid", "clean-fid", "torchmetrics"):
        cases = PEERS[name].cases(6)
        kinds = {(case.data.side, case.data.channels) for case in cases if isinstance(case.data, Pictures)}
        assert kinds == {(32, 1), (32, 3), (200, 1), (200, 3)}
        assert {min(case.data.counts) > case.width for case in cases} == {True, False}
        assert max(case.width for case in PEERS[name].cases(10)) == 2048
    sizes = {case.data.count for case in PEERS["pytorch-fid"].cases(500) if isinstance(case.data, Pictures)}
    assert 500 in sizes


def test_cases_of_a_peer_have_names_of_their_own() -> None:
    for peer in PEERS.values():
        names = [str(case) for case in peer.cases(6)]
        assert len(set(names)) == len(names)


def test_images_are_made_once_and_differ_between_the_sets(material: Material) -> None:
    data = Pictures(32, 1, 3)
    sets = material.sets(data)
    assert (sets.fake, sets.real) == (material.sets(Pictures(32, 1, 3)).fake, material.sets(data).real)
    files = [sorted(Path(folder).iterdir()) for folder in (sets.fake, sets.real)]
    assert [len(names) for names in files] == [3, 3]
    with Image.open(files[0][0]) as image:
        assert image.mode == "L"
    fake, real = sets.pictures()
    assert fake.shape == real.shape == (3, 3, 32, 32)
    assert not np.array_equal(fake, real)


def test_rows_are_those_of_the_files(material: Material) -> None:
    fake, real = material.sets(Rows(5, 4, 3)).rows()
    assert (fake.shape, real.shape) == ((4, 3), (5, 3))


def test_a_peer_that_is_not_there_says_so() -> None:
    absent = replace(PEERS["prdc"], module="no_such_module")
    assert "prdc cannot be imported: No module named 'no_such_module'" in absent.missing()
    assert replace(absent, module="json", obstacle=lambda: "it is Tuesday").missing() == "it is Tuesday"


def test_the_script_writes_the_table(script: ModuleType, tmp_path: Path) -> None:
    pytest.importorskip("prdc")
    out = tmp_path / "parity.md"
    assert script.main(["--peers", "prdc", "--out", str(out)]) == 0
    text = out.read_text()
    assert f"`python benchmarks/parity.py --peers prdc --out {out}`" in text
    (row,) = [line for line in text.splitlines() if "density, k = 3" in line and "50+40" in line]
    assert "| the rows | 50+40 | 128 | 0.675 | 0.675 |" in row
    assert "too much" not in text
    assert "**prdc**: Rows in float64" in text


def test_the_script_fails_on_a_difference(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("prdc")
    wrong: Case = replace(PRDC, theirs=partial(slightly_wrong, share=0.5))
    monkeypatch.setitem(PEERS, "prdc", replace(PEERS["prdc"], cases=lambda images: [wrong]))  # type: ignore[arg-type]
    assert script.main(["--peers", "prdc"]) == 1
    assert capsys.readouterr().out.count("**too much**") == 4


def test_the_script_knows_its_peers(script: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        script.main(["--peers", "prdcc"])
    assert "unknown peer 'prdcc': did you mean 'prdc'" in capsys.readouterr().err
