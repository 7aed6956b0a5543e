"""The error tree."""

from __future__ import annotations

import pickle

import pytest

from pcapstream import errors

CLASSES = [errors.CaptureError, errors.SourceError, errors.LimitError, errors.QueryError, errors.StateError]


@pytest.mark.parametrize("kind", CLASSES)
def test_each_code_has_a_next_step(kind: type[errors.PcapstreamError]) -> None:
    for code, step in kind.CODES.items():
        assert code == code.lower().replace(" ", "_")
        assert step
        assert not step.endswith(".")
        error = kind(code, "it went wrong")
        assert str(error) == f"it went wrong. {step}."
        assert isinstance(error, errors.PcapstreamError)


def test_codes_are_of_one_class_each() -> None:
    codes = [code for kind in CLASSES for code in kind.CODES]
    assert len(codes) == len(set(codes))


def test_unknown_code_is_a_bug() -> None:
    with pytest.raises(ValueError, match="no code"):
        errors.SourceError("nonsense", "x")


def test_an_error_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(errors.SourceError("dns", "no address for a.test", "Try later")))
    assert (error.code, error.problem, error.next_step) == ("dns", "no address for a.test", "Try later")
