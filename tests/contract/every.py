"""The rows of all variants."""

from __future__ import annotations

from tests.contract.cases import CASES
from tests.contract.variational import VARIATIONAL

EVERY = [*CASES, *VARIATIONAL]
