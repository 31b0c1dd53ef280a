"""Batches of one size, side by side: the same rows, in order, whatever the number of threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from ganeval.extractors.networks.batching import in_fixed_batches


@pytest.fixture(params=[1, 2, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_rows_come_in_order_and_what_fills_the_last_batch_is_cut_off(threads: int) -> None:
    images = torch.arange(11.0).reshape(11, 1, 1, 1)
    sizes: list[int] = []

    def run(batch: Tensor) -> dict[str, Tensor]:
        sizes.append(len(batch))
        return {"rows": batch.flatten(1) * 2}

    assert in_fixed_batches(run, images, 4)["rows"].flatten().tolist() == [2.0 * i for i in range(11)]
    assert sizes == [4, 4, 4]
    assert torch.get_num_threads() == threads


def test_batches_run_side_by_side_without_gradients_and_on_a_share_of_the_threads(threads: int) -> None:
    meet = threading.Barrier(min(threads, 2), timeout=30)  # nobody passes unless as many are there
    seen: list[tuple[bool, int]] = []

    def run(batch: Tensor) -> dict[str, Tensor]:
        meet.wait()
        seen.append((torch.is_grad_enabled(), torch.get_num_threads()))
        return {"rows": batch.flatten(1)}

    with torch.no_grad():
        in_fixed_batches(run, torch.zeros(8, 1, 1, 1), 4)
    assert seen == [(False, 1)] * 2


def test_a_network_that_must_be_alone_is_alone() -> None:
    callers: set[int] = set()

    def run(batch: Tensor) -> dict[str, Tensor]:
        callers.add(threading.get_ident())
        return {"rows": batch.flatten(1)}

    in_fixed_batches(run, torch.zeros(64, 1, 1, 1), 4, alone=True)
    assert callers == {threading.get_ident()}
