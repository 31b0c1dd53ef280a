"""Image sets: the only place that decodes files. `open_images` turns what the user wrote into a source."""

from ganeval.images.features import FeatureSource
from ganeval.images.opening import Opening, open_images
from ganeval.images.packing import packed
from ganeval.images.source import Images, ImageSource, Selection, Subset

__all__ = ["FeatureSource", "ImageSource", "Images", "Opening", "Selection", "Subset", "open_images", "packed"]
