"""Which form of a training step is faster, where no rule says."""

from __future__ import annotations

# How often each form is timed, after the block that compiles it.
TIMES = 3


class Trial:
    """Two forms, measured in turns: what a machine does besides slows both."""

    def __init__(self) -> None:
        self.seconds: dict[bool, list[float]] = {False: [], True: []}

    @property
    def is_over(self) -> bool:
        """Whether each form was timed often enough."""
        return all(len(seconds) > TIMES for seconds in self.seconds.values())

    @property
    def turn(self) -> bool:
        """The form that is to be timed next."""
        return len(self.seconds[True]) < len(self.seconds[False])

    @property
    def winner(self) -> bool:
        """The faster form; False while the trial goes on."""
        if not self.is_over:
            return False
        return min(self.seconds[True][1:]) < min(self.seconds[False][1:])

    def note(self, seconds: float) -> None:
        """Note the seconds of a step in the form whose turn it was."""
        self.seconds[self.turn].append(seconds)
