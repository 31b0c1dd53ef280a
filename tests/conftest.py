"""Shared by all tests: no shared cache, no global random state, one thread per worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch


def pytest_configure() -> None:
    torch.set_num_threads(1)  # workers share the cores, and threads that wait for each other cost more than they give


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test sees what another, or the user, has cached."""
    cache = tmp_path / "cache"
    monkeypatch.setenv("GANEVAL_CACHE", str(cache))
    return cache


@pytest.fixture(autouse=True)
def global_randomness_stays_put() -> Iterator[None]:
    """The library must neither read nor move torch's global generator."""
    before = torch.get_rng_state()
    yield
    assert torch.equal(torch.get_rng_state(), before), "global random state was moved"


@pytest.fixture
def seeded_globally() -> Iterator[None]:
    """Networks can be built and noise drawn from torch's global generator, which is put back afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield
