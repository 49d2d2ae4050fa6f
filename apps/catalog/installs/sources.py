"""Understand what somebody names as the place of a model."""

import re
from dataclasses import dataclass

from django.utils.translation import gettext as _

from apps.catalog.models import InstallSource
from apps.catalog.storage import is_safe_path
from apps.core.errors import Invalid
from apps.core.fetch_targets import FetchRefused, checked_url

# "owner/name", a revision behind "@", a file or folder of it behind ":".
_HUB = re.compile(
    r"(?P<owner>[A-Za-z0-9][\w.-]{0,95})/(?P<name>[A-Za-z0-9][\w.-]{0,95})"
    r"(?:@(?P<revision>[\w./-]{1,100}))?(?::(?P<path>.{1,200}))?"
)
_S3 = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,62})/(?P<key>.{1,1000})")


@dataclass(frozen=True, slots=True)
class HubName:
    """A repository of the model hub, and what of it is wanted; all of it without a `path`."""

    repository: str
    revision: str
    path: str


@dataclass(frozen=True, slots=True)
class S3Place:
    """A file in a bucket, or all below a key that ends with "/"."""

    bucket: str
    key: str


def kind_of_source(source: str) -> InstallSource:
    """Return what kind of place `source` names.

    Raises:
        Invalid: none that Easel can install from.
    """
    if source.startswith("s3://"):
        parse_s3(source)
        return InstallSource.S3
    if "://" in source:
        try:
            checked_url(source)
        except FetchRefused as error:
            raise Invalid(fields={"source": [error.detail]}) from error
        return InstallSource.URL
    parse_hub(source)
    return InstallSource.HUB


def parse_hub(source: str) -> HubName:
    """Take the name of a repository apart; raises as `kind_of_source`."""
    found = _HUB.fullmatch(source)
    path = (found["path"] or "") if found else ""
    revision = (found["revision"] or "main") if found else ""
    if found is None or ".." in source or (path and not is_safe_path(path)):
        raise _unknown()
    return HubName(f"{found['owner']}/{found['name']}", revision, path)


def parse_s3(source: str) -> S3Place:
    """Take the address of a file in a bucket apart; raises as `kind_of_source`."""
    found = _S3.fullmatch(source)
    if found is None or not is_safe_path(found["key"].rstrip("/")):
        raise _unknown()
    return S3Place(found["bucket"], found["key"])


def _unknown() -> Invalid:
    message = _("Name a model of the hub (owner/name), or an address that begins with https://.")
    return Invalid(fields={"source": [message]})
