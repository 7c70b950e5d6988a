"""Tests of what single variants of this family do."""
