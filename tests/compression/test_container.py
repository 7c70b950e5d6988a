from __future__ import annotations

import pytest

from keras_ae.compression.container import Contents, StreamError, packed, unpacked

CONTENTS = Contents(b"12345678", (3, 40, 56, 3), (b"side", b"", b"the code itself"))


@pytest.mark.parametrize(
    "contents", [CONTENTS, Contents(b"\0" * 8, (), ()), CONTENTS._replace(shape=(7,))]
)
def test_contents_come_back(contents: Contents) -> None:
    assert unpacked(packed(contents)) == contents


def test_every_stream_that_was_cut_off_is_refused() -> None:
    stream = packed(CONTENTS)
    for size in range(4, len(stream)):
        with pytest.raises(StreamError, match="cut off|altered"):
            unpacked(stream[:size])


def test_every_altered_byte_is_refused() -> None:
    stream = packed(CONTENTS)
    for place in range(len(stream)):
        for bit in (1, 128):
            bad = bytearray(stream)
            bad[place] ^= bit
            with pytest.raises(StreamError, match="Received"):
                unpacked(bytes(bad))
    with pytest.raises(StreamError, match="checksum"):
        unpacked(stream + b"\0")


def test_other_files_and_later_versions_are_refused_by_name() -> None:
    for foreign in (b"", b"KAE", b"\x89PNG\r\n\x1a\n" + bytes(40)):
        with pytest.raises(StreamError, match="no file that `compress` wrote"):
            unpacked(foreign)
    stream = bytearray(packed(CONTENTS))
    stream[4] = 9
    with pytest.raises(StreamError, match="version 1 or less. Received: version 9"):
        unpacked(bytes(stream))
