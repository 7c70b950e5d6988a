from __future__ import annotations

import os
import resource
import subprocess
import sys

import pytest

from keras_ae.backend import allocator

SCRIPT = """
import resource
from keras_ae.backend import allocator

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        bytearray(2**26)  # 64 MiB of zeros, which touch each page
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

plain = faults()
with allocator.kept_pages(), allocator.kept_pages():
    kept = faults()
print(plain, kept, faults())
"""


def counted(**variables: str) -> list[int]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**environment, "KERAS_BACKEND": "jax", **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return [int(word) for word in done.stdout.split()]


@pytest.mark.skipif(allocator._glibc() is None, reason="is about glibc's malloc")
def test_memory_is_used_again_and_given_back() -> None:
    pages = 2**26 // resource.getpagesize()
    plain, kept, after = counted()
    assert plain > 15 * pages
    assert kept < 5 * pages
    assert after > 15 * pages


@pytest.mark.skipif(allocator._glibc() is None, reason="is about glibc's malloc")
@pytest.mark.parametrize(
    "variables", [{"KERAS_AE_KEEP_PAGES": "0"}, {"MALLOC_TOP_PAD_": "131072"}], ids=str
)
def test_the_environment_may_say_otherwise(variables: dict[str, str]) -> None:
    plain, kept, _ = counted(**variables)
    assert kept > 0.7 * plain
