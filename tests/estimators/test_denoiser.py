from __future__ import annotations

import numpy as np

from keras_ae.estimators import Denoiser
from tests.estimators.tables import people


def test_noise_is_taken_away_from_rows_that_training_has_not_seen() -> None:
    made = Denoiser(latent_dim=2, epochs=60, random_state=0).fit(people())
    clean = people(200, 1)
    noisy = clean.assign(age=clean["age"] + np.random.default_rng(2).normal(0, 10, 200).round())
    restored = made.transform(noisy)
    before = ((noisy["age"] - clean["age"]) ** 2).mean()
    assert ((restored["age"] - clean["age"]) ** 2).mean() < 0.7 * before
    assert restored.dtypes.tolist() == clean.dtypes.tolist()
    assert made.get_feature_names_out().tolist() == clean.columns.tolist()


def test_the_corruption_is_the_models() -> None:
    made = Denoiser(epochs=1, random_state=0, corruption={"name": "feature_mask", "rate": 0.3})
    assert type(made.fit(people()).model_.corruption).__name__ == "FeatureMask"
