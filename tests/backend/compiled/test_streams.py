from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

import keras_ae
from keras_ae.backend import compiled
from keras_ae.backend.compiled.streams import Stream

BACKEND = keras.backend.backend()
RNG = np.random.default_rng(0)
X = RNG.random((75, 6)).astype("float32")  # nine batches of 8 and one of 3
WEIGHTS = RNG.random(75).astype("float32")
EPOCHS = 3


@pytest.fixture(autouse=True)
def _at_once_and_without_leftovers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let torch trace from the first step on, and see that no thread of ours is left."""
    if BACKEND == "torch":
        from keras_ae.backend.compiled import on_torch

        monkeypatch.setattr(on_torch, "WORTH_TRACING", 0)
    yield
    assert not [t for t in threading.enumerate() if "_read" in t.name]


@pytest.fixture
def not_resident(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every array for one that does not fit."""
    monkeypatch.setattr(compiled, "RESIDENT_BYTES", 0)


@pytest.fixture(params=["blocks", "single steps"])
def _form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run streams in blocks, and as what no block can run."""
    if request.param == "single steps":
        monkeypatch.setattr(compiled, "is_possible", lambda *_: False)


def make(name: str = "autoencoder", **options: Any) -> Any:
    keras.utils.set_random_seed(5)
    model = keras_ae.create(name, input_shape=(6,), latent_dim=2, hidden=[8], **options)
    model.compile(optimizer=keras.optimizers.Adam(0.01), metrics=["mse"])
    return model


def weights(model: Any) -> list[np.ndarray]:
    return [ops.convert_to_numpy(v).copy() for v in (*model.weights, *model.optimizer.variables)]


def steps_of(model: Any) -> int:
    return int(ops.convert_to_numpy(model.step))


def by_keras_on_tensorflow() -> bool:
    """Whether Keras's graph reads the stream, which counts the step at which it finds no more."""
    return BACKEND == "tensorflow" and not compiled.is_possible(make(), Stream(Rows()), 1)


def batches(y: bool = False) -> Iterator[Any]:
    for start in range(0, 75, 8):
        rows = slice(start, start + 8)
        yield (X[rows], 1 - X[rows], WEIGHTS[rows]) if y else (X[rows],)


@pytest.mark.parametrize("name", ["autoencoder", "vae"])
def test_arrays_that_do_not_fit_train_as_those_that_do(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"y": 1 - X, "sample_weight": WEIGHTS, "epochs": EPOCHS, "batch_size": 8, "verbose": 0}
    given["validation_split"] = 0.2
    model = make(name)
    wanted = model.fit(X, **given).history
    monkeypatch.setattr(compiled, "RESIDENT_BYTES", 0)
    streamed = make(name)
    for key, values in streamed.fit(X, **given).history.items():
        assert values == pytest.approx(wanted[key], rel=1e-6), key
    for a, b in zip(weights(streamed), weights(model), strict=True):
        np.testing.assert_array_equal(a, b)


def test_nothing_is_compiled_for_a_second_block_or_epoch(not_resident: None) -> None:
    model = make()
    model.fit(X, epochs=3, batch_size=8, verbose=0)
    kept = model.__dict__["_block_steps"][1]
    if BACKEND == "jax":
        # One program for whole batches, one for the rest.
        assert (kept.block._cache_size(), kept.one._cache_size()) == (1, 1)
    elif BACKEND == "tensorflow":
        assert kept.block.experimental_get_tracing_count() == 1
        assert kept.one.experimental_get_tracing_count() == 1
    else:
        assert len(kept.traces) == 2


def test_blocks_of_wide_rows_are_small(not_resident: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "BLOCK_BYTES", 8 * 6 * 4 * 3)
    data = keras_ae.datasets.ArrayBatches(X, batch_size=8)
    assert compiled.block_length(make(), Stream(data)) == 3
    assert compiled.block_length(make(), data) == 10


class Rows(keras.utils.PyDataset):
    """Notes what is asked of it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.calls: list[Any] = []

    def __len__(self) -> int:
        """Return the number of batches."""
        return 10

    def __getitem__(self, index: int) -> Any:
        """Return a batch."""
        self.calls.append(index)
        return (X[8 * index : 8 * index + 8],)

    def on_epoch_end(self) -> None:
        """Note the end of an epoch."""
        self.calls.append("end")


def sources() -> dict[str, Callable[[], Any]]:
    """The same batches as every kind of stream, with `steps_per_epoch` where it is needed."""
    import tensorflow as tf
    import torch

    def loader(**options: Any) -> Any:
        rows = torch.utils.data.TensorDataset(torch.tensor(X))
        return torch.utils.data.DataLoader(rows, batch_size=8, **options)

    dataset = tf.data.Dataset.from_tensor_slices(X).batch(8)
    return {
        "tf.data": lambda: dataset,
        "tf.data with prefetch": lambda: dataset.prefetch(2),
        "DataLoader": loader,
        "DataLoader with workers": lambda: loader(num_workers=1),
        "PyDataset": Rows,
        "generator": lambda: itertools.chain.from_iterable(batches() for _ in itertools.count()),
    }


def fit_stream(model: Any, kind: str, **options: Any) -> Any:
    data = sources()[kind]()
    if kind == "generator":
        data, options["steps_per_epoch"] = (batch for batch in data), 10
    return model.fit(data, epochs=EPOCHS, shuffle=False, verbose=0, **options).history


@pytest.mark.usefixtures("_form")
@pytest.mark.parametrize("kind", list(sources()))
def test_every_stream_trains_as_the_array_in_its_order_does(kind: str) -> None:
    if kind == "DataLoader with workers" and BACKEND == "jax":
        pytest.skip("JAX warns of forks")
    model, streamed = make(), make()
    given = {"batch_size": 8, "shuffle": False, "validation_data": X[:9], "verbose": 0}
    wanted = model.fit(X, epochs=EPOCHS, **given).history
    found = fit_stream(streamed, kind, validation_data=X[:9])
    for key, values in wanted.items():
        assert found[key] == pytest.approx(values, rel=1e-5), key
    for a, b in zip(weights(streamed), weights(model), strict=True):
        assert np.linalg.norm(a - b) <= 1e-4 * np.linalg.norm(b) + 1e-6


def test_workers_of_a_pydataset_read_it() -> None:
    model, data = make(), Rows(workers=2)
    history = model.fit(data, epochs=2, shuffle=False, verbose=0).history
    assert history["loss"][1] < history["loss"][0]
    assert steps_of(model) == 20


@pytest.mark.usefixtures("_form")
def test_targets_and_weights_come_through_a_stream() -> None:
    model, streamed = make(), make()
    given = {"batch_size": 8, "shuffle": False, "epochs": 1, "verbose": 0}
    wanted = model.fit(X, 1 - X, sample_weight=WEIGHTS, **given).history
    stream = batches(y=True)
    found = streamed.fit(stream, steps_per_epoch=10, epochs=1, verbose=0).history
    assert found["loss"] == pytest.approx(wanted["loss"], rel=1e-5)


@pytest.mark.usefixtures("_form")
def test_a_generator_goes_on_from_epoch_to_epoch_and_nothing_of_it_is_lost() -> None:
    taken = []
    stream = ((X[:8],) for n in itertools.count() if taken.append(n) is None)
    make().fit(stream, steps_per_epoch=7, epochs=3, verbose=0)
    assert len(taken) == 21 or by_keras_on_tensorflow()  # where Keras prefetches


@pytest.mark.usefixtures("_form")
def test_a_generator_that_runs_out_ends_the_training_with_kerass_warning() -> None:
    model = make()
    with pytest.warns(UserWarning, match="ran out of data"):
        model.fit(batches(), steps_per_epoch=20, epochs=1, verbose=0)
    assert steps_of(model) == 10 + by_keras_on_tensorflow()


@pytest.mark.usefixtures("_form")
def test_an_array_that_a_stream_fills_again_and_again_is_read_in_time() -> None:
    if by_keras_on_tensorflow():
        pytest.skip("Keras's graph reads ahead without a copy, now and then too late")

    class Reused(Rows):
        place = np.zeros((8, 6), "float32")

        def __getitem__(self, index: int) -> Any:
            self.place[...] = X[8 * (index % 9) :][:8]
            return (self.place,)

    model, streamed = make(), make()
    given = {"epochs": 1, "verbose": 0, "shuffle": False}
    wanted = model.fit(np.concatenate([X[:72], X[:8]]), batch_size=8, **given).history
    found = streamed.fit(Reused(), **given).history
    assert found["loss"] == pytest.approx(wanted["loss"], rel=1e-5)


@pytest.mark.usefixtures("_form")
def test_a_stream_of_unknown_length_is_read_to_its_end_in_each_epoch() -> None:
    import tensorflow as tf

    signature = (tf.TensorSpec((None, 6), "float32"),)
    model = make()
    with pytest.warns(UserWarning, match="ran out of data"):
        model.fit(
            tf.data.Dataset.from_generator(batches, output_signature=signature),
            epochs=2,
            verbose=0,
        )
    assert steps_of(model) == 20 + 2 * by_keras_on_tensorflow()


class Calls(keras.callbacks.Callback):
    """Notes the batches, and stops after one of them."""

    def __init__(self, stop_at: int | None = None) -> None:
        super().__init__()
        self.batches: list[int] = []
        self.stop_at = stop_at

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Note the number of the batch."""
        self.batches.append(batch)
        self.model.stop_training = batch == self.stop_at


def test_a_callback_for_batches_is_called_after_each_of_a_stream() -> None:
    calls = Calls()
    fit_stream(make(), "PyDataset", callbacks=[calls])
    assert calls.batches == 3 * list(range(10))


@pytest.mark.usefixtures("_form")
def test_a_training_that_is_stopped_leaves_no_thread() -> None:
    model = make()
    fit_stream(model, "generator", callbacks=[Calls(stop_at=2)])
    assert steps_of(model) == 3


@pytest.mark.usefixtures("_form")
@pytest.mark.parametrize("error", [KeyError, KeyboardInterrupt])
def test_what_a_stream_raises_is_raised_by_fit(error: type[BaseException]) -> None:
    def broken() -> Iterator[Any]:
        yield from itertools.islice(batches(), 5)
        raise error("of the stream")

    if by_keras_on_tensorflow():
        pytest.skip("Keras has TensorFlow read it")
    model = make()
    with pytest.raises(error, match="of the stream"):
        model.fit(broken(), steps_per_epoch=10, verbose=0)


@pytest.mark.usefixtures("_form")
def test_a_pydataset_is_told_when_an_epoch_ends_after_its_batches_were_read() -> None:
    data = Rows()
    model = make()
    model.fit(X[:8], verbose=0)  # builds the metrics, for which Keras looks at a batch
    model.fit(data, epochs=2, shuffle=False, verbose=0)
    assert data.calls[-11:] == [*range(10), "end"]
    assert data.calls[-22:-11] == [*range(10), "end"]


def test_batches_of_changing_sizes_train_in_their_order() -> None:
    cuts = [0, 8, 16, 19, 27, 35, 40, 48]
    parts = [(X[a:b],) for a, b in itertools.pairwise(cuts)]
    found = make()
    found.fit((part for part in parts), steps_per_epoch=7, verbose=0)
    wanted = make()
    for part in parts:
        wanted.train_on_batch(part[0])
    for a, b in zip(found.get_weights(), wanted.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_a_stream_longer_than_its_epochs_goes_on_and_keras_counts_as_before() -> None:
    data = Rows()
    model = make()
    model.fit(data, steps_per_epoch=5, epochs=4, shuffle=False, verbose=0)
    assert steps_of(model) == 20
    assert [c for c in data.calls if c != "end"][-20:] == [*range(10), *range(10)]


def test_a_stream_says_how_large_its_batches_are() -> None:
    kinds = {
        kind: Stream(make_it()).batch_size
        for kind, make_it in sources().items()
        if "PyDataset" not in kind and kind != "generator"
    }
    assert set(kinds.values()) == {8}
    assert Stream(batches()).batch_size == 8
