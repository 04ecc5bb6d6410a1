"""The command line starts at once because it loads nothing that it does not need yet."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = (
    "av",
    "boto3",
    "cv2",
    "fastapi",
    "matplotlib",
    "numpy",
    "onnx",
    "onnxruntime",
    "openvino",
    "psycopg",
    "sqlalchemy",
    "uvicorn",
)
COMMANDS = ("run", "demo", "detect", "eval", "models", "schema", "doctor", "cost", "catalogue", "probe")
MODEL_COMMANDS = ("list", "pull", "info", "import")
CATALOGUE_COMMANDS = ("list", "refresh", "check")

_WHAT_IS_LOADED = """
import contextlib, io, json, sys
from camslice.cli.main import main
sys.argv = ["camslice", *json.loads(sys.argv[1])]
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main()
print(json.dumps(sorted({name.split(".")[0] for name in sys.modules})))
"""


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["run", "--help"], ["models", "--help"], ["catalogue", "--help"], ["cost", "--help"], ["probe", "--help"]],
    ids=" ".join,
)
def test_help_loads_no_heavy_library(arguments: list[str]) -> None:
    process = subprocess.run(
        [sys.executable, "-c", _WHAT_IS_LOADED, json.dumps(arguments)], capture_output=True, text=True, check=True
    )
    loaded = set(json.loads(process.stdout.splitlines()[-1]))
    assert "typer" in loaded, "the command line did not start"
    assert not loaded & set(HEAVY)


@pytest.mark.parametrize(
    "command",
    [
        *((name,) for name in COMMANDS),
        *(("models", name) for name in MODEL_COMMANDS),
        *(("catalogue", name) for name in CATALOGUE_COMMANDS),
    ],
    ids=" ".join,
)
def test_every_documented_command_exists(command: tuple[str, ...]) -> None:
    process = subprocess.run(
        [Path(sys.executable).with_name("camslice"), *command, "--help"], capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr
    assert " ".join(("Usage: camslice", *command)) in " ".join(process.stdout.split())
