from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from keras import ops
from skimage.metrics import structural_similarity

import keras_ae
from keras_ae.likelihoods import Bernoulli, Gaussian
from keras_ae.objectives import LinearWarmup, StructuralSimilarity
from keras_ae.objectives.structural_similarity import ms_ssim_error, scales_of
from keras_ae.typing import Batch
from tests.contract.pictures import ms_ssim
from tests.gradients import gradient

RNG = np.random.default_rng(0)


def pictures(*shape: int) -> np.ndarray:
    """Smooth pictures in [0, 1]."""
    rows, height, width, channels = shape
    waves = RNG.normal(size=(rows, 4, 4, channels)).repeat(-(-height // 4), axis=1)
    coarse = waves.repeat(-(-width // 4), axis=2)[:, :height, :width]
    return (1 / (1 + np.exp(-coarse - 0.3 * RNG.normal(size=shape)))).astype("float32")


def noisy(x: np.ndarray, scale: float = 0.2) -> np.ndarray:
    return np.clip(x + scale * RNG.normal(size=x.shape), 0, 1).astype("float32")


def error(x: np.ndarray, y: np.ndarray, *options: Any) -> np.ndarray:
    given = (ops.convert_to_tensor(a, "float32") for a in (x, y))
    return ops.convert_to_numpy(ms_ssim_error(*given, *options))


def close(got: np.ndarray, wanted: np.ndarray) -> bool:
    return bool((abs(got - wanted) <= 1e-5 * np.maximum(1.0, abs(wanted))).all())


@pytest.mark.parametrize("channels", [1, 3])
def test_at_one_scale_it_is_scikit_images(channels: int) -> None:
    x = pictures(4, 20, 17, channels)
    y = np.stack([noisy(x[0]), noisy(x[1], 0.02), 1 - x[2], x[0]])
    wanted = []
    for a, b in zip(x.astype("f8"), y.astype("f8"), strict=True):
        _, local = structural_similarity(
            *(a, b),
            channel_axis=-1,
            data_range=1.0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            full=True,
        )
        wanted.append(1 - local[5:-5, 5:-5].mean())
    assert wanted[2] > 1  # an inverted picture: nothing is cut off at one scale
    assert close(error(x, y, 11, 1), np.array(wanted))


@pytest.mark.parametrize(
    ("shape", "window_size", "scales"),
    [
        ((3, 28, 28, 1), 11, 2),
        ((2, 45, 31, 3), 5, 3),
        ((2, 35, 34, 2), 4, 4),
        ((1, 176, 180, 1), 11, 5),
    ],
)
def test_at_several_scales_it_is_the_papers(
    shape: tuple[int, ...], window_size: int, scales: int
) -> None:
    x = pictures(*shape)
    for y in (noisy(x), noisy(x, 0.01), pictures(*shape), np.full_like(x, 0.5), 1 - x):
        wanted = 1 - ms_ssim(x, y, window_size, scales)
        assert close(error(x, y, window_size), wanted)
        assert close(error(x, y, window_size, scales), wanted)


def test_the_range_of_the_data_scales_the_constants() -> None:
    x = 4 * pictures(3, 24, 24, 1) - 2
    y = x + 0.3 * RNG.normal(size=x.shape).astype("float32")
    assert close(error(x, y, 7, 2, 4.0), 1 - ms_ssim(x, y, 7, 2, 4.0))
    assert close(error(x, y, 7, 2, 4.0), error(x / 4, y / 4, 7, 2, 1.0))
    assert abs(error(x, y, 7, 2, 1.0) - error(x, y, 7, 2, 4.0)).max() > 1e-2


def test_equal_pictures_are_0_and_a_small_distance_keeps_its_digits() -> None:
    x = pictures(3, 28, 28, 2)
    assert (error(x, x) == 0).all()
    y = x + 1e-3 * RNG.normal(size=x.shape).astype("float32")
    wanted = 1 - ms_ssim(x, y, 11, 2)
    assert wanted.max() < 1e-3
    np.testing.assert_allclose(error(x, y), wanted, rtol=1e-3)


PATTERN = np.indices((24, 24)).sum(0).reshape(1, 24, 24, 1) % 2
CONSTANT = np.zeros_like(PATTERN)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (CONSTANT, CONSTANT),
        (CONSTANT, CONSTANT + 1),
        (CONSTANT - 5, CONSTANT + 5),
        (PATTERN, CONSTANT),
        (PATTERN, 1 - PATTERN),
        (PATTERN, 1e4 * PATTERN),
        (1e4 * PATTERN, CONSTANT + 1e4),
    ],
    ids=["equal", "other", "opposite", "flat", "inverted", "large", "both_large"],
)
@pytest.mark.parametrize("scales", [1, 2])
def test_values_and_gradients_are_finite_for_any_pictures(
    x: np.ndarray, y: np.ndarray, scales: int
) -> None:
    x, y = x.astype("float32"), y.astype("float32")
    values = error(x, y, 7, scales)
    assert (values >= 0).all()
    assert (values <= 2.001).all()
    slope = gradient(lambda y: ops.sum(ms_ssim_error(ops.convert_to_tensor(x), y, 7, scales)), y)
    assert np.isfinite(slope).all()


@pytest.mark.parametrize("scales", [1, 3])
@pytest.mark.parametrize("kind", ["other", "opposite"])
def test_the_gradient_is_that_of_the_papers_similarity(scales: int, kind: str) -> None:
    """Pictures of the wrong sign, whose similarities are negative, have one too."""
    target = pictures(2, 22, 21, 2)
    x = pictures(2, 22, 21, 2) if kind == "other" else -target
    slope = gradient(
        lambda y: ops.sum(ms_ssim_error(ops.convert_to_tensor(target), y, 5, scales)), x
    )
    assert abs(slope).sum() > 0.1
    for direction in RNG.normal(size=(3, *x.shape)):
        step = 1e-5 * direction
        ends = [ms_ssim(target, x + s, 5, scales).sum() for s in (step, -step)]
        wanted = (ends[1] - ends[0]) / 2e-5
        assert (slope * direction).sum() == pytest.approx(wanted, rel=1e-3, abs=1e-4)


@pytest.mark.parametrize(
    ("side", "window_size", "scales"),
    [(10, 11, 0), (11, 11, 1), (21, 11, 1), (28, 11, 2), (175, 11, 4), (176, 11, 5), (999, 7, 5)],
)
def test_there_are_as_many_scales_as_windows_have_room(
    side: int, window_size: int, scales: int
) -> None:
    assert scales_of(side, window_size) == scales


def term_value(
    likelihood: Any, decoded: np.ndarray, target: np.ndarray, mask: np.ndarray | None = None
) -> np.ndarray:
    term, model = StructuralSimilarity(window_size=5), SimpleNamespace(likelihood=likelihood)
    outputs = {"decoded": ops.convert_to_tensor(decoded)}
    value = term.value(model, Batch(0 * target, target, None, mask), outputs, True)
    return ops.convert_to_numpy(value)


def test_the_term_compares_the_target_with_the_likelihoods_mean() -> None:
    target, decoded = pictures(3, 12, 12, 1), RNG.normal(size=(3, 12, 12, 1)).astype("float32")
    wanted = 1 - ms_ssim(target, decoded, 5, 2)
    assert close(term_value(Gaussian(), decoded, target), wanted)
    wanted = 1 - ms_ssim(target, 1 / (1 + np.exp(-decoded)), 5, 2)
    assert close(term_value(Bernoulli(), decoded, target), wanted)


@pytest.mark.parametrize("axes", [2, 3])
def test_missing_entries_are_0_in_both_pictures(axes: int) -> None:
    target, decoded = pictures(3, 12, 12, 2), pictures(3, 12, 12, 2)
    mask = (RNG.random((3, 12, 12, 2)[: axes + 1]) > 0.3).astype("float32")
    kept = mask.reshape(*mask.shape, *(1,) * (3 - axes))
    wanted = 1 - ms_ssim(target * kept, decoded * kept, 5, 2)
    assert close(term_value(Gaussian(), decoded, target, mask), wanted)
    assert (term_value(Gaussian(), decoded, target, 0 * mask) == 0).all()


def make(input_shape: tuple[int, ...] = (16, 16, 1), **options: Any) -> Any:
    options = {"latent_dim": 2, "hidden": [4], **options}
    return keras_ae.create("ms_ssim_vae", input_shape=input_shape, **options)


def test_a_score_has_the_similarity_with_its_weight() -> None:
    x = pictures(4, 16, 16, 1)
    model = make(weight=30.0)
    wanted = 30 * error(x, model.reconstruct(x))
    outputs = model(x)
    kl = ops.convert_to_numpy(model.objective[1].value(model, model.batch(x), outputs, False))
    np.testing.assert_allclose(model.score(x), wanted + kl, rtol=1e-5)
    warm = make(weight=LinearWarmup(10, start=7.0, end=9.0))
    warm.set_weights(model.get_weights())
    np.testing.assert_allclose(warm.score(x), wanted * 7 / 30 + kl, rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"input_shape": (10, 16, 1)}, "at least 11 pixels on each side.*smaller `window_size`"),
        ({"scales": 2}, "at least 22 pixels.*at 2 scales.*or fewer `scales`"),
        ({"input_shape": (16, 16)}, r"\(height, width, channels\).*grey pictures have 1"),
        ({"input_shape": (64,)}, r"\(height, width, channels\).*Reshape the data"),
        ({"window_size": 1}, "`window_size` must be at least 2"),
        ({"window_size": 2.5}, "`window_size` must be a whole number"),
        ({"scales": 6}, "`scales` must be at most 5"),
        ({"scales": 0}, "`scales` must be a whole number of at least 1"),
        ({"data_range": 0.0}, "`data_range` must be a positive number"),
    ],
)
def test_what_cannot_be_compared_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(**options)
