"""Customer segmentation with k-means: the package under the five notebooks."""

__version__ = "0.1.0"
