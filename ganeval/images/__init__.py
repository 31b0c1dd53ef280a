"""Image sets: the only place that decodes files. `open_images` turns what the user wrote into a source."""

from ganeval.images.features import FeatureSource
from ganeval.images.opening import Opened, Opening, open_images
from ganeval.images.packing import packed
from ganeval.images.source import Images, ImageSource, Selection, Subset
from ganeval.images.statistics import StatisticsSource

__all__ = [
    "FeatureSource",
    "ImageSource",
    "Images",
    "Opened",
    "Opening",
    "Selection",
    "StatisticsSource",
    "Subset",
    "open_images",
    "packed",
]
