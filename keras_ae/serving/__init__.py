"""Serving: the local server of a model repository, and the client of any server."""

from keras_ae.serving.client import Client
from keras_ae.serving.errors import ServingError

__all__ = ["Client", "ServingError"]
