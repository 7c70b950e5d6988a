"""The local server: KServe's REST and gRPC over the versions of a model repository."""

from __future__ import annotations

import asyncio
import gc
import importlib
import logging
import signal
import socket
import sys
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from keras_ae.serving.watching import Watcher

GRACE = 30
"""Seconds that requests in flight have to end."""


@dataclass(frozen=True)
class Address:
    """Where the server listens, and how much it takes.

    Args:
        host: Interface; "0.0.0.0" is all of them. There is no authentication.
        port: Of REST.
        grpc_port: Of gRPC.
        threads: Requests that are computed at once.
        most_bytes: Size of a request, and of an answer's tensors, at most.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    grpc_port: int = 8081
    threads: int = 4
    most_bytes: int = 64 * 2**20


def serve(root: Path, at: Address, poll: float, tell: Callable[[str], None]) -> None:
    """Serve a model repository until SIGTERM or SIGINT; then finish what is in flight.

    Args:
        root: The repository.
        at: Where to listen.
        poll: Seconds between two looks at the folder.
        tell: Is told in a line what happens.

    Raises:
        ImportError: KServe or TensorFlow is not installed.
        OSError: A port is taken.
        ValueError: The folder is none, or no version in it can be served.
    """
    import_kserve()
    for port in (at.port, at.grpc_port):
        _check_free(at.host, port)
    if not root.is_dir():
        raise ValueError(f"a model repository must be a folder. Received: {root}")
    watcher = Watcher(root, tell, at.most_bytes)
    watcher.scan()
    if not watcher.versions:
        raise ValueError(
            f"a model repository must hold NAME/VERSION/saved_model.pb. Received: {root}, "
            "in which no version can be served. Write one: keras-ae export RUN --to ROOT"
        )
    gc.collect()
    gc.freeze()  # what is there stays: looking through it again would halt all for long
    asyncio.run(_serve(watcher, at, poll, tell))


def import_kserve() -> None:
    """Import KServe's application.

    Raises:
        ImportError: It is not installed.
    """
    warnings.filterwarnings("ignore", message="ORJSONResponse is deprecated")
    arguments = sys.argv
    sys.argv = arguments[:1]  # it reads options of its own from the command line
    try:
        importlib.import_module("kserve.model_server")
    except ImportError as error:
        raise ImportError(
            f"serving needs KServe. Received: {error}. "
            "Run: pip install 'keras-ae[tensorflow-cpu,serve]'"
        ) from error
    finally:
        sys.argv = arguments


async def _serve(watcher: Watcher, at: Address, poll: float, tell: Callable[[str], None]) -> None:
    from keras_ae.serving import kserve_parts as parts

    loop = asyncio.get_running_loop()
    computing = ThreadPoolExecutor(at.threads, thread_name_prefix="compute")
    looking = ThreadPoolExecutor(1, thread_name_prefix="look")
    registry = parts.Registry()
    registry.show(watcher.names(), computing)
    plane = parts.CheckedDataPlane(model_registry=registry)
    rest = parts.rest_server(plane, registry, at)
    grpc_server = parts.grpc_server(plane, registry, at)
    stopped = asyncio.Event()
    for which in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(which, stopped.set)
    _quiet()
    await grpc_server.start()
    answering = asyncio.create_task(rest.start())
    while not (rest.has_started() or answering.done()):
        await asyncio.sleep(0.01)
    tell(f"listening on http://{at.host}:{at.port} and grpc://{at.host}:{at.grpc_port}")
    ended = asyncio.create_task(stopped.wait())
    while not (ended.done() or answering.done()):
        await asyncio.wait({ended, answering}, timeout=poll, return_when="FIRST_COMPLETED")
        if ended.done() or answering.done():
            break
        look = loop.run_in_executor(looking, watcher.scan)
        await asyncio.wait({ended, answering, look}, return_when="FIRST_COMPLETED")
        if look.done() and look.result():
            registry.show(watcher.names(), computing)
    ended.cancel()
    tell("stopping: requests in flight are answered first")
    looking.shutdown(wait=False, cancel_futures=True)
    await asyncio.gather(grpc_server.stop(GRACE), rest.end())
    await answering
    computing.shutdown()


def _check_free(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError as error:
            raise OSError(
                f"a port must be free. Received: {host}:{port} ({error.strerror}). Choose others "
                "with --port and --grpc-port."
            ) from error


def _quiet() -> None:
    """Leave out the notes on each request, and on those that were refused with a message."""
    from kserve import errors
    from kserve.logging import logger

    said = (errors.InvalidInput, errors.ModelNotFound, errors.ModelNotReady)

    def is_news(record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        return not isinstance(error, said)

    logger.setLevel(logging.WARNING)
    logger.addFilter(is_news)
    for name in ("uvicorn.access", "uvicorn", "kserve_trace"):
        logging.getLogger(name).setLevel(logging.WARNING)
