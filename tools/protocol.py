"""Compile the Open Inference Protocol's messages: `python tools/protocol.py` (a test compares what lies there).

The package loads a set of descriptors and builds its message classes from it: generated Python would be tied to one
version of protobuf, and would clash with other packages' copies of the same messages in one process.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from grpc_tools import protoc

FOLDER = Path(__file__).resolve().parents[1] / "src" / "camslice" / "engine" / "oip"
SOURCE = FOLDER / "open_inference.proto"
COMPILED = FOLDER / "open_inference.binpb"


def main() -> None:
    """Write the compiled descriptors."""
    COMPILED.write_bytes(compiled())


def compiled() -> bytes:
    """The descriptors as protoc makes them of the source."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / COMPILED.name
        if protoc.main(["protoc", f"--proto_path={FOLDER}", f"--descriptor_set_out={out}", SOURCE.name]) != 0:
            sys.exit(f"{SOURCE} cannot be compiled")
        return out.read_bytes()


if __name__ == "__main__":
    main()
