"""Codes over a dictionary, beside NumPy."""
