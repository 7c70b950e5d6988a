from __future__ import annotations

from typing import Any

from keras_ae.backend.whole_batch import Part, over_batch


def test_a_whole_batch_is_used_at_once() -> None:
    calls: list[Any] = []
    over_batch(lambda *a: calls.append(a), [1.0, 2.0], ["rows"])
    assert calls == [(1.0, 2.0, "rows")]


def test_a_part_writes_down_what_waits_for_the_others() -> None:
    calls: list[Any] = []
    with Part() as part:
        over_batch(calls.append, [1.0])
        over_batch(calls.extend, [], [[2.0]])
    assert calls == []
    assert [(use.sums, use.rows) for use in part.uses] == [([1.0], ()), ([], [[2.0]])]
    part.uses[0].function(3.0)
    assert calls == [3.0]
