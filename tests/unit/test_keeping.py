from __future__ import annotations

import threading
import time

import pytest
import torch

from ganeval.keeping import Kept


def test_a_value_is_made_once_for_its_owners_and_key() -> None:
    kept, a, b = Kept[int](), torch.zeros(1), torch.zeros(1)
    assert kept.get([a, b], lambda: 1) == 1
    assert kept.get([a, b], lambda: 2) == 1
    assert kept.get([b, a], lambda: 3) == 3
    assert kept.get([a, b], lambda: 4, "other") == 4
    assert kept.holds([a, b])
    assert not kept.holds([a, a])


def test_a_value_goes_with_either_owner_and_is_made_again_for_a_changed_one() -> None:
    kept, a, b = Kept[int](), torch.zeros(1), torch.zeros(1)
    assert kept.get([a, b], lambda: 1) == 1
    a.add_(1)
    assert kept.get([a, b], lambda: 2) == 2
    del b
    assert len(kept) == 0


def test_nothing_is_kept_of_what_failed() -> None:
    kept, a = Kept[int](), torch.zeros(1)
    with pytest.raises(ZeroDivisionError):
        kept.get([a], lambda: 1 // 0)
    assert kept.get([a], lambda: 5) == 5


def test_threads_wait_for_the_one_that_makes_it() -> None:
    kept, a, made = Kept[int](), torch.zeros(1), list[int]()

    def make() -> int:
        time.sleep(0.05)
        made.append(1)
        return 7

    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(kept.get([a], make))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [7] * 4
    assert made == [1]
