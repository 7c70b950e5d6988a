"""Tests of keras_ae."""
