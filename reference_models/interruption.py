"""Ctrl-C and SIGTERM as a wish to stop after the current step, not in the middle of it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class StopWish:
    """`asked` becomes True with the first signal."""

    asked: bool = False


@contextmanager
def postponed_signals() -> Iterator[StopWish]:
    """Yield a wish that SIGINT and SIGTERM set. A second signal acts at once. Only a main thread can catch them."""
    wish = StopWish()
    if threading.current_thread() is not threading.main_thread():
        yield wish
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def ask(number: int, frame: FrameType | None) -> None:
        wish.asked = True
        restore()

    for number in before:
        signal.signal(number, ask)
    try:
        yield wish
    finally:
        restore()
