"""A cluster's API server as the commands use it: objects as plain mappings, and every failure in one sentence.

The connection (kubeconfig, certificates, tokens, exec plug-ins) is lightkube's, of the extra `cluster`. What a sentence says
comes from the server's own status or names the failure; credentials never stand in one.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from camslice.fleet.errors import ClusterError
from camslice.fleet.secrets import redact

if TYPE_CHECKING:
    import httpx2 as httpx

Manifest = dict[str, Any]
FIELD_MANAGER = "camslice"
_TIMEOUT_S = 15.0
_CHUNK = 500
_BUSY = (429, 503)
_TRIES = 5
_LONGEST_PAUSE_S = 5.0


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object and where the API server has it."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool = True

    def path(self, namespace: str | None = None, name: str | None = None) -> str:
        """Of the collection in a namespace (None: everywhere), or of one object."""
        root = "/api/v1" if self.api_version == "v1" else f"/apis/{self.api_version}"
        place = f"/namespaces/{namespace}" if self.namespaced and namespace is not None else ""
        return f"{root}{place}/{self.plural}" + ("" if name is None else f"/{name}")


NAMESPACE = Kind("v1", "Namespace", "namespaces", namespaced=False)
NODE = Kind("v1", "Node", "nodes", namespaced=False)
POD = Kind("v1", "Pod", "pods")
EVENT = Kind("v1", "Event", "events")
CONFIG_MAP = Kind("v1", "ConfigMap", "configmaps")
DEPLOYMENT = Kind("apps/v1", "Deployment", "deployments")
DAEMON_SET = Kind("apps/v1", "DaemonSet", "daemonsets")
CRD = Kind("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions", namespaced=False)
NODE_POOL = Kind("karpenter.sh/v1", "NodePool", "nodepools", namespaced=False)
NODE_CLAIM = Kind("karpenter.sh/v1", "NodeClaim", "nodeclaims", namespaced=False)
NODE_OVERLAY = Kind("karpenter.sh/v1alpha1", "NodeOverlay", "nodeoverlays", namespaced=False)
EC2_NODE_CLASS = Kind("karpenter.k8s.aws/v1", "EC2NodeClass", "ec2nodeclasses", namespaced=False)
KWOK_NODE_CLASS = Kind("karpenter.kwok.sh/v1alpha1", "KWOKNodeClass", "kwoknodeclasses", namespaced=False)
CAMERA_FLEET = Kind("camslice.dev/v1alpha1", "CameraFleet", "camerafleets")
CAMERA = Kind("camslice.dev/v1alpha1", "Camera", "cameras")
APPLIED = (EC2_NODE_CLASS, KWOK_NODE_CLASS, NODE_POOL, NODE_OVERLAY, CAMERA_FLEET, CAMERA)
"""Kinds that a plan renders to, in the order in which they are applied."""


def kind_of(manifest: Mapping[str, Any]) -> Kind:
    """Of an object that is applied. Raises ClusterError."""
    for kind in APPLIED:
        if kind.kind == manifest["kind"] and kind.api_version == manifest["apiVersion"]:
            return kind
    raise ClusterError(f"objects of kind {manifest['kind']} ({manifest['apiVersion']}) are not deployed by camslice.")


class RequestError(ClusterError):
    """The API server refused a request; `code` is its HTTP status."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class AwayError(ClusterError):
    """The API server did not answer."""


def passes(error: Exception) -> bool:
    """Whether the same request may go well later, with nobody mending anything: the server is away, busy or starting."""
    if isinstance(error, RequestError):
        return error.code in (408, 429) or error.code >= 500
    return isinstance(error, AwayError)


def connect(kubeconfig: Path | None, context: str | None, namespace: str | None = None) -> Cluster:
    """The cluster of that kubeconfig file, else of our own pod, else of KUBECONFIG or ~/.kube/config. Opens no connection yet.

    Raises ClusterError.
    """
    try:
        from lightkube import KubeConfig
        from lightkube.config.client_adapter import Client, ConnectionParams
        from lightkube.config.models import User
        from lightkube.core.exceptions import ConfigError
    except ImportError:
        raise ClusterError("asking a cluster needs lightkube; install it with: pip install 'camslice[cluster]'") from None
    import httpx2 as httpx
    import yaml

    where = "" if kubeconfig is None else f"--kubeconfig {kubeconfig}: "
    advice = "name a kubeconfig file with --kubeconfig or in KUBECONFIG"
    try:
        found = KubeConfig.from_env() if kubeconfig is None else KubeConfig.from_file(kubeconfig)
    except (ConfigError, OSError):
        missing = where or ("KUBECONFIG: " if os.environ.get("KUBECONFIG") else "~/.kube/config: ")
        raise ClusterError(f"{missing}there is no such file, so no cluster is known; {advice}.") from None
    except (yaml.YAMLError, KeyError, TypeError, AttributeError, ValueError):
        raise ClusterError(f"{where}this is no kubeconfig file; {advice}.") from None
    try:
        config = found.get(context)
    except ConfigError:
        known = ", ".join(sorted(found.contexts)) or "none"
        raise ClusterError(f"{where}there is no context {context or 'in use'}; name one with --context ({known}).") from None
    except KeyError as error:
        raise ClusterError(f"{where}its context names {error}, which the file does not hold; {advice}.") from None
    if config is None:
        raise ClusterError(f"{where}no context is in use; name one with --context.")
    try:
        http = Client(config._replace(user=config.user or User()), ConnectionParams(timeout=httpx.Timeout(_TIMEOUT_S)))
    except (ConfigError, OSError, ValueError) as error:
        raise ClusterError(f"{where}its certificates or keys cannot be read ({type(error).__name__}); {advice}.") from None
    return Cluster(http, namespace or config.namespace)


class Cluster:
    """An API server. Thread-safe. Owns its connections: close it, or use it as a context.

    `repeated` counts requests that were sent again because the server was busy, by its HTTP status.
    """

    def __init__(self, http: httpx.Client, namespace: str) -> None:
        self._http = http
        self.namespace = namespace
        self.server = str(http.base_url).rstrip("/")
        self._counting = threading.Lock()
        self.repeated: Counter[int] = Counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, kind: Kind, name: str, namespace: str | None = None) -> Manifest | None:
        """The object, or None where there is none or its kind is not known. Raises ClusterError."""
        try:
            return self.json("GET", kind.path(namespace or self.namespace, name))
        except RequestError as error:
            if error.code == 404:
                return None
            raise

    def list(self, kind: Kind, namespace: str | None = None, *, labels: str = "", fields: str = "") -> Iterator[Manifest]:
        """Those in a namespace, or everywhere; none where the kind is not known. Raises ClusterError."""
        try:
            for page in self.pages(kind, namespace, labels=labels, fields=fields):
                yield from page.get("items") or ()
        except RequestError as error:
            if error.code != 404:
                raise

    def pages(self, kind: Kind, namespace: str | None = None, *, labels: str = "", fields: str = "") -> Iterator[Manifest]:
        """The same as the server's lists, some hundred objects each; all are of the version in the metadata of the last.

        Raises ClusterError, also where the kind is not known.
        """
        query = {"limit": str(_CHUNK), "labelSelector": labels, "fieldSelector": fields, "continue": ""}
        while True:
            page = self.json("GET", kind.path(namespace), {key: value for key, value in query.items() if value})
            yield page
            query["continue"] = (page.get("metadata") or {}).get("continue") or ""
            if not query["continue"]:
                return

    def lines(self, path: str, query: Mapping[str, str], patience_s: float) -> Iterator[str]:
        """What the server sends at a path, line by line, until it ends it: first an empty line, as soon as it has agreed.

        Raises ClusterError; AwayError after `patience_s` without a line, for the other end may be gone without a word.
        """
        import httpx2 as httpx

        timeout = httpx.Timeout(_TIMEOUT_S, read=patience_s)
        try:
            with self._http.stream("GET", path, params=query, timeout=timeout) as answer:
                if answer.status_code >= 300:
                    answer.read()
                    raise RequestError(answer.status_code, self._refusal(answer, path))
                yield ""
                yield from answer.iter_lines()
        except (httpx.HTTPError, OSError) as error:
            raise _not_answered(self.server, error) from None

    def apply(self, kind: Kind, manifest: Mapping[str, Any], *, dry_run: bool = False, force: bool = False) -> Manifest:
        """Server-side apply, strictly validated. Returns the object as it is then. Raises ClusterError."""
        metadata = manifest["metadata"]
        query = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict", "force": "true" if force else "false"}
        if dry_run:
            query["dryRun"] = "All"
        path = kind.path(metadata.get("namespace") or self.namespace, metadata["name"])
        return self.json("PATCH", path, query, manifest, "application/apply-patch+yaml")

    def delete(self, kind: Kind, name: str, namespace: str | None = None) -> None:
        """Delete the object, if it is there. Raises ClusterError."""
        try:
            self.json("DELETE", kind.path(namespace or self.namespace, name), {"propagationPolicy": "Background"})
        except RequestError as error:
            if error.code != 404:
                raise

    def may(self, verb: str, kind: Kind, namespace: str | None) -> bool:
        """Whether we are allowed to. Raises ClusterError."""
        group = "" if kind.api_version == "v1" else kind.api_version.split("/")[0]
        asked: Manifest = {"verb": verb, "group": group, "resource": kind.plural}
        if kind.namespaced and namespace is not None:
            asked["namespace"] = namespace
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": asked},
        }
        answer = self.json("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", None, review)
        return bool(answer.get("status", {}).get("allowed"))

    def json(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        media: str = "application/json",
        *,
        patience_s: float | None = None,
    ) -> Manifest:
        """One request; a server that is busy is asked again a few times. Raises ClusterError.

        `patience_s`: how long it may take to connect and to answer, each; with it nothing is asked again.
        """
        answer = self._answer(method, path, query, body, media, patience_s=patience_s)
        try:
            read = answer.json()
        except ValueError:
            raise ClusterError(
                f"{self.server} answers {path} with what is no JSON; check that it is a Kubernetes API."
            ) from None
        return read if isinstance(read, dict) else {}

    def text(self, path: str, query: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None) -> str:
        """What stands at a path, such as what a pod says through the API server. Raises ClusterError."""
        return self._answer("GET", path, query, None, "application/json", headers).text

    def _answer(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: Mapping[str, Any] | None,
        media: str,
        headers: Mapping[str, str] | None = None,
        patience_s: float | None = None,
    ) -> httpx.Response:
        import httpx2 as httpx
        from lightkube.core.exceptions import ConfigError

        sent = dict(headers or {})
        if body is not None:
            sent["Content-Type"] = media
        timeout = _TIMEOUT_S if patience_s is None else patience_s
        tries = _TRIES if patience_s is None else 1
        pause_s = 0.2
        for attempt in range(tries):
            try:
                answer = self._http.request(method, path, params=query, json=body, headers=sent, timeout=timeout)
            except (ConfigError, FileNotFoundError):
                raise ClusterError(
                    "the program that the kubeconfig names for logging in failed; run it by hand to see why, and log in again."
                ) from None
            except (httpx.HTTPError, OSError) as error:
                raise _not_answered(self.server, error) from None
            if answer.status_code not in _BUSY or attempt == tries - 1:
                break
            with self._counting:
                self.repeated[answer.status_code] += 1
            time.sleep(_asked_pause_s(answer.headers.get("Retry-After"), pause_s))
            pause_s *= 2
        if answer.status_code >= 300:
            raise RequestError(answer.status_code, self._refusal(answer, path))
        return answer

    def _refusal(self, answer: httpx.Response, path: str) -> str:
        code = answer.status_code
        if code == 401:
            return (
                f"{self.server} does not accept our credentials; they may have expired: log in again, or name another context."
            )
        try:
            told = str(answer.json().get("message") or "")
        except (ValueError, AttributeError):
            told = ""
        said = redact(" ".join(told.split()))[:600]
        if code == 403:
            return f"{self.server} forbids this ({said or path}); ask for these rights, or use another context."
        if code == 409 and "conflict" in said.lower():
            return f"somebody else has set what is applied here ({said}); take it over with --take-over."
        if code in (400, 422):
            return (
                f"{self.server} refuses the object ({said or path}); it may be of another version of camslice: render it again."
            )
        return f"{self.server} answers {path} with status {code}{f' ({said})' if said else ''}; try again."


def _asked_pause_s(retry_after: str | None, otherwise_s: float) -> float:
    """What the server asks for in seconds, within reason. It may also name a date, or nonsense: then as we see fit."""
    try:
        asked_s = otherwise_s if retry_after is None else float(retry_after)
    except ValueError:
        asked_s = otherwise_s
    return min(max(asked_s, 0.0), _LONGEST_PAUSE_S) if math.isfinite(asked_s) else otherwise_s


def _not_answered(server: str, error: Exception) -> ClusterError:
    words = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in words:
        return ClusterError(
            f"{server}: its certificate is not signed by the authority in the kubeconfig; fetch the kubeconfig anew."
        )
    reason = "no answer in time" if "imeout" in type(error).__name__ else redact(words).strip() or type(error).__name__
    return AwayError(f"{server} cannot be reached ({reason}); check the network, or name another context with --context.")
