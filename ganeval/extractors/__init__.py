"""Feature extractors: uint8 images in, float32 rows per named layer out. One file each, found without an index."""

from ganeval.extractors.extractor import Extractor, Precision, Setup
from ganeval.extractors.registry import (
    Entry,
    Tap,
    at_layer,
    extractor,
    known_extractors,
    load_extractor,
    parse_tap,
    takes_pairs,
)

__all__ = [
    "Entry",
    "Extractor",
    "Precision",
    "Setup",
    "Tap",
    "at_layer",
    "extractor",
    "known_extractors",
    "load_extractor",
    "parse_tap",
    "takes_pairs",
]
