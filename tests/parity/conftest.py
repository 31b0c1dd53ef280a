"""What the modules here share: one table of cases per peer, with images, rows and weights that are made once."""

from __future__ import annotations

import math

import pytest

from ganeval.testing.parity import PEERS, Case, Material, run

IMAGES = 6
"""Few, as a core pushes five or so through the whole Inception network in a second, and every case does it twice."""


@pytest.fixture(scope="session")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return Material(tmp_path_factory.mktemp("parity"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`case` runs through the cases of the peer that the module names."""
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", PEERS[metafunc.module.PEER].cases(IMAGES), ids=str)


@pytest.fixture
def apart(case: Case, material: Material, request: pytest.FixtureRequest) -> list[str]:
    """Values of the case that are further apart than they may be, in words; skips what cannot run here."""
    if reason := PEERS[request.module.PEER].missing():
        pytest.skip(reason)
    compared = run(case, material)
    assert compared
    assert all(math.isfinite(each.theirs) for each in compared)
    return [
        f"{each.metric}: theirs {each.theirs!r}, ours {each.ours!r}, {each.difference:.1e} > {each.tolerance:.0e}"
        for each in compared
        if not each.difference <= each.tolerance
    ]
