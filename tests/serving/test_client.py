from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from keras_ae.serving import Client, ServingError
from tests.serving import stub

ROOT = Path(__file__).parents[2]
VERSION = ROOT / "saved_models" / "digits_vae" / "1"

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="a client is the same on every backend"
)


@pytest.fixture(scope="module")
def kept() -> dict[str, np.ndarray]:
    with np.load(ROOT / "tests" / "compatibility" / "digits_vae_1.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def addresses() -> Iterator[dict[str, str]]:
    with stub.running(VERSION, {"stable": 1}) as (rest, grpc):
        yield {"http": rest, "grpc": grpc}


@pytest.fixture(params=["http", "grpc"])
def client(addresses: dict[str, str], request: Any) -> Iterator[Client]:
    with Client(addresses[request.param], "digits_vae", protocol="tfs") as made:
        yield made


def test_every_method_gives_what_the_model_gave(
    client: Client, kept: dict[str, np.ndarray]
) -> None:
    x = kept["x"]
    for found, name in [
        (client.encode(x), "latent"),
        (client.reconstruct(x), "reconstruction"),
        (client.decode(kept["latent"]), "reconstruction"),
        (client.score(x), "score"),
    ]:
        assert found.dtype == "float32"
        np.testing.assert_allclose(found, kept[name], rtol=1e-5, atol=1e-5)


def test_any_signature_by_its_name(client: Client, kept: dict[str, np.ndarray]) -> None:
    found = client.predict("encode", x=kept["x"][:1].astype("float64"))
    assert len(found) == 1
    assert next(iter(found.values())).shape == (1, 8)


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_a_version_or_a_label_may_be_named(addresses: dict[str, str], scheme: str) -> None:
    x = np.zeros((1, 8, 8, 1))
    for which, there in [
        ({"version": 1}, True),
        ({"label": "stable"}, True),
        ({"version": 2}, False),
        ({"label": "canary"}, False),
    ]:
        with Client(addresses[scheme], "digits_vae", protocol="tfs", **which) as client:  # type: ignore[arg-type]
            assert client.is_ready() == there
            if there:
                assert client.score(x).shape == (1,)
            else:
                with pytest.raises(ServingError, match="Servable not found") as caught:
                    client.score(x)
                assert caught.value.status in (404, "NOT_FOUND")


def test_metadata_is_the_servers(client: Client, addresses: dict[str, str]) -> None:
    found = client.metadata()
    if "model_spec" in found:
        assert found["model_spec"] == {"name": "digits_vae", "version": "1"}
    else:
        assert found["encode"]["inputs"]["x"]["shape"] == [-1, 8, 8, 1]


def test_a_refusal_has_the_servers_message(client: Client) -> None:
    with pytest.raises(ServingError) as caught:
        client.encode(np.zeros((2, 8, 7, 1)))
    assert caught.value.status in (400, "INVALID_ARGUMENT")
    assert "7" in str(caught.value)


@pytest.mark.parametrize("protocol", ["tfs", "v2"])
@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_a_server_that_is_not_there_is_named(protocol: str, scheme: str) -> None:
    with Client(f"{scheme}://127.0.0.1:1", "ae", protocol=protocol, timeout=2) as client:
        assert not client.is_ready()
        with pytest.raises(ServingError, match=r"a server must answer.*127.0.0.1:1") as caught:
            client.encode(np.zeros((1, 2)))
        assert caught.value.status == "unreachable"


def test_what_cannot_be_asked_is_refused() -> None:
    with pytest.raises(ValueError, match="must begin with http://, https:// or grpc://"):
        Client("localhost:8080", "ae")
    with pytest.raises(ValueError, match=r"`protocol` must be one of \['tfs', 'v2'\]"):
        Client("http://localhost:8080", "ae", protocol="v3")
    with pytest.raises(ValueError, match="by its number or by a label"):
        Client("http://localhost:8080", "ae", version=1, label="stable")
