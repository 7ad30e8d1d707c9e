"""Files of arrays are refused by what they say of their size, before anything is unpacked."""

import io
import zipfile

import numpy as np
import pytest

from gastropath.arrays import read_arrays
from gastropath.errors import BadBundle, CannotParse
from gastropath.inference.ood import OodCheck


def npz(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # pyright: ignore[reportArgumentType]  # none of the names is an option
    return buffer.getvalue()


def test_arrays_come_back_as_they_were():
    found = read_arrays(npz(a=np.arange(5), b=np.eye(2)))
    assert found["a"].tolist() == [0, 1, 2, 3, 4]
    assert found["b"].shape == (2, 2)


def test_what_unpacks_to_more_than_is_allowed_is_not_unpacked(monkeypatch):
    content = npz(a=np.zeros(1_000_000))
    assert len(content) < 10_000
    monkeypatch.setattr(np, "load", lambda *_, **__: pytest.fail("unpacked"))
    with pytest.raises(CannotParse, match=r"unpacks to 8,000,[0-9]+ bytes, more than the 1,000,000 allowed"):
        read_arrays(content, 1_000_000)


def test_an_array_that_says_it_is_larger_than_it_is_takes_no_memory():
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (2**40,)})
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("features.npy", header.getvalue())
    with pytest.raises(CannotParse, match="more than the"):
        read_arrays(buffer.getvalue())


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x93NUMPY", npz(a=np.ones(3))[:-30]])
def test_damage_is_one_kind_of_error(content):
    with pytest.raises(CannotParse):
        read_arrays(content)


@pytest.mark.parametrize("value", [1e300, 3e38, np.inf, np.nan])
def test_references_that_would_switch_the_check_off_are_refused(value):
    features = np.ones((10, 4))
    features[3] = value
    with pytest.raises(BadBundle, match="not finite"):
        OodCheck.from_bytes(npz(features=features), 3, 0.5, "references.npz")
