"""The only importer of JAX, TensorFlow and PyTorch."""
