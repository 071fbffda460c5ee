"""What clouds call a resource, in one spelling, as both its owner and its audit log say it.

    AWS      arn:aws:s3:::logs                                as written
    Azure    /subscriptions/…/resourceGroups/…                lower case: Azure compares so
    Google   //compute.googleapis.com/projects/p/zones/z/…    of a self link

Sizes:  one that is too long for the name of a place is named by nothing
Source: AWS, "Amazon Resource Names"; Azure Resource Manager, "Resource IDs"; Google, "Full resource
names"
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from wherefrom.formats.changes import public_name
from wherefrom.formats.states import PART_BYTES_MAX

_SELF_LINK: Final = re.compile(
    r"https://(?:www\.googleapis\.com/(?P<old>[a-z]+)/(?:v\d\w*|beta|alpha)"
    r"|(?P<new>[a-z-]+)\.googleapis\.com/(?:[a-z]+/)?(?:v\d\w*|beta|alpha))/(?P<path>.+)"
)


def azure(id: str) -> str | None:
    """The id of a resource of Azure; None for what is none."""
    low = id.lower().rstrip("/")
    return low if low.startswith(("/subscriptions/", "/providers/")) else None


# What self links call a service, and its audit log otherwise.
_SERVICES: Final = {"sql": "cloudsql", "sqladmin": "cloudsql"}


def google(service: str, name: str) -> str:
    """The full name of a resource, of its service (``compute.googleapis.com``) and its name."""
    if name.startswith("//"):
        return name
    link = _SELF_LINK.fullmatch(name)
    if link is None:
        return f"//{service}/{name.lstrip('/')}"
    api = link["old"] or link["new"]
    path = link["path"]
    if api == "storage" and path.startswith("b/"):  # projects do not name buckets
        path = "projects/_/buckets/" + path.removeprefix("b/")
    return f"//{_SERVICES.get(api, api)}.googleapis.com/{path}"


def of_settings(settings: Mapping[str, Any]) -> Iterator[str]:
    """Each that the settings of a resource of Terraform name it by, without anybody's address."""
    yield from map(public_name, _said(settings))


def _said(settings: Mapping[str, Any]) -> Iterator[str]:
    arn, id, link = (settings.get(key) for key in ("arn", "id", "self_link"))
    if isinstance(arn, str) and arn.startswith("arn:") and _fits(arn):
        yield arn
    if isinstance(id, str) and (found := azure(id)) and _fits(found):
        yield found
    if isinstance(link, str) and _SELF_LINK.fullmatch(link) and _fits(full := google("", link)):
        yield full


def _fits(name: str) -> bool:
    return len(name.encode("utf-8", "surrogatepass")) <= PART_BYTES_MAX
