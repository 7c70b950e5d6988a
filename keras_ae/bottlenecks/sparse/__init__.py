"""Codes over a dictionary, of which few numbers are not zero."""

from keras_ae.bottlenecks.sparse.batch_top_k import BatchTopK
from keras_ae.bottlenecks.sparse.dictionary_code import DictionaryCode
from keras_ae.bottlenecks.sparse.gated import Gated
from keras_ae.bottlenecks.sparse.jump_relu import JumpReLU
from keras_ae.bottlenecks.sparse.top_k import TopK

__all__ = ["BatchTopK", "DictionaryCode", "Gated", "JumpReLU", "TopK"]
