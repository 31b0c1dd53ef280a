"""Work in several threads at once."""

from __future__ import annotations

import threading

import pytest
import torch

from ganeval.streams import side_by_side


def test_items_run_at_once_each_on_its_share_of_the_threads_and_answers_keep_their_order() -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    together = threading.Barrier(2, timeout=30)

    def run(item: int) -> tuple[int, int, bool]:
        together.wait()  # breaks unless two run at once
        return item, torch.get_num_threads(), torch.is_grad_enabled()

    try:
        found = side_by_side(run, [3, 1, 2, 0])
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert found == [(3, 1, False), (1, 1, False), (2, 1, False), (0, 1, False)]
    assert side_by_side(lambda item: torch.is_grad_enabled(), [0]) == [False]
    assert torch.is_grad_enabled()


def test_an_error_is_raised_and_the_threads_are_given_back() -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(ZeroDivisionError):
            side_by_side(lambda item: 1 // item, [1, 0])
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
