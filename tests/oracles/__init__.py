"""Oracles written from papers alone, without the implementation."""
