"""A training step on PyTorch as a graph of tensor operations: traced, rewritten, checked, run."""
