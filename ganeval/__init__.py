"""ganeval: evaluate and analyse generative adversarial networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ganeval.errors import GanevalError as GanevalError
    from ganeval.images import open_images as open_images
    from ganeval.scorecard import Scorecard as Scorecard
    from ganeval.scorecard import load_scorecard as load_scorecard
    from ganeval.scoring import Job as Job
    from ganeval.scoring import score as score

__version__ = "0.1.0"
__all__ = ["GanevalError", "Job", "Scorecard", "load_scorecard", "open_images", "score"]

# Imported at first use, so that `ganeval --help` need not wait for torch.
_HOMES = {
    "GanevalError": "errors",
    "Job": "scoring",
    "Scorecard": "scorecard",
    "load_scorecard": "scorecard",
    "open_images": "images",
    "score": "scoring",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'ganeval' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(f"ganeval.{_HOMES[name]}"), name)
