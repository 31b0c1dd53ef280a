"""What tests and benchmarks need when nothing can be downloaded, and the gate as assertions for test suites."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ganeval.testing.gating import assert_no_worse as assert_no_worse
    from ganeval.testing.gating import assert_requirements as assert_requirements

__all__ = ["assert_no_worse", "assert_requirements"]


def __getattr__(name: str) -> Any:
    """Imported at first use, so that the toys and corruptions beside it need not wait."""
    if name not in __all__:
        raise AttributeError(f"module 'ganeval.testing' has no attribute '{name}'")
    from ganeval.testing import gating

    return getattr(gating, name)
