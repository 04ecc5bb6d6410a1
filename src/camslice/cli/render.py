"""`camslice render PLAN --out DIR`: what a plan asks of a Kubernetes cluster, as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from camslice.cli.options import AsJson


def render(
    plan: Annotated[Path, typer.Argument(help="a plan of `camslice plan --out`", metavar="PLAN")],
    out: Annotated[Path, typer.Option(help="the folder that is written; what an earlier call wrote there is replaced")],
    fleet: Annotated[Path | None, typer.Option(help="the fleet file, if it no longer lies where the plan says")] = None,
    name: Annotated[str | None, typer.Option(help="of the CameraFleet; the fleet file's when left out")] = None,
    namespace: Annotated[str, typer.Option(help="where the fleet is to run")] = "default",
    image: Annotated[str | None, typer.Option(help="the image of camera pods; the chart's default when left out")] = None,
    catalogue: Annotated[Path | None, typer.Option(help="instance types, as they were planned with", metavar="FILE")] = None,
    weights_claim: Annotated[str | None, typer.Option(help="the PersistentVolumeClaim that holds weights")] = None,
    weights_image: Annotated[str | None, typer.Option(help="the image that holds weights")] = None,
    weights_url: Annotated[str | None, typer.Option(help="the object store that holds weights, such as s3://...")] = None,
    weights_fetcher: Annotated[str | None, typer.Option(help="the image that copies from --weights-url")] = None,
    cluster_name: Annotated[str, typer.Option(help="of the EKS cluster; Karpenter finds its networks by it")] = "camslice",
    role: Annotated[str, typer.Option(help="the IAM role of nodes")] = "KarpenterNodeRole-camslice",
    preview_pods: Annotated[
        bool, typer.Option("--preview-pods", help="write the pods, too, that the operator would make of it")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write a CameraFleet, its Cameras, and Karpenter's node pools: what depends on the plan, and nothing else.

    Pods are the operator's; --preview-pods shows what it would make. The same plan gives the same files.

    Exit code 2: bad input, or something that a cluster cannot do.
    """
    from camslice.cli.render_run import Asked, run_render

    run_render(
        Asked(
            plan,
            out,
            fleet,
            name,
            namespace,
            image,
            catalogue,
            (weights_claim, weights_image, weights_url, weights_fetcher),
            cluster_name,
            role,
        ),
        preview_pods=preview_pods,
        as_json=as_json,
    )
