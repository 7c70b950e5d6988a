"""Rules by which a threshold is found."""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar

import numpy as np
import scipy.stats

from keras_ae.estimators.thresholds.threshold import Threshold

TO_DEVIATION = 1.4826
"""A normal law's deviation over its median absolute deviation, 1 / Phi^-1(3/4)."""
FROM_MEAN = 1.2533
"""A normal law's deviation over its mean absolute deviation, sqrt(pi / 2)."""


@dataclasses.dataclass(frozen=True)
class Quantile(Threshold):
    """The score that a share of the rows do not exceed.

    Args:
        share: In (0, 1).
    """

    share: float = 0.99
    short: ClassVar[str] = "quantile"

    def __post_init__(self) -> None:
        """Check the share."""
        _check("share", self.share, 0.0 < self.share < 1.0, "in (0, 1)")

    def value(self, scores: np.ndarray, is_anomaly: np.ndarray | None = None) -> float:
        """Return the quantile, between neighbouring scores."""
        return float(np.quantile(scores, self.share))


@dataclasses.dataclass(frozen=True)
class Contamination(Threshold):
    """The score that a share of rows exceed, which hold so many anomalies.

    Args:
        share: In [0, 0.5]; 0 where the rows hold none: the largest score.
    """

    share: float = 0.1
    short: ClassVar[str] = "contamination"

    def __post_init__(self) -> None:
        """Check the share."""
        _check("share", self.share, 0.0 <= self.share <= 0.5, "in [0, 0.5]")

    def value(self, scores: np.ndarray, is_anomaly: np.ndarray | None = None) -> float:
        """Return the score of which rounded `share * rows` are larger, but for ties."""
        above = round(self.share * len(scores))
        return float(np.sort(scores)[len(scores) - 1 - above])


@dataclasses.dataclass(frozen=True)
class FalsePositiveRate(Threshold):
    """The least score that a new normal row exceeds with a probability of at most `rate`.

    With probability over the rows too, and whatever their distribution, if all are normal and the
    new one is drawn as they were.

    Args:
        rate: In (0, 1).

    Reference:
        Vovk et al. (2005), Algorithmic Learning in a Random World, proposition 2.3; Bates et al.
        (2023), https://arxiv.org/abs/2104.08279, equation 2.
    """

    rate: float = 0.01
    short: ClassVar[str] = "fpr"

    def __post_init__(self) -> None:
        """Check the rate."""
        _check("rate", self.rate, 0.0 < self.rate < 1.0, "in (0, 1)")

    def value(self, scores: np.ndarray, is_anomaly: np.ndarray | None = None) -> float:
        """Return the ceil((1 - rate) (rows + 1))-th smallest score; of normal rows if it is known.

        Raises:
            ValueError: There are fewer rows than 1 / rate - 1.
        """
        if is_anomaly is not None:
            scores = scores[~is_anomaly]
        rank = math.ceil((1.0 - self.rate) * (len(scores) + 1) - 1e-9)
        if rank > len(scores):
            raise ValueError(
                f"a false-positive rate of {self.rate} needs "
                f"{math.ceil(1.0 / self.rate - 1.0 - 1e-9)} normal rows or more that no training "
                f"has seen. Received: {len(scores)}. Give more rows, or a higher rate"
            )
        return float(np.sort(scores)[rank - 1])


@dataclasses.dataclass(frozen=True)
class MedianDeviation(Threshold):
    """So many robust deviations above the median: median + factor * 1.4826 * MAD.

    Where half of the scores are equal the mean absolute deviation from the median stands for it.

    Args:
        factor: Positive.

    Reference:
        Iglewicz and Hoaglin (1993), How to Detect and Handle Outliers, page 11, whose modified z is
        larger than `factor` then; the other scale as in IBM's SPSS.
    """

    factor: float = 3.5
    short: ClassVar[str] = "mad"

    def __post_init__(self) -> None:
        """Check the factor."""
        _check("factor", self.factor, 0.0 < self.factor < math.inf, "positive")

    def value(self, scores: np.ndarray, is_anomaly: np.ndarray | None = None) -> float:
        """Return the threshold."""
        middle = np.median(scores)
        away = np.abs(scores - middle)
        deviation = TO_DEVIATION * np.median(away) or FROM_MEAN * away.mean()
        return float(middle + self.factor * deviation)


@dataclasses.dataclass(frozen=True)
class ExtremeValue(Threshold):
    """The score that a normal row exceeds with a small probability, by a law of the tail.

    Peaks over a high quantile t follow a generalized Pareto law, fitted by maximum likelihood:
    t + sigma / gamma ((q n / peaks)^-gamma - 1). It may lie beyond all scores seen.

    Args:
        probability: q, less than 1 - `start`.
        start: The quantile t, in (0, 1).

    Reference:
        Siffer et al. (2017), https://doi.org/10.1145/3097983.3098144, equation 1.
    """

    probability: float = 1e-3
    start: float = 0.9
    short: ClassVar[str] = "pot"

    def __post_init__(self) -> None:
        """Check the numbers."""
        _check("start", self.start, 0.0 < self.start < 1.0, "in (0, 1)")
        most = 1.0 - self.start
        within = 0.0 < self.probability < most
        _check("probability", self.probability, within, f"in (0, {most:g})")

    def value(self, scores: np.ndarray, is_anomaly: np.ndarray | None = None) -> float:
        """Return the threshold.

        Raises:
            ValueError: There are fewer than ten peaks.
        """
        start = float(np.quantile(scores, self.start))
        peaks = scores[scores > start] - start
        if len(peaks) < 10:
            raise ValueError(
                f"the law of a tail needs ten scores or more above the quantile {self.start}. "
                f"Received: {len(peaks)} of {len(scores)} scores. Give more rows, or another rule"
            )
        shape, _, scale = scipy.stats.genpareto.fit(peaks, floc=0.0)
        rate = self.probability * len(scores) / len(peaks)
        if abs(shape) < 1e-8:
            return start - scale * math.log(rate)
        return start + scale / shape * (rate**-shape - 1.0)


@dataclasses.dataclass(frozen=True)
class BestF1(Threshold):
    """The score that parts labelled rows with the best F1, of anomalies as the positives."""

    short: ClassVar[str] = "f1"
    needs_labels: ClassVar[bool] = True

    def value(self, scores: np.ndarray, is_anomaly: np.ndarray | None = None) -> float:
        """Return the threshold, in the middle between two scores; the lowest of several as good.

        Raises:
            ValueError: There are no labels, or only of one kind.
        """
        if is_anomaly is None or is_anomaly.all() or not is_anomaly.any():
            raise ValueError(
                "the best F1 needs labels of anomalies and of normal rows. Received: "
                + ("no labels" if is_anomaly is None else f"{int(is_anomaly.sum())} anomalies of ")
                + ("" if is_anomaly is None else f"{len(scores)} rows")
            )
        order = np.argsort(scores, kind="stable")
        ranked, found = scores[order], is_anomaly[order][::-1].cumsum()[::-1]
        called = np.arange(len(scores), 0, -1)
        f1 = 2.0 * found / (called + is_anomaly.sum())
        # Rows of one score are called alike: a group starts where the score is a new one.
        starts = np.flatnonzero(np.diff(ranked, prepend=-np.inf) > 0)
        best = starts[np.argmax(f1[starts])]
        if best == 0:
            return float(np.nextafter(ranked[0], -np.inf))
        return float(ranked[best - 1] + (ranked[best] - ranked[best - 1]) / 2.0)


RULES: dict[str, type[Threshold]] = {
    rule.short: rule
    for rule in (
        Quantile,
        Contamination,
        FalsePositiveRate,
        MedianDeviation,
        ExtremeValue,
        BestF1,
    )
}
"""Name on a command line -> rule."""


def _check(name: str, value: float, holds: bool, what: str) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not holds:
        raise ValueError(f"`{name}` must be {what}. Received: {name}={value!r}")
