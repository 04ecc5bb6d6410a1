"""A real RTSP server for tests. Runs on the system's Python, which has GStreamer's bindings; the project's own has not.

    /usr/bin/python3 tests/rtsp_server.py --streams 4 --size 640x360 --fps 15 [--port 8554] [--user u --password p]

Prints `PORT <number>` when it listens; serves rtsp://127.0.0.1:PORT/cam1 .. camN until it is killed.
"""

import argparse

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

PIPELINE = (
    "( videotestsrc is-live=true pattern={pattern} ! video/x-raw,format=I420,width={width},height={height},framerate={fps}/1"
    " ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max={fps} threads=1"
    " ! rtph264pay name=pay0 pt=96 config-interval=1 )"
)
PATTERNS = ("ball", "smpte", "snow", "gradient")


def main() -> None:
    options = parse()
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address(options.address)
    server.set_service(str(options.port))
    if options.user:
        server.set_auth(basic_auth(options.user, options.password))
    width, height = options.size.split("x")
    for number in range(1, options.streams + 1):
        factory = GstRtspServer.RTSPMediaFactory()
        pattern = PATTERNS[(number - 1) % len(PATTERNS)]
        factory.set_launch(PIPELINE.format(pattern=pattern, width=width, height=height, fps=options.fps))
        factory.set_shared(True)
        if options.user:
            allow(factory, "viewer")
        server.get_mount_points().add_factory(f"/cam{number}", factory)
    if not server.attach(None):
        raise SystemExit(f"cannot listen on port {options.port}")
    print(f"PORT {server.get_bound_port()}", flush=True)
    GLib.MainLoop().run()


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--streams", type=int, default=1)
    parser.add_argument("--size", default="320x240")
    parser.add_argument("--fps", type=int, default=15)
    parser.add_argument("--user")
    parser.add_argument("--password", default="")
    return parser.parse_args()


def basic_auth(user: str, password: str) -> GstRtspServer.RTSPAuth:
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    auth.set_supported_methods(GstRtsp.RTSPAuthMethod.BASIC)
    return auth


def allow(factory: GstRtspServer.RTSPMediaFactory, role: str) -> None:
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_permission_for_role(role, "media.factory.access", True)
    permissions.add_permission_for_role(role, "media.factory.construct", True)
    factory.set_permissions(permissions)


if __name__ == "__main__":
    main()
