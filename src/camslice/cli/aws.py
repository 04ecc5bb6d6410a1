"""AWS by way of boto3, which is an extra; what it raises is told in a sentence."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

from camslice.fleet.errors import CamsliceError
from camslice.plan.catalogue.refresh import AwsClient

_CONNECT_S, _TRIES = 10, 3
"""Where no way leads to AWS, it is said within half a minute, and not after boto3's five."""


def aws_client(what: str, kind: type[CamsliceError]) -> Callable[[str, str], AwsClient]:
    """Makes clients for a service in a region. Raises an error of that kind where boto3 is not here, saying `what` needs it."""
    try:
        boto3 = importlib.import_module("boto3")
        config = importlib.import_module("botocore.config").Config(
            connect_timeout=_CONNECT_S, retries={"max_attempts": _TRIES, "mode": "standard"}
        )
    except ImportError:
        raise kind(f"{what} with boto3, which is not here; install it with: pip install 'camslice[aws]'.") from None

    def client(service: str, region: str) -> AwsClient:
        return cast("AwsClient", boto3.client(service, region_name=region, config=config))

    return client


@contextmanager
def told_plainly(kind: type[CamsliceError], rights: str) -> Iterator[None]:
    """What boto3 raises, as a sentence of that kind. `rights`: those that the credentials need."""
    try:
        yield
    except CamsliceError:
        raise
    except Exception as error:
        if not type(error).__module__.startswith(("botocore", "boto3")):
            raise
        raise kind(_sentence(error, rights)) from None


def _sentence(error: Exception, rights: str) -> str:
    name = type(error).__name__
    if name in {"NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "TokenRetrievalError"}:
        return "AWS wants credentials, and none were found; set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        code = response.get("Error", {}).get("Code", name)
        operation = getattr(error, "operation_name", "an operation")
        return f"AWS refuses {operation} ({code}); the credentials need {rights}, and the region must exist."
    first = str(error).split("\n", 1)[0].rstrip(".")
    return f"AWS cannot be asked ({first[:200]}); check the network, the region and the credentials."
