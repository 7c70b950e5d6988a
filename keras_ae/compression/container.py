"""What is written around the bytes of an entropy coder, so that nothing else is read as such.

    magic      4 bytes  "KAEC"
    version    1 byte
    maker      8 bytes  fingerprint of the model and the tables that wrote it
    axes       1 byte   then the size of each, 4 bytes
    sections   1 byte   then the length of each, 4 bytes, and all sections
    checksum   4 bytes  CRC-32 of all before

Numbers are little-endian.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import NamedTuple

from keras_ae.typing import Shape

MAGIC = b"KAEC"
VERSION = 1
HEAD = struct.Struct("<4sB8sB")
MAKER_BYTES = 8


class Contents(NamedTuple):
    """What a stream holds.

    Args:
        maker: Fingerprint of what wrote it, 8 bytes.
        shape: Of what was compressed.
        sections: The entropy coder's bytes.
    """

    maker: bytes
    shape: Shape
    sections: tuple[bytes, ...]


class StreamError(ValueError):
    """A stream is not one, or not whole, or another model's."""


def packed(contents: Contents) -> bytes:
    """Return the stream of these contents."""
    head = HEAD.pack(MAGIC, VERSION, contents.maker, len(contents.shape))
    sizes = struct.pack(f"<{len(contents.shape)}I", *contents.shape)
    lengths = [len(section) for section in contents.sections]
    table = struct.pack(f"<B{len(lengths)}I", len(lengths), *lengths)
    body = b"".join([head, sizes, table, *contents.sections])
    return body + struct.pack("<I", zlib.crc32(body))


def unpacked(stream: bytes) -> Contents:
    """Return the contents of a stream.

    Raises:
        StreamError: It is none, of a later version, cut off, or altered.
    """
    if stream[:4] != MAGIC:
        raise StreamError(
            f"a compressed stream must begin with {MAGIC!r}. Received: {len(stream)} bytes that "
            f"begin with {bytes(stream[:4])!r}: this is no file that `compress` wrote"
        )
    if len(stream) < HEAD.size:
        raise _cut_off(len(stream), None)
    _, version, maker, axes = HEAD.unpack_from(stream)
    if version > VERSION:
        raise StreamError(
            f"a compressed stream must be of version {VERSION} or less. Received: version "
            f"{version}. Read it with a later keras_ae"
        )
    body, checksum = stream[:-4], stream[-4:]
    try:
        shape = struct.unpack_from(f"<{axes}I", stream, HEAD.size)
        at = HEAD.size + 4 * axes
        (count,) = struct.unpack_from("<B", stream, at)
        lengths = struct.unpack_from(f"<{count}I", stream, at + 1)
    except struct.error as error:
        raise _cut_off(len(stream), None) from error
    at += 1 + 4 * count
    if len(stream) < at + sum(lengths) + 4:
        raise _cut_off(len(stream), at + sum(lengths) + 4)
    if struct.unpack("<I", checksum)[0] != zlib.crc32(body) or len(stream) > at + sum(lengths) + 4:
        raise StreamError(
            "a compressed stream must have its checksum. Received: one that was altered after it "
            "was written. Take another copy of the file"
        )
    return Contents(maker, tuple(shape), _sections(stream, at, lengths))


def _sections(stream: bytes, start: int, lengths: Sequence[int]) -> tuple[bytes, ...]:
    sections = []
    for length in lengths:
        sections.append(bytes(stream[start : start + length]))
        start += length
    return tuple(sections)


def _cut_off(have: int, wanted: int | None) -> StreamError:
    whole = "its whole head" if wanted is None else f"{wanted} bytes"
    return StreamError(
        f"a compressed stream must have {whole}. Received: {have} bytes: the file was cut off, or "
        "altered. Take another copy of it"
    )
