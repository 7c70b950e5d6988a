"""VaDE's clusters of MNIST: `python -m benchmarks.reproduce.vade`."""

from __future__ import annotations

import argparse

import numpy as np

from benchmarks.reproduce.common import Case, Experiment, Published, Run, main
from benchmarks.reproduce.schedules import steps

SOURCE = "https://arxiv.org/abs/1611.05148"
CLUSTERS = 10
FIRST_RATE, LEAST_RATE, FALL, EPOCHS_EACH = 2e-3, 2e-4, 0.9, 10


def measure(run: Run, options: argparse.Namespace) -> None:
    """Train without labels, then compare the clusters with them."""
    import keras
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    import keras_ae
    from benchmarks.reproduce import data

    images, labels = data.all_digits(options.rows)
    x = images.reshape(len(images), -1)
    model = keras_ae.create(
        "vade",
        input_shape=(data.PIXELS,),
        latent_dim=10,
        components=CLUSTERS,
        pretrain_epochs=options.pretrain_epochs,
        hidden=[500, 500, 2000],
        likelihood="bernoulli",
    )
    rates = learning_rates()
    each = EPOCHS_EACH * -(-len(x) // options.batch_size)
    rate = steps(rates, [each] * len(rates))
    model.compile(keras.optimizers.Adam(rate, epsilon=1e-4))
    run.fit(model, x, options)
    with run.timed("evaluation"):
        clusters = np.asarray(model.responsibilities(x)).argmax(axis=-1)
    run.figures["accuracy"] = accuracy(clusters, labels)
    run.figures["nmi"] = normalized_mutual_info_score(labels, clusters)
    run.figures["ari"] = adjusted_rand_score(labels, clusters)


def accuracy(clusters: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of rows that are right when each cluster is given the label that suits all.

    No two clusters have one label: the Hungarian method finds the assignment of the most rows.

    Args:
        clusters: Number of each row's cluster, `(rows,)`.
        labels: Number of its class.
    """
    from scipy.optimize import linear_sum_assignment

    counts = np.zeros((clusters.max() + 1, labels.max() + 1), "int64")
    np.add.at(counts, (clusters, labels), 1)
    return float(counts[linear_sum_assignment(counts, maximize=True)].sum() / len(labels))


def learning_rates() -> list[float]:
    """Return the rate of each ten epochs: nine tenths of the one before, down to 0.0002."""
    rates = [FIRST_RATE]
    while rates[-1] > LEAST_RATE:
        rates.append(max(LEAST_RATE, FALL * rates[-1]))
    return rates


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the epochs before."""
    parser.add_argument(
        "--pretrain-epochs", type=int, default=20, help="epochs as an autoencoder before"
    )


EXPERIMENT = Experiment(
    "vade",
    "VaDE: clusters of digits",
    "All 70,000 digits without their labels, 784-500-500-2000-10 and back, ten components, batch "
    "100, Adam from 2e-3, which falls by a tenth every ten epochs. A row's cluster is its largest "
    "responsibility.",
    {
        "accuracy": "share of the 70,000 rows that are right, clusters assigned by the Hungarian "
        "method",
        "nmi": "normalised mutual information with the labels",
        "ari": "adjusted Rand index with the labels",
    },
    (
        Case(
            "vade",
            "VaDE, 10 components",
            measure,
            (Published("accuracy", 0.9446, SOURCE, epochs=3_000, note="their best"),),
        ),
    ),
    (
        "The authors start from the weights of a stacked autoencoder that they trained layer by "
        "layer, and publish the best of several trainings; ours is one, from its own pretraining.",
        "The authors' mixture has an optimizer of its own, with the same rates.",
    ),
    epochs=30,
    batch_size=100,
    higher=("accuracy", "nmi", "ari"),
    seeds=(0,),
    options=add_options,
)

if __name__ == "__main__":
    main(EXPERIMENT)
