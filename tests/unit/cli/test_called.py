"""NAME=MODEL on the command line of `serve`."""

from __future__ import annotations

import pytest

from camslice.cli.called import Called, called


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("yolox-nano", Called(None, "yolox-nano")),
        ("people=yolox-nano", Called("people", "yolox-nano")),
        ("our-people=/models/our people.onnx", Called("our-people", "/models/our people.onnx")),
        ("./a=b.onnx", Called(None, "./a=b.onnx")),
        ("/models/a=b.onnx", Called(None, "/models/a=b.onnx")),
        ("x=/models/a=b.onnx", Called("x", "/models/a=b.onnx")),
        ("=yolox-nano", Called(None, "=yolox-nano")),
        ("people=", Called(None, "people=")),
    ],
)
def test_a_name_stands_before_the_first_equals_sign_and_holds_no_slash(text: str, expected: Called) -> None:
    assert called(text) == expected
