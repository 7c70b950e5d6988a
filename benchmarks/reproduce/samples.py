"""New digits of every variant that generates: `python -m benchmarks.reproduce.samples`."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.reproduce.common import Case, Experiment, Run, main

SIZE = 16
BERNOULLI: dict[str, Any] = {"latent_dim": SIZE, "likelihood": "bernoulli"}
MIXTURE: dict[str, Any] = {"sampler": "gaussian_mixture"}
VARIANTS: dict[str, dict[str, Any]] = {
    "vae": BERNOULLI,
    "vae_mixture": {**BERNOULLI, "variant": "vae", **MIXTURE},
    "beta_vae": {**BERNOULLI, "beta": 0.5},
    "sigma_vae": {"latent_dim": SIZE},
    "capacity_vae": {**BERNOULLI, "capacity": 25.0, "warmup_steps": 2_345},
    "beta_tc_vae": {**BERNOULLI, "dataset_size": 60_000},
    "dip_vae": BERNOULLI,
    "info_vae": BERNOULLI,
    "iwae": {**BERNOULLI, "samples": 5},
    "miwae": {**BERNOULLI, "samples": 4, "estimates": 2},
    "piwae": {**BERNOULLI, "samples": 4, "estimates": 2},
    "ciwae": {**BERNOULLI, "samples": 5},
    "vamp_vae": {**BERNOULLI, "components": 100},
    "mixture_vae": {**BERNOULLI, "components": 20},
    "vade": {**BERNOULLI, "components": 20, "pretrain_epochs": 2},
    "flow_posterior_vae": BERNOULLI,
    "iaf_vae": BERNOULLI,
    "flow_prior_vae": BERNOULLI,
    "categorical_vae": {**BERNOULLI, "categories": 10},
    "bernoulli_vae": {**BERNOULLI, "latent_dim": 64},
    "joint_vae": BERNOULLI,
    "hyperspherical_vae": BERNOULLI,
    "poincare_vae": BERNOULLI,
    "hamiltonian_vae": BERNOULLI,
    "two_stage_vae": {"latent_dim": SIZE},
    "conditional_vae": {**BERNOULLI, "condition": {"name": "label", "categories": 10}},
    "wae_mmd": BERNOULLI,
    "sliced_wae": BERNOULLI,
    "sinkhorn_autoencoder": BERNOULLI,
    "cramer_wold_autoencoder": BERNOULLI,
    "autoencoder": {**BERNOULLI, **MIXTURE},
    "rae_l2": {**BERNOULLI, **MIXTURE},
    "rae_gp": {**BERNOULLI, **MIXTURE},
    "rae_sn": {**BERNOULLI, **MIXTURE},
    "irmae": {**BERNOULLI, **MIXTURE},
    "adversarial_autoencoder": BERNOULLI,
    "wae_gan": BERNOULLI,
    "factor_vae": BERNOULLI,
    "vae_gan": BERNOULLI,
    "bigan": BERNOULLI,
    "soft_intro_vae": BERNOULLI,
}
"""Row -> options of a variant, whose name it is but where `variant` says another."""


def measure(run: Run, options: argparse.Namespace, name: str, **choices: Any) -> None:
    """Train a variant, draw as many digits as there are test images, and compare features."""
    import keras

    import keras_ae
    from benchmarks.reproduce import data
    from benchmarks.reproduce.features import features
    from keras_ae import datasets, samplers
    from keras_ae.metrics import frechet_distance, maximum_mean_discrepancy

    x_train, x_test = data.grey(options.rows, options.test_rows)
    sampler, variant = choices.pop("sampler", None), choices.pop("variant", name)
    model = keras_ae.create(variant, input_shape=(data.PIXELS,), hidden=[256], **choices)
    model.compile(keras.optimizers.Adam(1e-3))
    rows, asked, given = x_train, {}, x_test
    if model.condition is not None:
        found = datasets.load("mnist")
        rows = {"x": x_train, "condition": found.y_train[: len(x_train)]}
        asked = {"condition": found.y_test[: len(x_test)]}
        given = {"x": x_test, **asked}
    run.fit(model, rows, options)
    with run.timed("evaluation"):
        if sampler is not None:
            samplers.get(sampler).fit(model, rows)
        drawn = model.sample(len(x_test), seed=run.seed, **asked)
        run.figures["distance"] = frechet_distance(features(drawn), features(x_test))
        again = model.reconstruct(given)
        run.figures["squared_error"] = float(((again - x_test) ** 2).sum(1).mean())
        codes = model.encode(given).reshape(len(x_test), -1)
        normal = np.random.default_rng(run.seed).normal(size=codes.shape)
        run.figures["mismatch"] = maximum_mean_discrepancy(codes, normal)


def cases() -> Iterator[Case]:
    """Yield a row for each variant that generates."""
    for name, choices in VARIANTS.items():
        title = f"`{choices.get('variant', name)}`"
        title += " with a mixture fitted afterwards" if "sampler" in choices else ""
        yield Case(name, title, functools.partial(measure, name=name, **choices))


EXPERIMENT = Experiment(
    "samples",
    "New digits",
    "784-256-16 and back, ReLU, Adam 1e-3, batch 128, grey MNIST, every variant with its own "
    "defaults otherwise. 10,000 means E[x | z] at codes of the prior, or of a mixture of 10 "
    "normals fitted to the codes, beside the 10,000 test images.",
    {
        "distance": "Frechet distance of the features of a small classifier of digits, whose "
        "weights are `benchmarks/reproduce/digit_features.npz` (no FID, which is another's)",
        "squared_error": "squared error of reconstructed test images, summed over pixels",
        "mismatch": "squared maximum mean discrepancy of the test images' codes from N(0, I), "
        "inverse multiquadric of scale 1; of other priors' codes it says nothing",
    },
    tuple(cases()),
    (
        "Defaults are not tuned for this network; that would be another table. The capacity VAE's "
        "rise takes half of this training, where its default would not have begun.",
        "Seconds compare little: most rows ran on one core beside other work, some on two.",
        "Pictures by structure or features (`ms_ssim_vae`, `perceptual_vae`, `autoencoder_kl`) and "
        "the Riemannian VAE, which keeps a metric of all rows, are left out, the hierarchies "
        "(`hierarchical_vae`, `ladder_vae`), of which a table is their own, and the structured "
        "variants, whose data are others.",
    ),
    epochs=10,
    batch_size=128,
)

if __name__ == "__main__":
    main(EXPERIMENT)
