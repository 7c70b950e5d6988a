from __future__ import annotations

import pytest

from keras_ae.backend.compiled.trial import TIMES, Trial


@pytest.mark.parametrize("faster", [False, True])
def test_the_faster_form_wins_whatever_compiling_and_one_slow_block_took(faster: bool) -> None:
    trial = Trial()
    turns = []
    while not trial.is_over:
        assert trial.winner is False
        turns.append(trial.turn)
        first = turns.count(trial.turn) == 1
        slow = turns.count(trial.turn) == 2
        usual = 1.0 if trial.turn == faster else 1.5
        compiling = 0.1 if trial.turn != faster else 100.0  # says nothing, whichever it is
        trial.note(compiling if first else 10 * usual if slow else usual)
    assert turns == [False, True] * (1 + TIMES)
    assert trial.winner == faster
