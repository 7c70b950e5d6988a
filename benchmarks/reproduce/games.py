"""Whether games survive, at once and in turn: `python -m benchmarks.reproduce.games`."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.reproduce.common import Case, Experiment, Run, main

VARIANTS = (
    "adversarial_autoencoder",
    "wae_gan",
    "factor_vae",
    "vae_gan",
    "bigan",
    "soft_intro_vae",
)


def measure(run: Run, options: argparse.Namespace, variant: str, alternate: bool) -> None:
    """Train a game; say what became of reconstructions, codes and samples.

    Raises:
        FloatingPointError: A loss was not finite.
    """
    import keras

    import keras_ae
    from benchmarks.reproduce import data
    from benchmarks.reproduce.features import features
    from keras_ae.metrics import frechet_distance

    x_train, x_test = data.grey(options.rows, options.test_rows)
    model = keras_ae.create(
        variant,
        input_shape=(data.PIXELS,),
        hidden=[256],
        latent_dim=16,
        likelihood="bernoulli",
        alternate=alternate,
    )
    model.compile(keras.optimizers.Adam(1e-3))
    before = _squared_error(model, x_test)
    run.fit(model, x_train, options)
    if not all(np.isfinite(values).all() for values in run.history.values()):
        raise FloatingPointError(f"{variant} diverged in seed {run.seed}: {run.history}")
    with run.timed("evaluation"):
        after = _squared_error(model, x_test)
        run.figures["squared_error"] = after
        run.figures["share_of_untrained"] = after / before
        run.figures["code_variance"] = float(model.encode(x_test).var(0).mean())
        drawn = model.sample(len(x_test), seed=run.seed)
        run.figures["sample_variance"] = float(drawn.var(0).sum())
        run.figures["distance"] = frechet_distance(features(drawn), features(x_test))


def _squared_error(model: Any, x: np.ndarray) -> float:
    return float(((model.reconstruct(x) - x) ** 2).sum(1).mean())


def cases() -> Iterator[Case]:
    """Yield both forms of each game."""
    for variant in VARIANTS:
        for alternate, form in ((False, "at once"), (True, "in turn")):
            chosen = functools.partial(measure, variant=variant, alternate=alternate)
            yield Case(f"{variant}_{form.replace(' ', '_')}", f"`{variant}`, {form}", chosen)


EXPERIMENT = Experiment(
    "games",
    "Games at once and in turn",
    "784-256-16 and back, ReLU, Adam 1e-3, batch 128, grey MNIST, every variant with its own "
    "defaults otherwise, trained by one gradient of the summed loss or, `alternate=True`, in "
    "phases. A training whose loss is not finite ends the script.",
    {
        "squared_error": "squared error of reconstructed test images, summed over pixels",
        "share_of_untrained": "the same as a share of the untrained model's",
        "code_variance": "mean variance of a code's numbers over the test images; 0 is collapse",
        "sample_variance": "variance of the samples' pixels, summed; that of the test images is 53",
        "distance": "Frechet distance of the features of a small classifier of digits from those "
        "of the test images, as for new digits above",
    },
    tuple(cases()),
    ("Defaults are not tuned for this network, and the papers' are convolutional.",),
    epochs=20,
    batch_size=128,
)

if __name__ == "__main__":
    main(EXPERIMENT)
