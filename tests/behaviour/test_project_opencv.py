"""One OpenCV, the headless one: machines without a screen have no libGL, and two wheels overwrite each other's files."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import distributions

OPENCV_WHEELS = {
    "opencv-python",
    "opencv-python-headless",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
    "opencv-python-rolling",
    "opencv-python-headless-rolling",
}

_LIBRARIES_OF_ALL_MODULES = """
import importlib, json, pkgutil
import camslice, cv2
names = {m.name for m in pkgutil.walk_packages(camslice.__path__, "camslice.")}
names -= {"camslice.models.ultralytics_weights"}  # needs the extra that brings another OpenCV
for name in names:
    importlib.import_module(name)
maps = open("/proc/self/maps").read().splitlines()
libraries = {line.split()[-1].rsplit("/", 1)[-1] for line in maps if ".so" in line}
print(json.dumps({"modules": len(names), "libraries": sorted(libraries)}))
"""


def test_only_the_headless_opencv_is_installed() -> None:
    installed = {name for d in distributions() if (name := (d.name or "").lower().replace("_", "-")) in OPENCV_WHEELS}
    assert installed == {"opencv-python-headless"}, f"two OpenCV wheels overwrite each other: {sorted(installed)}"


def test_the_whole_package_works_where_libgl_is_absent() -> None:
    """If no library of a graphical desktop is mapped after everything was imported, none can be missed."""
    process = subprocess.run([sys.executable, "-c", _LIBRARIES_OF_ALL_MODULES], capture_output=True, text=True, check=True)
    seen = json.loads(process.stdout.splitlines()[-1])
    assert seen["modules"] > 20
    assert any("cv2" in name for name in seen["libraries"]), "OpenCV was not loaded: this test sees nothing"
    graphical = [
        name for name in seen["libraries"] if name.startswith(("libGL.", "libGLX", "libEGL", "libgthread", "libSM.", "libX11."))
    ]
    assert not graphical
