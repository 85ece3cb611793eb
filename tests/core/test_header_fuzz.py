"""Headers of real files, changed in every way that lies near: read as the library reads them, or refused in words."""

import json
import random
import resource
import string
import struct
import time

import numpy as np
import pytest
from fuzzing import examples
from hypothesis import given
from hypothesis import strategies as st
from safetensors import deserialize, safe_open
from safetensors.numpy import save_file

from sprite_lora.core.header import BITS, HeaderError, header_length, parse_header, read_header

BATCH = 1000
"""Headers of one example: hypothesis draws the batch's seed, since it takes longer for an example than these do."""

PATIENCE, MEMORY = 30.0, 64 * 2**10
"""Seconds on a core, and KiB that the process may grow by, in a batch."""

ODD = (
    "-1", "0", "1", "1.0", "1e3", "NaN", "-Infinity", "1e400", "true", "null", '""', "[]", "{}", "[[]]", '"F16"',
    str(2**31), str(2**53 + 1), str(2**63 - 1), str(2**63), str(2**64), "9" * 400, "9" * 5000, '"\\ud800"', '"\\u0000"',
    "[" * 500 + "]" * 500, '{"a":' * 500 + "1" + "}" * 500, "[" * 20_000, '{"a":1,"a":2}', json.dumps("x" * 5000),
    '{"dtype":"F16","shape":[1],"data_offsets":[0,2]}', "[0,2]", "[2,0]", "[0,0]", '"__metadata__"', "\x00", "\u2028",
)  # fmt: skip
"""Values in JSON, and what is none."""

TOKEN = (*BITS, "__metadata__", "dtype", "shape", "data_offsets", "F17", "a", "lora_down", "\\u0061", "\\ud83d", "")


DIGITS = string.digits.encode()
WORD = (string.ascii_letters + string.digits + "_.").encode()


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """Files as trainers write them: a LoRA with metadata, one without, all dtypes of numpy, nothing at all."""
    folder = tmp_path_factory.mktemp("real")
    names = [f"lora_unet_{n}.{part}" for n in range(3) for part in ("alpha", "lora_down.weight", "lora_up.weight")]
    lora = {name: np.zeros((2, 3) if "weight" in name else (), np.float16) for name in names}
    kinds = {str(kind): np.zeros((2,), kind) for kind in ("bool", "u1", "i2", "f4", "f8", "u8")}
    save_file(lora, folder / "lora", {"ss_output_name": "pünk", "sshs_model_hash": "ab" * 32, "ss_epoch": "1"})
    save_file(lora, folder / "plain")
    save_file(kinds, folder / "kinds", {"k": '{"a": "\\ud83d\\ude00"}'})
    save_file({}, folder / "nothing")
    return [path.read_bytes() for path in sorted(folder.iterdir())]


def mutated(content, chance):
    """One to three changes to a file: its length field, its JSON by values and by bytes, its end."""
    length = int.from_bytes(content[:8], "little")
    header, data = content[8 : 8 + length], content[8 + length :]
    stated = None
    for _ in range(chance.randint(1, 3)):
        kind = chance.randrange(8)
        if kind == 0:
            stated = chance.choice([0, 1, 7, length - 1, length + 1, len(content), 2**20, 2**31, 2**63, 2**64 - 1])
        elif kind == 1:
            data = chance.choice([data[:-1], data + b"x", b"", data * 2, data[: len(data) // 2]])
        elif kind == 2 and header:
            at = chance.randrange(len(header))
            header = header[:at] + bytes([header[at] ^ 1 << chance.randrange(8)]) + header[at + 1 :]
        elif kind == 3 and header:
            first, last = sorted(chance.randrange(len(header) + 1) for _ in range(2))
            header = header[:first] + chance.choice([b"", header[first:last] * 2, header[:last]]) + header[last:]
        elif kind == 4:
            header = replaced(header, DIGITS, chance.choice(ODD), chance)
        elif kind == 5:
            header = replaced(header, WORD, chance.choice(TOKEN), chance)
        elif kind == 6:
            at = chance.choice([place for place, byte in enumerate(header) if byte in b"{[,:"] or [0])
            header = header[: at + 1] + chance.choice(ODD).encode(errors="surrogatepass") + b"," + header[at + 1 :]
        else:
            parts = header.split(b"},")
            if len(parts) > 2:
                one, other = chance.sample(range(1, len(parts) - 1), 2) if len(parts) > 3 else (1, 1)
                parts[one] = parts[other]
                header = b"},".join(parts)
    return struct.pack("<Q", len(header) if stated is None else stated) + header + data


def replaced(header, alphabet, by, chance):
    """A run of these bytes, replaced."""
    places = [place for place, byte in enumerate(header) if byte in alphabet]
    if not places:
        return header
    first = last = chance.choice(places)
    while first and header[first - 1] in alphabet:
        first -= 1
    while last < len(header) and header[last] in alphabet:
        last += 1
    return header[:first] + by.encode(errors="surrogatepass") + header[last:]


def read(content, path):
    """`read_header` of a file with this content, without the file: opening one takes longer than all the rest."""
    length = header_length(path, content[:32], len(content))
    raw = content[8 : 8 + length]
    if len(raw) < length:
        raise HeaderError(f"{path}: ends inside its header")
    return parse_header(path, raw, len(content))


@given(seed=st.integers(0, 2**64))
@examples(1, 1000)
def test_changed_headers_are_read_as_the_library_does_or_refused(tmp_path, real, seed):
    """1,000 of them in each example, one in fifty as a file. Time and memory of a batch have bounds."""
    chance, path = random.Random(seed), tmp_path / "file"
    begun, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    accepted = 0
    for number in range(BATCH):
        content, said = mutated(chance.choice(real), chance), ""
        try:
            header = read(content, path)
        except HeaderError as error:
            said = str(error)
        else:
            accepted += 1
            assert {name for name, _ in deserialize(content)} == set(header.tensors)
        assert not said or (said.startswith(str(path)) and len(said) < 1000)
        if number % 50 == 0:
            as_file(path, content, None if said else header)
    assert 0 < accepted < BATCH
    assert time.process_time() - begun < PATIENCE
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MEMORY


def as_file(path, content, header):
    """The same from a file: refused where `header` is None."""
    path.write_bytes(content)
    if header is None:
        with pytest.raises(HeaderError):
            read_header(path)
        return
    assert read_header(path) == header
    with safe_open(path, "np") as theirs:
        assert (theirs.metadata() or {}) == header.metadata
