"""A deploy applies in order, prunes only what is its own, and can be taken up again or taken back wherever it broke off."""

from __future__ import annotations

from typing import Any

import pytest

from camslice.cluster.apply.changes import APPLIED_BY, What, change_of
from camslice.cluster.apply.deploying import Wanted, deploy, differences, last_but_one, prune, without_nodes
from camslice.cluster.apply.revisions import Records, Ref, Revision, forgotten, target
from camslice.fleet.errors import ClusterError
from tests.unit.cluster.kept_cluster import KeptCluster

POOLS = "/apis/karpenter.sh/v1/nodepools"
CAMERAS = "/apis/camslice.dev/v1alpha1/namespaces/video/cameras"


def pool(name: str = "street.a", **spec: Any) -> dict[str, Any]:
    return {"apiVersion": "karpenter.sh/v1", "kind": "NodePool", "metadata": {"name": name}, "spec": spec}


def ours(kind: str, name: str, **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "video"}
    return {"apiVersion": "camslice.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}


def wanted(*cameras: str, pools: tuple[str, ...] = ("street.a",), fps: int = 5) -> Wanted:
    objects = [ours("Camera", each, fps=fps) for each in cameras]
    return Wanted("street", "video", (*objects, ours("CameraFleet", "street"), *map(pool, pools)))


def test_pools_come_before_the_fleet_and_the_fleet_before_its_cameras() -> None:
    kept = KeptCluster()
    deploy(kept.cluster, wanted("gate", "yard"))
    plurals = [each.split("/")[-2] for each in kept.written() if "configmaps" not in each]
    assert plurals == ["nodepools", "camerafleets", "cameras", "cameras"]


def test_the_same_plan_twice_changes_nothing_and_makes_no_revision() -> None:
    kept = KeptCluster()
    first = deploy(kept.cluster, wanted("gate"))
    second = deploy(kept.cluster, wanted("gate"))
    assert {change.what for change in first.changes} == {What.CREATED}
    assert {change.what for change in second.changes} == {What.UNCHANGED}
    assert first.revision.number == second.revision.number == 1


def test_a_camera_that_is_no_longer_planned_goes_and_its_neighbour_of_another_make_stays() -> None:
    kept = KeptCluster()
    deploy(kept.cluster, wanted("gate", "yard"))
    kept.put(f"{CAMERAS}/handmade", ours("Camera", "handmade"))
    done = deploy(kept.cluster, wanted("gate"))
    assert [change.ref.name for change in done.changes if change.what is What.PRUNED] == ["yard"]
    assert kept.names("cameras") == ["gate", "handmade"]


def test_an_object_that_somebody_made_anew_under_our_name_is_not_pruned() -> None:
    kept = KeptCluster()
    deploy(kept.cluster, wanted("gate", "yard"))
    kept.put(f"{CAMERAS}/yard", ours("Camera", "yard", fps=1))
    done = deploy(kept.cluster, wanted("gate"))
    assert not [change for change in done.changes if change.what is What.PRUNED]
    assert "yard" in kept.names("cameras")


def test_a_foreign_object_under_a_wanted_name_is_refused_before_anything_is_written() -> None:
    kept = KeptCluster()
    kept.put(f"{POOLS}/street.a", pool())
    with pytest.raises(ClusterError, match=r"NodePool street\.a: it is there already.*--take-over"):
        deploy(kept.cluster, wanted("gate"))
    assert kept.written() == []
    deploy(kept.cluster, wanted("gate"), take_over=True)
    assert kept.objects[f"{POOLS}/street.a"]["metadata"]["annotations"][APPLIED_BY] == "video/street"


def test_a_pool_stays_until_the_fleet_is_ready_without_it() -> None:
    kept = KeptCluster()
    deploy(kept.cluster, wanted("gate", pools=("street.a",)))
    after = wanted("gate", pools=("street.b",))
    done = deploy(kept.cluster, after)
    assert done.left == {Ref("NodePool", "", "street.a")}
    assert kept.names("nodepools") == ["street.a", "street.b"]
    pruned, left = prune(kept.cluster, after, lambda _: True)
    assert [change.ref.name for change in pruned] == ["street.a"]
    assert not left
    assert kept.names("nodepools") == ["street.b"]


def test_without_waiting_a_pool_goes_only_when_it_has_no_node() -> None:
    kept = KeptCluster()
    node = {"metadata": {"name": "n1", "labels": {"karpenter.sh/nodepool": "street.a"}}}
    kept.put("/api/v1/nodes/n1", node)
    assert without_nodes(kept.cluster)(Ref("Camera", "video", "gate"))
    assert without_nodes(kept.cluster)(Ref("NodePool", "", "street.b"))


def test_a_deploy_that_broke_off_is_taken_up_by_the_next() -> None:
    kept = KeptCluster()
    kept.fails["/cameras/yard"] = 500
    with pytest.raises(ClusterError):
        deploy(kept.cluster, wanted("gate", "yard"))
    kept.fails.clear()
    done = deploy(kept.cluster, wanted("gate", "yard"))
    assert kept.names("cameras") == ["gate", "yard"]
    assert done.revision.complete is False  # as it was when it began
    assert Records(kept.cluster, "video", "street").revisions()[-1].complete


def test_what_a_broken_deploy_had_applied_is_pruned_when_it_is_not_wanted_after_all() -> None:
    kept = KeptCluster()
    deploy(kept.cluster, wanted("gate"))
    kept.fails["/cameras/yard"] = 500
    with pytest.raises(ClusterError):
        deploy(kept.cluster, wanted("gate", "shed", "yard"))
    kept.fails.clear()
    back = last_but_one(kept.cluster, "video", "street")
    assert back.number == 1
    deploy(kept.cluster, Wanted("street", "video", back.objects), back_to=back.number)
    assert kept.names("cameras") == ["gate"]


def test_going_back_twice_comes_back_to_where_it_was() -> None:
    kept = KeptCluster()
    deploy(kept.cluster, wanted("gate", fps=5))
    deploy(kept.cluster, wanted("gate", fps=9))
    for expected in (5, 9):
        back = last_but_one(kept.cluster, "video", "street")
        deploy(kept.cluster, Wanted("street", "video", back.objects), back_to=back.number)
        assert kept.objects[f"{CAMERAS}/gate"]["spec"]["fps"] == expected


def test_there_is_nothing_to_go_back_to_after_one_deploy() -> None:
    kept = KeptCluster()
    with pytest.raises(ClusterError, match="nothing was deployed"):
        last_but_one(kept.cluster, "video", "street")
    deploy(kept.cluster, wanted("gate"))
    with pytest.raises(ClusterError, match="no revision to go back to"):
        last_but_one(kept.cluster, "video", "street")


def test_five_revisions_are_kept() -> None:
    kept = KeptCluster()
    for fps in range(1, 9):
        deploy(kept.cluster, wanted("gate", fps=fps))
    assert [each.number for each in Records(kept.cluster, "video", "street").revisions()] == [4, 5, 6, 7, 8]


def test_the_one_to_go_back_to_is_kept_however_often_later_ones_fail() -> None:
    def made(number: int, complete: bool) -> Revision:
        return Revision(number, ({"n": number},), complete, "2026-01-31T12:00:00Z")

    revisions = [made(1, True), *(made(number, False) for number in range(2, 9))]
    back = target(revisions)
    assert back is not None
    assert back.number == 1
    assert back not in forgotten(revisions)


def test_a_difference_is_shown_and_nothing_is_written() -> None:
    kept = KeptCluster()
    deploy(kept.cluster, wanted("gate", "yard", fps=5))
    before = kept.written()
    changes = {change.ref.name: change for change in differences(kept.cluster, wanted("gate", fps=7))}
    assert kept.written() == before
    assert changes["gate"].what is What.CHANGED
    assert "-  fps: 5" in changes["gate"].diff
    assert "+  fps: 7" in changes["gate"].diff
    assert changes["yard"].what is What.PRUNED
    assert changes["street"].what is What.UNCHANGED
    assert changes["street"].diff == ""


def test_what_the_server_itself_keeps_in_an_object_is_no_change() -> None:
    ref = Ref("Camera", "video", "gate")
    before = {"metadata": {"name": "gate", "resourceVersion": "1", "managedFields": []}, "status": {"state": "live"}}
    after = {"metadata": {"name": "gate", "resourceVersion": "2", "managedFields": [{}]}}
    assert change_of(ref, before, after).what is What.UNCHANGED
