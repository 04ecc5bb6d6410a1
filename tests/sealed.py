"""Python without a network: what tries to reach one is caught, in Python, in native code and in forked children.

Two nets, because either alone has holes. An audit hook writes down what Python code attempts; children inherit it. A seccomp
filter, as the kernel's own rule, kills the process when any thread of it, native code included, asks for an internet socket.
"""

from __future__ import annotations

import ctypes
import os
import platform
import subprocess
import sys
from pathlib import Path

from tests.needs import need

ROOT = Path(__file__).resolve().parents[1]
_SOCKET_CALL = {"x86_64": 41, "aarch64": 198}
_REPORTS_KEPT_QUIET_BY = ("CI", "TF_BUILD", "JENKINS_URL", "ORT_DISABLE_TELEMETRY")


def run_sealed(code: str, home: Path, *, native: bool = True) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run `code` in a sealed Python with an empty home folder. Returns how it ended and what it attempted.

    Without `native` only Python code is watched: for libraries that open a socket without a word to anybody, such as to ask
    the kernel for the machine's own address.
    """
    need(
        platform.machine() in _SOCKET_CALL and Path("/proc/sys/kernel/seccomp").exists(),
        "Linux with seccomp on x86-64 or ARM64",
        "run the tests there",
    )
    attempts = home.parent / f"{home.name}.attempts"
    attempts.touch()
    home.mkdir(exist_ok=True)
    environment = {key: value for key, value in os.environ.items() if key not in _REPORTS_KEPT_QUIET_BY}
    environment |= {"HOME": str(home), "PYTHONPATH": str(ROOT), "SEALED_ATTEMPTS": str(attempts)}
    preamble = f"from tests.sealed import seal; seal(native={native})\n"
    process = subprocess.run(
        [sys.executable, "-c", preamble + code],
        env=environment,
        cwd=home,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    return process, attempts.read_text().splitlines()


def seal(*, native: bool) -> None:
    """Watch this process and its children for good, and with `native` cut them off from the network."""
    with_audit_hook(os.environ["SEALED_ATTEMPTS"])
    if native:
        _forbid_internet_sockets()


def with_audit_hook(attempts: str) -> None:
    """Write every attempt of Python code to reach a network into the file `attempts`."""
    descriptor = os.open(attempts, os.O_WRONLY | os.O_APPEND)

    def note(event: str, arguments: tuple[object, ...]) -> None:
        if event in {"socket.connect", "socket.sendto", "socket.getaddrinfo", "urllib.Request"}:
            os.write(descriptor, f"{event} {arguments[:2]}\n".encode())

    sys.addaudithook(note)


class _Instruction(ctypes.Structure):
    _fields_ = (("code", ctypes.c_ushort), ("if_true", ctypes.c_ubyte), ("if_false", ctypes.c_ubyte), ("k", ctypes.c_uint))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.POINTER(_Instruction)))


def _forbid_internet_sockets() -> None:
    load, equal, answer = 0x20, 0x15, 0x06
    call_number, first_argument = 0, 16
    kill, allow = 0x80000000, 0x7FFF0000
    instructions = (
        _Instruction(load, 0, 0, call_number),
        _Instruction(equal, 0, 3, _SOCKET_CALL[platform.machine()]),
        _Instruction(load, 0, 0, first_argument),
        _Instruction(equal, 2, 0, 2),  # AF_INET
        _Instruction(equal, 1, 0, 10),  # AF_INET6
        _Instruction(answer, 0, 0, allow),
        _Instruction(answer, 0, 0, kill),
    )
    program = _Program(len(instructions), (_Instruction * len(instructions))(*instructions))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    no_new_privileges, set_seccomp, filter_mode = 38, 22, 2
    for arguments in ((no_new_privileges, 1, 0, 0, 0), (set_seccomp, filter_mode, ctypes.byref(program), 0, 0)):
        if prctl(*arguments) != 0:
            raise OSError(ctypes.get_errno(), "the kernel takes no seccomp filter")
