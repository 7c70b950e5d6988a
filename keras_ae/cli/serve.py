"""Serving from the command line."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import click

MEGABYTE = 2**20


@click.command()
@click.argument("root")
@click.option("--host", default="127.0.0.1", help="Interface to listen on.  [127.0.0.1]")
@click.option("--port", type=int, default=8080, help="Port of REST.  [8080]")
@click.option("--grpc-port", type=int, default=8081, help="Port of gRPC.  [8081]")
@click.option("--threads", type=int, help="Requests computed at once.  [the machine's cores]")
@click.option("--poll", type=float, default=2.0, help="Seconds between looks for versions.  [2]")
@click.option("--max-megabytes", type=float, default=64.0, help="Largest request.  [64]")
def serve(
    root: str,
    host: str,
    port: int,
    grpc_port: int,
    threads: int | None,
    poll: float,
    max_megabytes: float,
) -> None:
    """Serve all models and versions of a repository over REST and gRPC, until Ctrl-C."""
    for name, value in (("poll", poll), ("max-megabytes", max_megabytes), ("threads", threads)):
        if value is not None and not value > 0:
            raise ValueError(f"`--{name}` must be above 0. Received: {value}")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from keras_ae.backend.quiet import import_tensorflow
    from keras_ae.serving import engine

    import_tensorflow()
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    at = engine.Address(
        host,
        port,
        grpc_port,
        threads=threads or os.cpu_count() or 1,
        most_bytes=int(max_megabytes * MEGABYTE),
    )
    engine.serve(Path(root), at, poll, lambda line: click.echo(line, err=True))
