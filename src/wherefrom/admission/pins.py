"""A tag becomes a digest: what it leads to now is what will run, and what is asked about.

    registry.example.com/cart:1.4 ──the registry, if the settings name it──► …/cart:1.4@sha256:ab…

Only registries that the settings name are asked: whoever may make a pod must not make this ask
whomever he likes. The tag stays, for people; with a digest it counts for nothing. What stood before
is written nowhere else.

Sizes:  TAGS_MAX tags a review · WORKERS registries are asked at once
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from wherefrom.capture.registry import Registry
from wherefrom.errors import Error
from wherefrom.formats import image_reference
from wherefrom.formats.image_reference import ImageReference

TAGS_MAX: Final = 100
WORKERS: Final = 4
_LATEST: Final = "latest"


class Pins:
    """Asks the registries that it may ask."""

    def __init__(self, *, wait_s: float) -> None:
        self._urls: Mapping[str, str] = {}
        self._wait_s = wait_s
        self._threads = ThreadPoolExecutor(WORKERS, "wherefrom-pins")

    def use(self, registries: Mapping[str, str]) -> None:
        """Ask these from now on: by their host, where each answers."""
        self._urls = dict(registries)

    async def pinned(
        self, images: Collection[str], *, wait_s: float
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Each reference with its digest; and why not, of those that stay without."""
        found: dict[str, str] = {}
        failed: dict[str, str] = {}
        asked: dict[str, asyncio.Future[str]] = {}
        loop, urls = asyncio.get_running_loop(), self._urls
        for image in dict.fromkeys(images):
            try:
                reference = image_reference.parse(image)
            except Error as error:
                failed[image] = error.what
                continue
            if reference.digest is not None:
                continue
            url = urls.get(reference.registry)
            if url is None:
                failed[image] = f"the settings do not name the registry {reference.registry}"
            elif len(asked) >= TAGS_MAX:
                failed[image] = f"more than {TAGS_MAX} tags in one review"
            else:
                asked[image] = loop.run_in_executor(self._threads, self._digest_of, reference, url)
        if asked:
            await asyncio.wait(asked.values(), timeout=wait_s)
        for image, answer in asked.items():
            if not answer.done():
                answer.cancel()
                failed[image] = f"the registry did not answer in {wait_s:.3g} s"
            elif (problem := answer.exception()) is not None:
                failed[image] = str(problem)
            else:
                found[image] = f"{image}@{answer.result()}"
        return found, failed

    def close(self) -> None:
        """Ask nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _digest_of(self, reference: ImageReference, url: str) -> str:
        with Registry(url, environment=os.environ, wait_s=self._wait_s) as registry:
            return registry.digest_of(reference.repository, reference.tag or _LATEST)
