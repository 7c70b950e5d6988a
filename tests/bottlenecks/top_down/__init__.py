"""Posteriors of several levels, beside NumPy."""
