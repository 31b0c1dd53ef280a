"""Protocols by name: the features, resizers and options with which a well-known tool makes its numbers.

A preset says what the tool does by default in the release named, read from its source. Its defects are not repeated.
What is said on the command line wins over the preset, and stands in the scorecard's protocol.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ganeval.errors import unknown


@dataclass(frozen=True)
class Rule:
    """How a preset computes one metric, where that is not the metric's own way.

    Attributes:
        tap: where its features are taken, if not where the preset's others are.
        options: option -> value.
        random_state: seed of the `numpy.random.RandomState` that the tool draws from, to which the job's seed is added;
            None leaves the draws to the engine.
    """

    tap: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    random_state: int | None = None


@dataclass(frozen=True)
class Preset:
    """One protocol.

    Attributes:
        what: one line for people.
        features: the tap of every metric without one of its own.
        metrics: what the tool reports, in its order; computed when neither metrics nor a suite are asked for.
        resizers: extractor -> its resizer, as `preparing.parse_resize` reads it; others keep their own.
        rules: metric -> how it is computed.
        apart: where numbers still part from the tool's.
    """

    name: str
    what: str
    features: str
    metrics: tuple[str, ...] = ()
    resizers: Mapping[str, str] = field(default_factory=dict)
    rules: Mapping[str, Rule] = field(default_factory=dict)
    apart: tuple[str, ...] = ()

    def rule(self, metric: str) -> Rule:
        """The rule for this metric, empty where the preset has none."""
        return self.rules.get(metric, Rule())

    def tap(self, metric: str) -> str:
        """Where this metric reads unless the user names features."""
        return self.rule(metric).tap or self.features

    @property
    def draws(self) -> dict[str, str]:
        """Metric -> the random numbers it draws, where the tool's own are repeated."""
        seeds = {metric: rule.random_state for metric, rule in self.rules.items()}
        return {metric: f"numpy RandomState({seed})" for metric, seed in seeds.items() if seed is not None}


INCEPTION = "inception.pool"
VGG16 = "vgg16.fc2_relu"
DINOV2 = "timm:vit_large_patch14_dinov2.lvd142m"

_SUBSETS = {"subsets": 100, "subset_size": 1000}
_IN_ORDER = {"splits": 10, "shuffle": False}
_STRICT = {"k": 5, "strict": True}
_CLOSED = {"k": 3, "strict": False}
_OVER_N = Rule(options={"ddof": 0})


def _both(tap: str, options: Mapping[str, Any]) -> dict[str, Rule]:
    """Rules of precision and recall."""
    return {"precision": Rule(tap, options), "recall": Rule(tap, options)}


_ALL = (
    Preset(
        name="ganeval",
        what="every pair of samples counts, covariances over N - 1, closed balls, each network's own resizer",
        features="efficientnet_lite0.pool",
    ),
    Preset(
        name="torch-fidelity",
        what="torch-fidelity 0.4: Inception resized as by TensorFlow 1, precision and recall on VGG16, seed 2020",
        features=INCEPTION,
        metrics=("inception_score", "fid", "kid", "precision", "recall"),
        resizers={"inception": "tf1", "vgg16": "tf1"},
        rules={
            "inception_score": Rule(options={"splits": 10, "shuffle": True}, random_state=2020),
            "kid": Rule(options=_SUBSETS, random_state=2020),
            "ppl": Rule("lpips:vgg@64", {"sampling": "end", "interpolation": "lerp", "pixels": "uint8"}),
            **_both(VGG16, _CLOSED),
        },
        apart=("means are summed in float64", "a distance that rounding makes negative is 0"),
    ),
    Preset(
        name="pytorch-fid",
        what="pytorch-fid 0.3: Inception resized by torch from half-pixel centres without antialias",
        features=INCEPTION,
        metrics=("fid",),
        resizers={"inception": "half-pixel"},
        apart=("no 1e-6 is added to covariances of few samples: their distance is computed without it",),
    ),
    Preset(
        name="clean-fid",
        what="clean-fid 0.1, mode clean: Inception on images resized by Pillow, bicubic and not rounded",
        features=INCEPTION,
        metrics=("fid", "kid"),
        resizers={"inception": "pillow-float"},
        rules={"kid": Rule(options=_SUBSETS | {"shrink": True})},
        apart=("it draws KID's subsets without a seed",),
    ),
    Preset(
        name="adm",
        what="the evaluator of guided-diffusion (ADM): everything on Inception, scores of parts of 5000 images",
        features=INCEPTION,
        metrics=("inception_score", "fid", "sfid", "precision", "recall"),
        resizers={"inception": "tf1"},
        rules={
            "inception_score": Rule(options={"split_size": 5000, "shuffle": False}),
            **_both(INCEPTION, _CLOSED),
        },
        apart=("it compares distances in half precision where they fit into it",),
    ),
    Preset(
        name="stylegan",
        what="StyleGAN2-ADA and StyleGAN3: covariances over N, precision and recall on VGG16, parts in order",
        features=INCEPTION,
        metrics=("fid", "kid", "precision", "recall", "inception_score"),
        resizers={"inception": "tf1", "vgg16": "tf1"},
        rules={
            "fid": _OVER_N,
            "fd": _OVER_N,
            "kid": Rule(options=_SUBSETS | {"shrink": True}),
            "inception_score": Rule(options=_IN_ORDER),
            "ppl": Rule("lpips:vgg", {"space": "w", "sampling": "end"}),
            **_both(VGG16, _CLOSED),
        },
        apart=(
            "it compares distances in half precision and draws KID's subsets without a seed",
            "its VGG16 is a file of its own, with about the same features",
            "it shrinks images above 256 pixels for the path length: name lpips:vgg@256 for those",
            "EDM and EDM2 divide covariances by N - 1: set fid.ddof=1",
        ),
    ),
    Preset(
        name="dgm-eval",
        what="dgm-eval: class token of DINOv2 ViT-L/14 on images resized by Pillow, k = 5, open balls",
        features=f"{DINOV2}.pool",
        metrics=("fd", "kid", "precision", "recall", "density", "coverage"),
        resizers={DINOV2: "pillow:224", "inception": "half-pixel"},
        rules={
            "kid": Rule(options=_SUBSETS | {"shrink": True}),
            "inception_score": Rule(options={"splits": 10, "shuffle": True}, random_state=2020),
            **_both("", _STRICT),
            "density": Rule(options=_STRICT),
            "coverage": Rule(options=_STRICT),
        },
        apart=(
            "it draws KD's subsets, and for precision to coverage 10000 samples, from a state that earlier draws moved",
            "its FD infinity extrapolates the generated set alone; fd_infinity does both sets",
            "its Vendi score is a mean over classes",
        ),
    ),
    Preset(
        name="torchmetrics",
        what="torchmetrics 1.9: Inception resized by torch with antialias",
        features=INCEPTION,
        metrics=("fid", "kid", "inception_score"),
        resizers={"inception": "antialiased"},
        rules={
            "kid": Rule(options=_SUBSETS),
            "inception_score": Rule(options={"splits": 10, "shuffle": True}),
        },
        apart=(
            "it shuffles and draws subsets without a seed",
            "its parts for the Inception score differ where splits do not divide N",
        ),
    ),
)

PRESETS: Mapping[str, Preset] = {preset.name: preset for preset in _ALL}
GANEVAL = PRESETS["ganeval"]


def get_preset(name: str) -> Preset:
    """The preset of that name.

    Raises:
        GanevalError: there is none, with the nearest match.
    """
    if name not in PRESETS:
        raise unknown("protocol", name, PRESETS)
    return PRESETS[name]


def described(preset: Preset) -> dict[str, str]:
    """What distinguishes a preset, as title -> text for people."""
    from ganeval.extractors.preparing import parse_resize

    resizers = {name: parse_resize(text) for name, text in preset.resizers.items()}
    facts = {
        "features": preset.features,
        "reports": ", ".join(preset.metrics) or "what is asked for",
        "resizers": "; ".join(
            f"{name}: {resizer.words}{f', to {size}' if size else ''}" for name, (resizer, size) in resizers.items()
        )
        or "each network's own",
        "covariance": "over N" if preset.rule("fid").options.get("ddof") == 0 else "over N - 1",
    }
    for metric, rule in preset.rules.items():
        facts[metric] = ", ".join(_said(rule)) or "as usual"
    return facts | {"apart": "; ".join(preset.apart) or "nothing"}


def _said(rule: Rule) -> list[str]:
    """A rule in words."""
    said = [f"on {rule.tap}"] if rule.tap else []
    said += [f"{name}={value}" for name, value in rule.options.items()]
    return said + ([] if rule.random_state is None else [f"RandomState({rule.random_state})"])
