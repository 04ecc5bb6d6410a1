"""Starts and kills the RTSP server of `rtsp_server.py`."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.needs import need

SYSTEM_PYTHON = Path("/usr/bin/python3")
_SCRIPT = Path(__file__).with_name("rtsp_server.py")
_IMPORTS = """
import gi
gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gst, GstRtspServer
Gst.init(None)
assert all(Gst.ElementFactory.find(name) for name in ("videotestsrc", "x264enc", "rtph264pay"))
"""
_PACKAGES = (
    "python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-ugly"
)


def need_rtsp_server() -> None:
    """Go on when GStreamer's RTSP server is installed; else skip (fail in CI) saying how to get it."""
    found = (
        SYSTEM_PYTHON.exists()
        and subprocess.run([SYSTEM_PYTHON, "-c", _IMPORTS], capture_output=True, check=False).returncode == 0
    )
    need(found, "GStreamer's RTSP server", f"apt-get install {_PACKAGES}")


class RtspServer:
    """A real server in a process of its own, listening on `port`."""

    def __init__(
        self,
        *,
        size: str,
        fps: int = 15,
        streams: int = 1,
        port: int = 0,
        password: str | None = None,
        address: str = "127.0.0.1",
    ) -> None:
        command = [str(SYSTEM_PYTHON), str(_SCRIPT), "--size", size, "--fps", str(fps)]
        command += ["--streams", str(streams), "--port", str(port), "--address", address]
        if password is not None:
            command += ["--user", "bob", "--password", password]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith("PORT "), f"the RTSP server did not start: {line!r}"
        self.port = int(line.split()[1])

    def url(self, stream: int = 1, credentials: str = "") -> str:
        return f"rtsp://{credentials + '@' if credentials else ''}127.0.0.1:{self.port}/cam{stream}"

    def kill(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()

    def __enter__(self) -> RtspServer:
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()
