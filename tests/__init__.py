"""Tests of keras_ae; the folders mirror the package."""
