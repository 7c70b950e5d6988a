"""The client: a served model as functions of arrays, whichever server and protocol."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import numpy as np

from keras_ae.serving import protocols
from keras_ae.serving.errors import ServingError


class Client:
    """A model on a server: TensorFlow Serving, KServe, or `keras-ae serve`.

    Inputs are arrays of any number of rows, `condition` one of labels or of vectors, with one for
    each row; results are NumPy arrays. It may be used by one thread at a time and is closed by
    `with` or `close()`.

    Args:
        url: `http://host:port`, or `grpc://host:port` for gRPC.
        model: The model's name.
        protocol: "v2", the Open Inference Protocol, or "tfs", TensorFlow Serving's.
        version: The version; the server's choice when None.
        label: A version by its label.
        timeout: Seconds to wait for an answer.

    Raises:
        ImportError: A package that the protocol needs is not installed.
        ValueError: The protocol or the address is unknown, or both version and label are given.

    Example:
        >>> client = Client("http://localhost:8080", "my_vae", version=1)
        >>> client.model["version"]
        1
    """

    def __init__(
        self,
        url: str,
        model: str,
        *,
        protocol: str = "v2",
        version: int | None = None,
        label: str | None = None,
        timeout: float = 30.0,
    ) -> None:
        if version is not None and label is not None:
            raise ValueError(
                "a version must be named by its number or by a label. "
                f"Received: version={version}, label={label!r}"
            )
        self.model: dict[str, Any] = {"name": model, "version": version, "label": label}
        self._speaker = protocols.get(url, protocol, timeout)

    def reconstruct(self, x: Any, condition: Any = None) -> np.ndarray:
        """Return reconstructions of rows in data units."""
        return self._one("serving_default", "reconstruction", x=x, condition=condition)

    def encode(self, x: Any, condition: Any = None) -> np.ndarray:
        """Return the codes of rows."""
        return self._one("encode", "latent", x=x, condition=condition)

    def decode(self, latent: Any, condition: Any = None) -> np.ndarray:
        """Return what codes stand for, in data units."""
        return self._one("decode", "reconstruction", latent=latent, condition=condition)

    def score(self, x: Any, condition: Any = None) -> np.ndarray:
        """Return the anomaly score of each row, nats; higher is more anomalous."""
        return self._one("score", "score", x=x, condition=condition)

    def sample(self, noise: Any, condition: Any = None) -> np.ndarray:
        """Return the examples that noise from N(0, 1) stands for."""
        return self._one("sample", "sample", noise=noise, condition=condition)

    def responsibilities(self, x: Any, condition: Any = None) -> np.ndarray:
        """Return the probability of each of a mixture's components at the code of each row."""
        return self._one("responsibilities", "responsibilities", x=x, condition=condition)

    def class_probabilities(self, x: Any) -> np.ndarray:
        """Return the probability of each class of a model that classifies, for rows."""
        return self._one("class_probabilities", "class_probabilities", x=x)

    def encode_indices(self, x: Any, condition: Any = None) -> np.ndarray:
        """Return the numbers of the codes of rows, int32."""
        return self._one("encode_indices", "indices", x=x, condition=condition).astype("int32")

    def decode_indices(self, indices: Any, condition: Any = None) -> np.ndarray:
        """Return what the codes of these numbers stand for, in data units."""
        given = np.asarray(indices, "int32")
        return self._one("decode_indices", "reconstruction", indices=given, condition=condition)

    def predict(self, signature: str, **inputs: Any) -> dict[str, np.ndarray]:
        """Return all outputs of any signature by name.

        Args:
            signature: Its name.
            **inputs: Its inputs by name; single whole numbers, and arrays of int32, are int32;
                all else is float32.

        Raises:
            ServingError: The server does not answer, or refuses.
        """
        arrays = {name: _array(value) for name, value in inputs.items() if value is not None}
        found = self._speaker.call(self.model, signature, arrays)
        return {name: _result(value) for name, value in found.items()}

    def metadata(self) -> Any:
        """Return what the server says of the model, in its protocol's form."""
        return self._speaker.metadata(self.model)

    def is_ready(self) -> bool:
        """Return whether the server offers the model."""
        return bool(self._speaker.is_ready(self.model))

    def close(self) -> None:
        """Close the connection."""
        self._speaker.close()

    def __enter__(self) -> Self:
        """Return the client itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connection."""
        self.close()

    def _one(self, signature: str, output: str, condition: Any = None, **inputs: Any) -> np.ndarray:
        told = None if condition is None else _condition(condition)
        found = self.predict(signature, **inputs, condition=told)
        result = found.get(output, found.get(""))  # JSON leaves out the name of a single output
        if result is None:
            raise ServingError(
                "unexpected", f"{signature!r} must answer {output!r}. Received: {sorted(found)}"
            )
        return result


def _condition(value: Any) -> np.ndarray:
    """Return labels `(rows,)` as int32, and vectors as they are."""
    array = np.asarray(value)
    return array.astype("int32") if array.ndim == 1 and (array % 1 == 0).all() else array


def _array(value: Any) -> np.ndarray:
    array = np.asarray(value)
    is_count = array.ndim == 0 and array.dtype.kind in "iu"
    return array.astype("int32" if array.dtype == "int32" or is_count else "float32")


def _result(value: Any) -> np.ndarray:
    return value if isinstance(value, np.ndarray) else np.asarray(value, "float32")
