"""Maps of any size through models that were made for small ones."""

from keras_ae.tiling.tiled import Tiled

__all__ = ["Tiled"]
