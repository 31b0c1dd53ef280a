"""Any timm model with its own preprocessing: `timm:vit_small_patch14_dinov2.lvd142m`."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import Module, Parameter

from ganeval.errors import GanevalError, WeightsError
from ganeval.extractors.extractor import Setup
from ganeval.extractors.registry import extractor
from ganeval.extractors.weights import custom, may_download, read_state, sha256_of_tensors

if TYPE_CHECKING:
    from ganeval.extractors.networks.classifier import Classifier, Preprocessing


@extractor(
    "timm",
    layers=("pool", "logits"),
    default="pool",
    summary="any timm model with its own preprocessing; weights from the Hugging Face hub or --weights timm:NAME=PATH",
    variant="NAME",
    weights="timm:NAME",
)
def load(setup: Setup) -> Classifier:
    """`timm:NAME`: pool (what the classifier reads) and, where the model has a classifier, logits."""
    from ganeval.extractors.networks.classifier import Classifier

    name = f"timm:{setup.variant}"
    _require(setup.variant)
    network, weights = _named(name, setup) if name in setup.weights else _from_hub(name, setup.variant)
    preprocessing = preprocessing_of(network)
    _fit(network, preprocessing.resized_by(setup.resize).size, name)
    return Classifier(name, network, preprocessing, setup, weights)


def preprocessing_of(network: Module) -> Preprocessing:
    """What timm's evaluation transform does for this model, on tensors, antialiased.

    Raises:
        GanevalError: an interpolation or a way of cropping that has no counterpart here.
    """
    from timm.data import resolve_model_data_config  # type: ignore[attr-defined]

    from ganeval.extractors.networks.classifier import Preprocessing

    config: dict[str, Any] = resolve_model_data_config(network)  # type: ignore[no-untyped-call]
    if config["crop_mode"] not in ("center", "squash") or config["interpolation"] not in ("bilinear", "bicubic"):
        raise GanevalError(
            f"this timm model crops by '{config['crop_mode']}' and interpolates by '{config['interpolation']}'; "
            "supported are center or squash, bilinear or bicubic: choose another model"
        )
    return Preprocessing(
        size=tuple(config["input_size"][1:]),
        mean=tuple(255 * value for value in config["mean"]),
        std=tuple(255 * value for value in config["std"]),
        interpolation=config["interpolation"],
        crop=config["crop_pct"],
        fit=config["crop_mode"],
    )


def _fit(network: Any, size: tuple[int, int], name: str) -> None:
    """Make a network that knows the positions of its patches take images of another size, as its authors do."""
    from ganeval.extractors.networks.positions import dinov2_positions

    patches = getattr(network, "patch_embed", None)
    if patches is None or getattr(patches, "img_size", None) in (None, size):
        return
    positions, prefix = network.pos_embed, network.num_prefix_tokens
    try:
        network.set_input_size(img_size=size)
    except (AttributeError, AssertionError, ValueError) as error:
        raise GanevalError(
            f"{name} cannot take images of {size[0]} pixels ({error}): leave its size as it is"
        ) from None
    if "dinov2" in name and positions is not None and not network.no_embed_class:
        network.pos_embed = Parameter(dinov2_positions(positions.detach(), prefix, patches.grid_size))


def _require(variant: str) -> None:
    """Raise GanevalError, with the nearest matches among timm's thousand names, for a model it does not have."""
    import timm

    architecture = variant.partition(".")[0]
    if not timm.is_model(architecture):
        near = difflib.get_close_matches(architecture, timm.list_models(), n=3)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise GanevalError(f"unknown timm model '{variant}': {hint}timm.list_models() has them all")


def _named(name: str, setup: Setup) -> tuple[Module, str]:
    """The model with the weights of the file that the user named for it."""
    located = custom(name, setup.weights[name])
    state = read_state(located.path)
    network = _created(
        setup.variant,
        lambda error: WeightsError(f"{located.path} does not fit {name}: {error}"),
        pretrained_cfg_overlay={"state_dict": state, "custom_load": False},
    )
    return network, located.fingerprint


def _from_hub(name: str, variant: str) -> tuple[Module, str]:
    """The model with its published weights, from the hub or its cache on this machine."""

    def explain(error: str) -> WeightsError:
        return WeightsError(
            f"the weights of {name} are neither cached here nor to be had from the Hugging Face hub ({error}). "
            f"Download model.safetensors from https://huggingface.co/timm/{variant} elsewhere "
            f"and name it with --weights {name}=PATH"
        )

    if not may_download() and not _cached(variant):
        raise explain("nothing is downloaded")
    network = _created(variant, explain)
    return network, sha256_of_tensors(network.state_dict())


def _cached(variant: str) -> bool:
    """Whether the hub's cache on this machine has the model's file, by any of the names that timm looks for."""
    import timm
    from huggingface_hub import try_to_load_from_cache

    repository = getattr(timm.get_pretrained_cfg(variant), "hf_hub_id", None) or f"timm/{variant}"
    names = ("model.safetensors", "pytorch_model.bin", "open_clip_model.safetensors", "open_clip_pytorch_model.bin")
    return any(isinstance(try_to_load_from_cache(repository, name), str) for name in names)


def _created(variant: str, explain: Callable[[str], WeightsError], **options: Any) -> Module:
    """timm's model with weights. Its constructors draw weights that are replaced: not from the user's random state."""
    import timm

    try:
        with torch.random.fork_rng(devices=[]):
            return timm.create_model(variant, pretrained=True, **options)
    except Exception as error:  # the hub, torch and timm each have their own classes
        raise explain((str(error).strip().splitlines() or [type(error).__name__])[0]) from error
