"""Small mergeable summaries of feature rows: batches, workers, resume and cache are all `update` and `merge`."""

from collections.abc import Mapping

from ganeval.summaries.features import Features, Labelled
from ganeval.summaries.moments import GivenMoments, Moments
from ganeval.summaries.summary import Summary

__all__ = ["KINDS", "Features", "GivenMoments", "Labelled", "Moments", "Summary"]

KINDS: Mapping[str, type[Summary]] = {kind.kind: kind for kind in (Features, Moments)}
