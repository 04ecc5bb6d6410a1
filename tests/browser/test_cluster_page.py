"""The page of a cluster's fleet in a browser, over fake objects and real servers for pods."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from camslice.web.cluster.app import create_cluster_app
from camslice.web.cluster.fleet import ClusterFleet
from camslice.web.cluster.pod_client import pod_asker
from camslice.web.server import WebServer
from camslice.web.view import Condition
from tests.browser.conftest import Visitor
from tests.browser.test_wall import picture_of
from tests.fake_cluster import TOKEN, FakeCluster, FakePods, fleet_over
from tests.unit.events.made import wait_for


@dataclass
class Site:
    """A cluster with its pods, and the page over it."""

    cluster: FakeCluster
    pods: FakePods
    fleet: ClusterFleet
    server: WebServer


@pytest.fixture
def site(visitor: Visitor) -> Iterator[Site]:
    cluster = FakeCluster()
    pods = FakePods(cluster)
    fleet = fleet_over(cluster, pods)
    ask = pod_asker(lambda: TOKEN, port=pods.port)
    server = WebServer(create_cluster_app(fleet, token=None, ask=ask, stored=None), "127.0.0.1", 0)
    server.start()
    fleet.start()
    visitor.servers.append(server)
    yield Site(cluster, pods, fleet, server)
    fleet.close()
    pods.close()


def fill(site: Site, pods: int, each: int) -> None:
    """So many pods with so many cameras."""
    for pod in range(pods):
        names = [f"camera-{pod:02}-{number:02}" for number in range(each)]
        site.pods.add(names)
        for name in names:
            site.cluster.camera(name)


def test_the_wall_shows_pictures_of_all_pods_and_says_what_the_operator_says(
    visitor: Visitor, site: Site, tmp_path: Path
) -> None:
    fill(site, pods=3, each=2)
    site.cluster.camera("attic", state="refused", reason="no slot for people at 25 frames/s is free on nodes of shape site-a")
    site.cluster.conditions(
        Condition("Ready", False, "Refused", "1 of 7 cameras has no place", True),
        Condition("WithinObjective", True, "", "p95 is 118 ms, 500 ms allowed", False),
        Condition("NoCapacity", True, "InsufficientCapacity", "no g4dn.xlarge on demand in us-east-1a", True),
        Condition("Degraded", False, "", "", False),
    )
    page = visitor.page()
    page.goto(site.server.url)
    page.wait_for_selector('[data-camera="camera-02-01"][data-state="live"]')
    for name in ("camera-00-00", "camera-01-01", "camera-02-01"):
        picture_of(page, name)
    assert page.get_attribute('[data-camera="attic"]', "data-state") == "refused"
    assert "no slot for people" in page.inner_text('[data-camera="attic"] .tile-veil-reason')
    assert page.locator("#add-camera").count() == 0
    assert page.locator("#conditions li").count() == 4
    assert page.locator('#conditions li[data-bad="true"] strong').all_inner_texts() == ["Ready", "NoCapacity"]
    assert page.inner_text("#cluster-facts") == "Fleet site in namespace video. 3 of 3 pods answer. 1 camera is refused."
    assert page.inner_text("#figure-usd .value") == "$9.17"
    assert "NoCapacity: no g4dn.xlarge" in page.inner_text("#problems")
    page.screenshot(path=os.environ.get("CAMSLICE_CLUSTER_PICTURE") or str(tmp_path / "page.png"), full_page=True)


def test_one_camera_says_in_which_pod_it_is_and_where_its_time_goes(visitor: Visitor, site: Site) -> None:
    fill(site, pods=2, each=2)
    page = visitor.page()
    page.goto(site.server.url)
    page.wait_for_selector('[data-camera="camera-01-01"][data-state="live"]')
    page.click('[data-camera="camera-01-01"] .tile-open')
    page.wait_for_selector("#closeup-streams .stages tbody tr")
    assert "site-a-0-2" in page.inner_text("#closeup-facts")
    assert page.locator('#closeup [data-do="remove"]').count() == 0
    wait_for(lambda: page.evaluate("() => document.querySelector('#closeup canvas').width") > 100, "the large picture")


def test_a_pod_that_dies_is_seen_and_its_cameras_come_back_from_another(visitor: Visitor, site: Site) -> None:
    fill(site, pods=1, each=2)
    page = visitor.page()
    page.goto(site.server.url)
    page.wait_for_selector('[data-camera="camera-00-01"][data-state="live"]')
    site.pods.remove("site-a-0-1")
    page.wait_for_selector('[data-camera="camera-00-01"][data-state="pending"]')
    site.pods.add(["camera-00-00", "camera-00-01"], name="site-a-1-1")
    page.wait_for_selector('[data-camera="camera-00-01"][data-state="live"]')
    picture_of(page, "camera-00-01")


def test_a_wall_of_hundreds_fetches_only_what_is_on_the_screen(visitor: Visitor, site: Site) -> None:
    fill(site, pods=10, each=60)
    page = visitor.page()
    page.goto(site.server.url)
    page.wait_for_selector('[data-camera="camera-00-00"][data-state="live"]')
    picture_of(page, "camera-00-00")
    assert page.inner_text("#count-all") == "600"
    assert page.locator(".tile").count() == 240
    assert page.inner_text("#more") == "Show more (360 of 600 cameras are not on this page)"
    watched = {name for fleet in site.pods.fleets.values() for names in fleet.watched for name in names}
    assert "camera-00-00" in watched
    assert len(watched) < 120
    page.fill("#search", "camera-09-59")
    page.wait_for_selector('[data-camera="camera-09-59"][data-state="live"]')
    assert page.locator(".tile").count() == 1
    picture_of(page, "camera-09-59")
    page.fill("#search", "")
    page.click("#more")
    wait_for(lambda: page.locator(".tile").count() == 480, "more tiles")
