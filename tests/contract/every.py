"""The rows of all variants."""

from __future__ import annotations

from tests.contract.adversarial import ADVERSARIAL
from tests.contract.cases import CASES
from tests.contract.clustering import CLUSTERING
from tests.contract.compressive import COMPRESSIVE
from tests.contract.hierarchical import HIERARCHICAL
from tests.contract.masked import MASKED
from tests.contract.matching import MATCHING
from tests.contract.quantized import QUANTIZED
from tests.contract.regularised import REGULARISED
from tests.contract.sparse import SPARSE
from tests.contract.structured import STRUCTURED
from tests.contract.variational import VARIATIONAL

EVERY = [
    *CASES,
    *VARIATIONAL,
    *MATCHING,
    *REGULARISED,
    *ADVERSARIAL,
    *STRUCTURED,
    *QUANTIZED,
    *SPARSE,
    *HIERARCHICAL,
    *MASKED,
    *COMPRESSIVE,
    *CLUSTERING,
]
