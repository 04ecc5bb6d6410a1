"""The Secret of a pod, and the revision that tells which credentials it runs without telling what they are."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from pathlib import Path

from camslice.cluster.manifests.assigned import Assigned
from camslice.cluster.manifests.common import Manifest
from camslice.cluster.manifests.credentials import HeldSecret, SecretData
from camslice.cluster.names import REVISION
from camslice.cluster.objects import CameraObject
from camslice.cluster.placement.shards import shards_of
from camslice.cluster.pods import PodObjects, pod_objects
from camslice.cluster.rendering import RenderSettings, rendered
from camslice.cluster.sharing.device_plugin import DevicePlugin
from camslice.fleet.placement import CREDENTIALS_FILE, read_placement
from camslice.fleet.types import Topology
from tests.unit.cluster.made_plan import CATALOGUE, declared, node, plan

UID = "0b4c6e2a-7f6f-4a53-9a37-6f1f0f6f3c11"
MADE = rendered(plan(node(Topology.SLICED, 2)), declared(2), CATALOGUE, RenderSettings("street", "cameras"))


def held(password: str, uid: str = UID, **further: str) -> HeldSecret:
    values = {"CAM_USER": "viewer", "CAM_PASSWORD": password, **further}
    return HeldSecret(uid, {key: base64.b64encode(value.encode()).decode() for key, value in values.items()})


def objects(secrets: SecretData, camera: CameraObject = MADE.cameras[0]) -> PodObjects:
    streams = [Assigned(camera, "people", 4.0, 1)]
    return pod_objects(MADE.fleet, shards_of(MADE.fleet)[0], "street-a", streams, secrets, DevicePlugin())


def mounted(made: PodObjects, folder: Path) -> str:
    """What a pod reads from what is mounted, as the kubelet would mount it."""
    for name, files in (("config", made.config["data"]), ("secrets", _decoded(made.credentials))):
        (folder / name).mkdir(exist_ok=True)
        for key, value in files.items():
            (folder / name / key).write_text(value)
    placed = read_placement(folder / "config", folder / "secrets")
    assert placed is not None
    return placed.revision


def test_what_the_pod_reports_is_what_was_written_onto_it(tmp_path: Path) -> None:
    made = objects({"street-cameras": held("first")})
    assert mounted(made, tmp_path) == made.revision == made.pod["metadata"]["annotations"][REVISION]


def test_a_changed_password_is_another_revision_only_once_both_are_mounted(tmp_path: Path) -> None:
    before = objects({"street-cameras": held("first")})
    after = objects({"street-cameras": held("other")})
    assert after.config == before.config
    assert after.revision != before.revision
    assert mounted(before, tmp_path) == before.revision
    assert mounted(after, tmp_path) == after.revision


def test_what_the_camera_does_not_use_changes_nothing() -> None:
    assert objects({"street-cameras": held("a", OTHER="1")}) == objects({"street-cameras": held("a", OTHER="2")})


def test_a_secret_made_anew_with_the_same_password_is_another_revision_and_nothing_worse() -> None:
    assert objects({"street-cameras": held("a")}).revision != objects({"street-cameras": held("a", "another-uid")}).revision


def test_without_credentials_the_configuration_alone_is_the_revision(tmp_path: Path) -> None:
    made = objects({})
    assert made.credentials["data"] == {}
    assert "." not in made.revision
    assert mounted(made, tmp_path) == made.revision


def test_a_pod_tells_nobody_a_password_by_its_revision() -> None:
    """Everything but the Secret's UID is known to whoever tries passwords: no hash of these in any order is the revision."""
    made = objects({"street-cameras": held("letmein")})
    told = made.revision.partition(".")[2]
    encoded = base64.b64encode(b"letmein").decode()
    data = {key: value for key, value in made.credentials["data"].items() if key != CREDENTIALS_FILE}
    plain = {"CAM_PASSWORD": encoded, "CAM_USER": base64.b64encode(b"viewer").decode()}
    guesses = ["letmein", encoded, *(json.dumps(each, sort_keys=True) for each in (data, plain, [made.config["data"], data]))]
    digests = {hashlib.sha256(each.encode()).hexdigest()[:12] for each in guesses}
    assert len(told) == 12
    assert told not in digests
    assert "letmein" not in repr(held("letmein"))
    assert encoded not in repr(held("letmein"))


def test_two_cameras_with_secrets_of_their_own_and_the_same_keys_do_not_mix() -> None:
    first, second = MADE.cameras
    other = replace(second, secret="yard")
    streams = [Assigned(first, "people", 4.0, 1), Assigned(other, "people", 4.0, 1)]
    secrets = {"street-cameras": held("one"), "yard": held("two", "another")}
    made = pod_objects(MADE.fleet, shards_of(MADE.fleet)[0], "street-a", streams, secrets, DevicePlugin())
    values = _decoded(made.credentials)
    del values[CREDENTIALS_FILE]
    assert sorted(values.values()) == ["one", "two", "viewer", "viewer"]
    turned = pod_objects(MADE.fleet, shards_of(MADE.fleet)[0], "street-a", streams[::-1], secrets, DevicePlugin())
    assert turned == made, "the order of streams is no matter"


def _decoded(secret: Manifest) -> dict[str, str]:
    return {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}
