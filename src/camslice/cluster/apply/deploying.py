"""A deploy: apply what a plan renders to, prune what is no longer wanted, and keep what is needed to go back.

Nothing here waits; `waiting` looks at the fleet afterwards. The order is node classes, pools, overlays, the fleet, its cameras.
What is no longer wanted goes the other way round, and a node pool only once the fleet is ready without it: its nodes carry
cameras until then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

from camslice.cluster.apply.changes import Change, What, change_of, is_ours, marked
from camslice.cluster.apply.revisions import Records, Ref, Revision, target
from camslice.cluster.client import APPLIED, NODE, Cluster, Manifest, kind_of
from camslice.fleet.errors import ClusterError

_AT_ONCE = 8
_ORDER = [kind.kind for kind in APPLIED]
_OF_NODES = ("NodePool", "NodeOverlay", "EC2NodeClass", "KWOKNodeClass")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be in the cluster: the objects of the fleet of that name in a namespace."""

    fleet: str
    namespace: str
    objects: tuple[Manifest, ...]

    @property
    def ordered(self) -> list[Manifest]:
        """Marked as the fleet's, in the order in which they are applied."""
        of_kind = sorted(self.objects, key=lambda each: _ORDER.index(kind_of(each).kind))
        return [marked(each, self.namespace, self.fleet) for each in of_kind]


@dataclass(frozen=True, slots=True)
class Deployed:
    """What a deploy did. `left`: no longer wanted, and not yet pruned."""

    revision: Revision
    changes: tuple[Change, ...]
    left: frozenset[Ref]


def differences(cluster: Cluster, wanted: Wanted, *, take_over: bool = False) -> list[Change]:
    """What a deploy would change, by the server's own dry run. Changes nothing. Raises ClusterError."""
    before = _existing(cluster, wanted, take_over=take_over)
    records = Records(cluster, wanted.namespace, wanted.fleet)

    def one(manifest: Manifest) -> Change:
        ref = Ref.of(manifest)
        return change_of(ref, before.get(ref), cluster.apply(kind_of(manifest), manifest, dry_run=True, force=take_over))

    changes = list(_each(one, wanted.ordered))
    for ref in _unwanted(records.inventory(), wanted):
        found = cluster.get(ref.where, ref.name, ref.namespace or None)
        if found is not None and is_ours(found, wanted.namespace, wanted.fleet):
            changes.append(change_of(ref, found, None))
    return changes


def deploy(
    cluster: Cluster,
    wanted: Wanted,
    *,
    take_over: bool = False,
    back_to: int | None = None,
    told: Callable[[Change], None] = lambda _: None,
) -> Deployed:
    """Apply everything, and prune cameras that are no longer wanted. Raises ClusterError; what was applied then stays, and the
    next deploy or rollback takes it from there."""
    records = Records(cluster, wanted.namespace, wanted.fleet)
    before = _existing(cluster, wanted, take_over=take_over)
    known, revisions = records.inventory(), records.revisions()
    number = revisions[-1].number + 1 if revisions else 1
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    revision = Revision(number, wanted.objects, False, now, back_to)
    if revisions and revisions[-1].complete and revisions[-1].objects == wanted.objects and back_to is None:
        revision = revisions[-1]
    records.keep_inventory(known | {Ref.of(each) for each in wanted.objects})
    if revision.number == number:
        records.keep(revision)

    def one(manifest: Manifest) -> Change:
        ref = Ref.of(manifest)
        change = change_of(ref, before.get(ref), cluster.apply(kind_of(manifest), manifest, force=take_over))
        told(change)
        return change

    changes = list(_each(one, wanted.ordered))
    pruned, left = prune(cluster, wanted, lambda ref: ref.kind not in _OF_NODES)
    for change in pruned:
        told(change)
    records.finish(revision)
    return Deployed(revision, (*changes, *pruned), left)


def prune(cluster: Cluster, wanted: Wanted, may_go: Callable[[Ref], bool]) -> tuple[list[Change], frozenset[Ref]]:
    """Delete what earlier deploys of this fleet applied and is no longer wanted, as far as it `may_go`. Returns what was done,
    and what is left. Never touches an object that says it is not this fleet's. Raises ClusterError."""
    records = Records(cluster, wanted.namespace, wanted.fleet)
    known = records.inventory()
    done: list[Change] = []
    left: set[Ref] = set()
    gone: set[Ref] = set()
    for ref in _unwanted(known, wanted):
        if not may_go(ref):
            left.add(ref)
            continue
        found = cluster.get(ref.where, ref.name, ref.namespace or None)
        if found is not None and is_ours(found, wanted.namespace, wanted.fleet):
            cluster.delete(ref.where, ref.name, ref.namespace or None)
            done.append(Change(ref, What.PRUNED))
        gone.add(ref)
    if gone:
        records.keep_inventory(known - gone)
    return done, frozenset(left)


def without_nodes(cluster: Cluster) -> Callable[[Ref], bool]:
    """For `prune`, when nobody waits for the fleet: a node pool may go only where it has no node, and what it needs with it."""
    busy = {
        (each["metadata"].get("labels") or {}).get("karpenter.sh/nodepool")
        for each in cluster.list(NODE, labels="karpenter.sh/nodepool")
    }
    return lambda ref: ref.kind not in _OF_NODES or not any(pool and ref.name.startswith(pool) for pool in busy)


def last_but_one(cluster: Cluster, namespace: str, fleet: str) -> Revision:
    """The revision that a rollback goes back to. Raises ClusterError where there is none."""
    revisions = Records(cluster, namespace, fleet).revisions()
    found = target(revisions)
    if found is None:
        known = (
            "nothing was deployed"
            if not revisions
            else f"{len(revisions)} deploy{'s' if len(revisions) > 1 else ''}, all alike"
        )
        raise ClusterError(
            f"fleet {fleet} in {namespace}: there is no revision to go back to ({known}); deploy a plan instead."
        )
    return found


def _existing(cluster: Cluster, wanted: Wanted, *, take_over: bool) -> Mapping[Ref, Manifest]:
    """What is there of what is wanted. Raises ClusterError for what is there and not this fleet's."""
    refs = {Ref.of(each) for each in wanted.objects}
    found: dict[Ref, Manifest] = {}
    for kind in {kind_of(each).kind: kind_of(each) for each in wanted.objects}.values():
        for each in cluster.list(kind, wanted.namespace if kind.namespaced else None):
            full = {"apiVersion": kind.api_version, "kind": kind.kind, **each}
            ref = Ref(kind.kind, each["metadata"].get("namespace", "") if kind.namespaced else "", each["metadata"]["name"])
            if ref in refs:
                found[ref] = full
    foreign = sorted(ref for ref, each in found.items() if not is_ours(each, wanted.namespace, wanted.fleet))
    if foreign and not take_over:
        more = f" and {len(foreign) - 1} more" if len(foreign) > 1 else ""
        raise ClusterError(
            f"{foreign[0]}{more}: it is there already, and no deploy of {wanted.namespace}/{wanted.fleet} made it; name the "
            "fleet otherwise with --name, or make it this fleet's with --take-over."
        )
    return found


def _unwanted(known: Iterable[Ref], wanted: Wanted) -> list[Ref]:
    """Cameras first, node classes last."""
    current = {Ref.of(each) for each in wanted.objects}
    return sorted((each for each in known if each not in current), key=lambda ref: (-_ORDER.index(ref.kind), ref))


def _each(work: Callable[[Manifest], Change], manifests: Sequence[Manifest]) -> Iterator[Change]:
    """One kind after the other, several objects of a kind at once."""
    groups: dict[str, list[Manifest]] = {}
    for each in manifests:
        groups.setdefault(each["kind"], []).append(each)
    with ThreadPoolExecutor(_AT_ONCE) as workers:
        for group in groups.values():
            yield from workers.map(work, group)
