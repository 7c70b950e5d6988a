"""Compression to bytes, by models whose codes are whole numbers of known distributions."""

from keras_ae.compression.codec import Codec
from keras_ae.compression.container import StreamError

__all__ = ["Codec", "StreamError"]
