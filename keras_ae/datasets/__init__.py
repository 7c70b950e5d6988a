"""Data by name or by path, as float32 arrays in memory, and batches of them and of files."""

from keras_ae.batches import ArrayBatches
from keras_ae.datasets.dataset import Dataset
from keras_ae.datasets.named import NAMES, at_hand
from keras_ae.datasets.parquet_batches import ParquetBatches
from keras_ae.datasets.sources import has_column, load

__all__ = ["NAMES", "ArrayBatches", "Dataset", "ParquetBatches", "at_hand", "has_column", "load"]
