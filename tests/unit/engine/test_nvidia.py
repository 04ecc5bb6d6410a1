"""What the NVIDIA driver lists."""

from __future__ import annotations

from camslice.engine.nvidia import NvidiaDevice, parse_list

LISTING = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77)
  MIG 3g.20gb     Device  0: (UUID: MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f)
  MIG 1g.5gb      Device  1: (UUID: MIG-0c757cd7-e942-5726-a0b8-0e8fb7067135)
GPU 1: Tesla T4 (UUID: GPU-2a3b)
"""


def test_gpus_and_partitions_are_told_apart() -> None:
    devices = parse_list(LISTING, {"GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77": 42_949, "GPU-2a3b": 16_106})
    assert [(device.name, device.memory_mb, device.partition) for device in devices] == [
        ("NVIDIA A100-SXM4-40GB", 42_949, False),
        ("3g.20gb", 42_949, True),
        ("1g.5gb", 42_949, True),
        ("Tesla T4", 16_106, False),
    ]
    assert devices[2].id == "MIG-0c757cd7-e942-5726-a0b8-0e8fb7067135"


def test_a_driver_that_says_nothing_has_no_devices() -> None:
    assert parse_list("No devices were found\n", {}) == ()
    assert parse_list("GPU 0: Tesla T4 (UUID: GPU-1)\n", {}) == (NvidiaDevice("GPU-1", "Tesla T4", 0),)
