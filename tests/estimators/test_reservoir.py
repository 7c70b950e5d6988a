from __future__ import annotations

import numpy as np

from keras_ae.estimators.reservoir import Reservoir


def test_fewer_rows_than_there_is_room_for_are_all_kept() -> None:
    kept = Reservoir(10)
    for start in (0, 4):
        kept.add(np.arange(start, start + 4.0)[:, None], seed=0)
    assert kept.rows[:, 0].tolist() == list(range(8))
    assert kept.seen == 8


def test_each_row_is_as_likely_to_be_kept() -> None:
    counts = np.zeros(60)
    for seed in range(2_000):
        kept = Reservoir(15)
        for start in (0, 10, 40):  # less than there is room for, over its edge, and beyond
            stop = {0: 10, 10: 40, 40: 60}[start]
            kept.add(np.arange(float(start), stop)[:, None], seed=seed + start)
        assert len(np.unique(kept.rows)) == 15
        counts[kept.rows[:, 0].astype(int)] += 1
    # Binomial of 2,000 by 1/4: a deviation of 19; the largest of 60 within 4 of them.
    assert abs(counts - 500).max() < 4 * np.sqrt(2_000 * 0.25 * 0.75)
