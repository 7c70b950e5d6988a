"""Words of newsgroups: `python -m benchmarks.reproduce.documents`."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.special import gammaln, logsumexp

from benchmarks.reproduce.common import Case, Experiment, Run, main

WORDS, TRAINED, TOPICS, SAMPLES = 2_000, 11_269, 50, 100
SHOWN, TOP = 12, 8


def newsgroups() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return counts of the commonest words in training and test documents, and the words.

    Documents without any of the words are left out.
    """
    from benchmarks.reproduce import data

    parts = data.stored("text_20newsgroups", "20newsgroups_bow5000.npz")
    x = data.dense(parts)
    chosen = np.sort(np.argsort((x[:TRAINED] > 0).sum(0))[::-1][:WORDS])
    train, test = x[:TRAINED, chosen], x[TRAINED:, chosen]
    return train[train.sum(1) > 0], test[test.sum(1) > 0], parts["vocab"][chosen]


def perplexity(log_prob: np.ndarray, counts: np.ndarray) -> float:
    """Return exp(-mean log-probability of a word), of documents whose order of words is known.

    Args:
        log_prob: Of the documents' counts, their multinomial coefficients included, `(rows,)`.
        counts: The documents.
    """
    ordered = log_prob - gammaln(counts.sum(1) + 1) + gammaln(counts + 1).sum(1)
    return float(np.exp(-ordered.sum() / counts.sum()))


def measure(run: Run, options: argparse.Namespace, kind: str) -> None:
    """Train on the training documents; perplexity of the test documents."""
    train, test, words = newsgroups()
    train, test = train[: options.rows], test[: options.test_rows]
    if kind == "unigram":
        shares = (train.sum(0) + 1.0) / (train.sum() + WORDS)
        run.figures["perplexity"] = float(np.exp(-(test @ np.log(shares)).sum() / test.sum()))
    elif kind == "lda":
        from sklearn.decomposition import LatentDirichletAllocation

        with run.timed("training"):
            # The best of what was tried, by this very figure.
            model = LatentDirichletAllocation(
                TOPICS,
                doc_topic_prior=0.1,
                topic_word_prior=0.01,
                max_iter=50,
                random_state=run.seed,
            ).fit(train)
        with run.timed("bounds"):
            bound = bound_of_topics(model, test, SAMPLES, run.seed)
        run.figures["perplexity"] = float(np.exp(-bound.sum() / test.sum()))
    else:
        model = trained(run, options, train, kind)
        with run.timed("bounds"):
            bound = model.log_prob(test, SAMPLES)
        run.figures["perplexity"] = perplexity(bound, test)
        if kind == "linear":
            run.remarks = top_words(model, train, words)


def bound_of_topics(model: Any, counts: np.ndarray, samples: int, seed: int) -> np.ndarray:
    """Return a bound on log p of each document's words, `(rows,)`: the same kind as a VAE's.

    Shares of topics are drawn from the model's own posterior q, a Dirichlet distribution, and
    weighed by p / q. scikit-learn's `perplexity` charges the test documents for the topics as well.

    Args:
        model: A fitted `LatentDirichletAllocation`.
        counts: The documents.
        samples: Draws for each document.
        seed: Of the draws.
    """
    rng = np.random.default_rng(seed)
    words = model.components_ / model.components_.sum(1, keepdims=True)
    prior = np.full(len(words), model.doc_topic_prior_)
    # q's parameters add up to the prior's and the document's words.
    posterior = model.transform(counts) * (prior.sum() + counts.sum(1, keepdims=True))
    weights = np.empty((samples, len(counts)))
    for draw in range(samples):
        # A gamma of shape a is one of shape a + 1 times u^(1 / a): logarithms stay finite.
        logs = np.log(rng.standard_gamma(posterior + 1)) + np.log(rng.random(posterior.shape)) / (
            posterior
        )
        logs -= logsumexp(logs, axis=1, keepdims=True)
        of_words = (counts * np.log(np.exp(logs) @ words)).sum(1)
        weights[draw] = of_words + dirichlet(logs, prior) - dirichlet(logs, posterior)
    return np.asarray(logsumexp(weights, axis=0) - np.log(samples))


def dirichlet(logs: np.ndarray, parameters: np.ndarray) -> np.ndarray:
    """Return log Dir(theta; parameters) of the logarithms of shares, of each row."""
    constant = gammaln(parameters.sum(-1)) - gammaln(parameters).sum(-1)
    return np.asarray(constant + ((parameters - 1) * logs).sum(-1))


def trained(run: Run, options: argparse.Namespace, train: np.ndarray, kind: str) -> Any:
    """Return a model whose decoder is linear (each code a direction among words) or deep."""
    import keras

    import keras_ae

    hidden = [] if kind == "linear" else [256]
    model = keras_ae.create(
        "multinomial_vae",
        input_shape=(train.shape[1],),
        latent_dim=TOPICS,
        beta=keras_ae.objectives.LinearWarmup(1_000),
        hidden=[256],
        decoder={"name": "mlp", "hidden": hidden},
    )
    model.compile(keras.optimizers.Adam(1e-3))
    run.fit(model, train, options)
    return model


def top_words(model: Any, x: np.ndarray, words: np.ndarray) -> list[str]:
    """Return the words that each of the most used latents makes likely, at either end.

    Args:
        model: One whose decoder is linear: log p(word) rises by its weight with the latent.
        x: Documents, by whose codes latents are in order: those that vary most first.
        words: The words.
    """
    import keras

    kernel = keras.ops.convert_to_numpy(model.decoder.get_layer("output").kernel)
    lines = []
    for latent in np.argsort(model.encode(x).var(0))[::-1][:SHOWN]:
        order = np.argsort(kernel[latent])
        ends = (", ".join(words[order[::step][:TOP]]) for step in (-1, 1))
        lines.append(" | ".join(ends))
    return lines


def cases() -> Iterator[Case]:
    """Yield the models."""
    titles = {
        "linear": "`multinomial_vae`, linear decoder",
        "deep": "`multinomial_vae`, one hidden layer",
        "lda": "latent Dirichlet allocation (scikit-learn)",
        "unigram": "one distribution of words for all",
    }
    for kind, title in titles.items():
        yield Case(kind, title, functools.partial(measure, kind=kind))


EXPERIMENT = Experiment(
    "documents",
    "Words of newsgroups",
    "20 newsgroups by date, the 2,000 commonest words but stop words, 11,269 documents to train on "
    "and the others to test; encoder 2,000-256-50, ReLU, Adam 1e-3, batch 128, the divergence's "
    "weight from 0 to 1 in 1,000 steps; 50 topics for LDA, 50 "
    "passes, priors 0.1 and 0.01.",
    {
        "perplexity": "exp(-log-probability of a word) in the test documents, by a bound of 100 "
        "samples, LDA's too: draws of its own posterior",
    },
    tuple(cases()),
    ("This list of words is nobody else's, so published perplexities cannot be compared.",),
    epochs=20,
    batch_size=128,
)

if __name__ == "__main__":
    main(EXPERIMENT)
