"""What this machine is, read from what the kernel says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from camslice.engine.memory import memory_limit_bytes
from camslice.engine.processor import cpu_features, cpu_model
from camslice.measure.machine import LIBRARIES, fingerprint, library_versions

X86 = """\
processor\t: 0
model name\t: AMD EPYC 9R14
flags\t\t: fpu avx2 avx512f avx512_bf16 avx512_vnni amx_tile

processor\t: 1
model name\t: another
flags\t\t: amx_bf16
"""
ARM = "processor\t: 0\nFeatures\t: fp asimd i8mm bf16\nCPU implementer\t: 0x41\n"


def test_the_processor_and_what_helps_a_detector() -> None:
    assert cpu_model(X86) == "AMD EPYC 9R14"
    assert cpu_features(X86) == ("avx2", "avx512f", "avx512_vnni", "avx512_bf16")
    assert cpu_features(ARM) == ("asimd", "bf16", "i8mm")
    assert cpu_model(ARM)
    assert cpu_features("") == ()


@pytest.mark.parametrize(
    ("files", "own", "limit"),
    [
        ({}, "", None),
        ({"memory.max": "max"}, "0::/\n", None),
        ({"memory.max": "2000000"}, "0::/\n", 2_000_000),
        ({"a/memory.max": "5000", "a/b/memory.max": "max"}, "0::/a/b\n", 5000),
        ({"a/memory.max": "5000", "a/b/memory.max": "4000", "c/memory.max": "1"}, "0::/a/b\n", 4000),
        ({"memory/memory.limit_in_bytes": "9223372036854771712"}, "5:cpu,memory:/\n", None),
        ({"memory/x/memory.limit_in_bytes": "7000"}, "5:memory:/x\n3:cpu:/y\n", 7000),
    ],
)
def test_the_tightest_memory_limit_up_the_tree_counts(
    tmp_path: Path, files: dict[str, str], own: str, limit: int | None
) -> None:
    cgroup = tmp_path / "cgroup"
    for name, text in files.items():
        (cgroup / name).parent.mkdir(parents=True, exist_ok=True)
        (cgroup / name).write_text(text + "\n")
    (tmp_path / "own").write_text(own)
    assert memory_limit_bytes(cgroup, tmp_path / "own") == limit


def test_the_fingerprint_is_json_and_names_what_decides_about_speed() -> None:
    seen = fingerprint()
    assert json.loads(json.dumps(seen)) == seen
    assert {"cpu", "cores", "usable_cores", "cpu_quota_cores", "memory_mb", "memory_limit_mb", "os", "python"} <= set(seen)
    assert seen["versions"] == library_versions()
    assert set(library_versions()) == set(LIBRARIES)
    assert all(library_versions().values())
