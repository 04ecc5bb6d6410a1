"""`camslice deploy PLAN`: apply what a plan asks of a cluster, and wait until its fleet is ready."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from camslice.cli.options import AsJson


def deploy(
    plan: Annotated[Path, typer.Argument(help="a plan of `camslice plan --out`", metavar="PLAN")],
    fleet: Annotated[Path | None, typer.Option(help="the fleet file, if it no longer lies where the plan says")] = None,
    diff: Annotated[bool, typer.Option("--diff", help="show what would change, and change nothing")] = False,
    rollback: Annotated[bool, typer.Option("--rollback", help="apply the revision before the last one again")] = False,
    wait: Annotated[float, typer.Option(help="seconds until the fleet must be ready; 0: do not wait", min=0.0)] = 600.0,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="take over objects and fields that somebody else has set")
    ] = False,
    namespace: Annotated[str | None, typer.Option(help="where the fleet is to run; else that of the kubeconfig")] = None,
    kubeconfig: Annotated[
        Path | None, typer.Option(help="how to reach the cluster; else our own pod's, else KUBECONFIG", metavar="FILE")
    ] = None,
    context: Annotated[str | None, typer.Option(help="of the kubeconfig; else the one in use")] = None,
    name: Annotated[str | None, typer.Option(help="of the CameraFleet; the fleet file's when left out")] = None,
    image: Annotated[str | None, typer.Option(help="the image of camera pods; the operator's when left out")] = None,
    catalogue: Annotated[Path | None, typer.Option(help="instance types, as they were planned with", metavar="FILE")] = None,
    weights_claim: Annotated[str | None, typer.Option(help="the PersistentVolumeClaim that holds weights")] = None,
    weights_image: Annotated[str | None, typer.Option(help="the image that holds weights")] = None,
    weights_url: Annotated[str | None, typer.Option(help="the object store that holds weights, such as s3://...")] = None,
    weights_fetcher: Annotated[str | None, typer.Option(help="the image that copies from --weights-url")] = None,
    cluster_name: Annotated[str, typer.Option(help="of the EKS cluster; Karpenter finds its networks by it")] = "camslice",
    role: Annotated[str, typer.Option(help="the IAM role of nodes")] = "KarpenterNodeRole-camslice",
    as_json: AsJson = False,
) -> None:
    """Check the cluster, apply the plan's objects, prune what an earlier deploy left, and wait until the fleet is ready.

    Every object is applied by the server (field manager camslice). The last five deploys are kept in the cluster; --rollback
    goes back to the one before, also after a deploy that failed half-way.

    Exit code 0: the fleet is ready (with --diff: nothing would change). 1: it did not become ready in time, and the output
    says why (with --diff: something would change). 2: bad input, or something that the cluster cannot do.
    """
    from camslice.cli.deploy_run import Deploy, run_deploy
    from camslice.cli.render_run import Asked

    weights = (weights_claim, weights_image, weights_url, weights_fetcher)
    asked = Asked(plan, None, fleet, name, namespace or "", image, catalogue, weights, cluster_name, role)
    raise typer.Exit(
        run_deploy(
            Deploy(asked, kubeconfig, context, namespace, diff, rollback, wait, take_over),
            as_json=as_json,
        )
    )
