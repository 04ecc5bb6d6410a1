"""The API server under the address that pods know it by, on a machine without kube-proxy.

A Service's address is no interface's: kube-proxy translates it. Here it is put on the loopback interface for as long as it is
wanted, and connections to it are carried to where the API server listens; its certificate names that address.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def service_address(address: str, port: int, target: tuple[str, int]) -> Iterator[None]:
    """Carry every connection to `address`:`port` to `target` while the context lasts. Needs root."""
    subprocess.run(["ip", "address", "replace", f"{address}/32", "dev", "lo"], check=True)  # one may be left of a killed run
    try:
        with socket.create_server((address, port)) as listener:
            thread = threading.Thread(target=_accept, args=(listener, target), daemon=True)
            thread.start()
            try:
                yield
            finally:
                listener.shutdown(socket.SHUT_RDWR)
                thread.join()
    finally:
        subprocess.run(["ip", "address", "del", f"{address}/32", "dev", "lo"], check=True)


def _accept(listener: socket.socket, target: tuple[str, int]) -> None:
    while True:
        try:
            near, _ = listener.accept()
        except OSError:
            return
        try:
            far = socket.create_connection(target)
        except OSError:
            near.close()
            continue
        for source, sink in ((near, far), (far, near)):
            threading.Thread(target=_carry, args=(source, sink), daemon=True).start()


def _carry(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
