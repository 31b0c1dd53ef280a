"""From what is asked for to requests: which metric reads where, with which options, under which protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ganeval.engine import GIVEN, Request
from ganeval.errors import GanevalError, unknown
from ganeval.extractors import Tap, at_layer, parse_tap, takes_pairs
from ganeval.metrics.metric import Metric, get
from ganeval.options import parse_options
from ganeval.presets import Preset

PROPER_NAMES: Mapping[tuple[str, Tap], str] = {
    ("fd", Tap("inception", "pool")): "fid",
    ("fd", Tap("inception", "spatial")): "sfid",
    ("classifier_score", Tap("inception", "logits")): "inception_score",
}
"""Metrics of any features that have a name of their own on these."""
LPIPS_NAMES = {
    "perceptual_distance": "lpips",
    "perceptual_diversity": "lpips_diversity",
    "perceptual_class_diversity": "lpips_class_diversity",
    "perceptual_path_length": "ppl",
}
"""Metrics of any distance of pairs, and what they are called on LPIPS."""


def chosen_options(preset: Preset, metrics: Sequence[Metric], given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """{"kid.subsets": "100"} => {"kid": {"subsets": 100}}, the rest as the preset has it or by default.

    Raises:
        GanevalError: an option of a metric that is not computed, or that the metric does not have.
    """
    options = {metric.name: _usual_options(preset, metric) for metric in metrics}
    for name, value in given.items():
        owner, _, option = name.partition(".")
        if owner not in options:
            raise unknown("metric in --set (write metric.option=value)", owner, options)
        declared = {key: get(owner).annotations[key] for key in options[owner]}
        options[owner] |= parse_options(owner, declared, {option: value})
    return options


def _usual_options(preset: Preset, metric: Metric) -> dict[str, Any]:
    return {**metric.options, **preset.rule(metric.name).options}


def requested(
    preset: Preset, metrics: Sequence[Metric], taps: Sequence[Tap], options: Mapping[str, Mapping[str, Any]]
) -> list[Request]:
    """Every metric at every tap, or at the preset's where none is named; one tied to a network at its own only.

    `fd` on Inception's pool is `fid`, and so on (`PROPER_NAMES`).

    Raises:
        GanevalError: rows computed elsewhere, and a metric that is defined on one network.
    """
    requests: dict[tuple[str, Tap], Request] = {}
    for metric in metrics:
        _refuse_given(metric, taps)
        own = options.get(metric.name, {})
        chosen = bool(own) and own != _usual_options(preset, metric)
        for tap in _taps(metric, _named(metric, taps, preset)):
            name = PROPER_NAMES.get((metric.name, tap))
            proper, at = (get(name), parse_tap(get(name).tap)) if name else (_on_lpips(metric, tap), tap)
            state = preset.rule(proper.name).random_state
            requests[proper.name, at] = Request(proper, at, own, state, chosen)
    return list(requests.values())


def _named(metric: Metric, taps: Sequence[Tap], preset: Preset) -> Sequence[Tap]:
    """The features named for this kind of metric, of images or of pairs, or else the preset's."""
    fitting = [tap for tap in taps if takes_pairs(tap) == metric.pairs]
    usual = preset.rule(metric.name).tap or metric.tap if metric.pairs else preset.tap(metric.name)
    return fitting or [parse_tap(usual)]


def _on_lpips(metric: Metric, tap: Tap) -> Metric:
    """`perceptual_distance` on `lpips:alex` is `lpips`."""
    return get(LPIPS_NAMES.get(metric.name, metric.name)) if tap.extractor.startswith("lpips:") else metric


def overrides(
    preset: Preset, taps: Sequence[Tap], given: Mapping[str, Any], options: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """What the user says against the preset: "metric.option" -> value, and the features named."""
    said = {name: options[name.partition(".")[0]][name.partition(".")[2]] for name in given}
    usual = {name: _usual(preset, *name.split(".", 1)) for name in said}
    changed = {name: value for name, value in said.items() if value != usual[name]}
    return changed | ({"features": ", ".join(map(str, taps))} if taps else {})


def _usual(preset: Preset, metric: str, option: str) -> Any:
    return {**get(metric).options, **preset.rule(metric).options}[option]


def _taps(metric: Metric, named: Sequence[Tap]) -> list[Tap]:
    """Where a metric reads when these taps are named."""
    if not metric.rebase:
        return _variants(parse_tap(metric.tap), named)
    if not metric.layer:
        return list(named)
    if metric.pairs:
        return [tap for tap in named if tap.layer == metric.layer] or [parse_tap(metric.tap)]
    return [tap if tap == GIVEN else at_layer(tap, metric.layer) for tap in named]


def _variants(own: Tap, named: Sequence[Tap]) -> list[Tap]:
    """Of the taps named, those that are the metric's own in another variant, as `laplacian:128` is of `laplacian`."""
    kind = own.extractor.partition(":")[0]
    variants = [tap for tap in named if tap.extractor.partition(":")[0] == kind and tap.layer == own.layer]
    return variants or [own]


def _refuse_given(metric: Metric, taps: Sequence[Tap]) -> None:
    if GIVEN in taps and metric.pairs:
        raise GanevalError(f"{metric.name} compares images with images, and features were given: give images")
    if GIVEN in taps and not metric.rebase:
        raise GanevalError(
            f"{metric.name} is defined on {metric.tap}, and features of an unknown network were given: ask for fd"
        )
