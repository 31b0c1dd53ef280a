"""What a metric is called, and where it reads, on the features that are named."""

from __future__ import annotations

import pytest

from ganeval.extractors import parse_tap
from ganeval.metrics.metric import get
from ganeval.planning import requested
from ganeval.presets import get_preset


@pytest.mark.parametrize(
    ("metric", "features", "expected"),
    [
        ("fd", "inception", "fid (inception.pool)"),
        ("fd", "inception.spatial", "sfid (inception.spatial)"),
        ("fd", "inception.768", "fd (inception.768)"),
        ("fd", "efficientnet_lite0", "fd (efficientnet_lite0.pool)"),
        ("fd_per_class", "inception", "fd_per_class (inception.pool)"),
        ("sfid", "efficientnet_lite0", "sfid (inception.spatial)"),
        ("classifier_score", "inception", "inception_score (inception.logits_unbiased)"),
        ("classifier_score", "efficientnet_lite0.pool", "classifier_score (efficientnet_lite0.logits)"),
        ("mode_score", "efficientnet_lite0", "mode_score (efficientnet_lite0.logits)"),
        ("mode_score", "inception", "mode_score (inception.logits)"),
    ],
)
def test_metrics_have_their_proper_names(metric: str, features: str, expected: str) -> None:
    options = {metric: dict(get(metric).options)}
    (request,) = requested(get_preset("ganeval"), [get(metric)], [parse_tap(features)], options)
    assert request.name == expected
    assert request.options == options[metric]


def test_asking_twice_under_two_names_computes_once() -> None:
    metrics = [get("fd"), get("fid")]
    options = {metric.name: dict(metric.options) for metric in metrics}
    names = [request.name for request in requested(get_preset("ganeval"), metrics, [parse_tap("inception")], options)]
    assert names == ["fid (inception.pool)"]
