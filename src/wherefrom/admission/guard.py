"""What a review is answered: the one place where a cluster's yes and no are made.

    Review ─┬ DELETE, CONNECT, an exempt namespace, nothing to run, the images it had ──► let in
            └ images ──each by a digest?──► Asking ──► all yes ──► let in
                        └ no ──► kept out     ├ a no ──► kept out, with rule and remedy
                                              └ cannot tell ──► as the namespace's mode says

*The images it had*: an update that runs just what ran before is let in, so that a cluster heals,
scales and cleans up whatever became of its images since; pods are looked at when they are made.
A tag is no answer to "what will run", so an image without a digest is kept out; ``mutate`` gives
it one. In an ``open`` namespace what cannot be told goes in, with a warning; a no is a no.

Sizes:  what is said of one image REASONS_MAX rules, of one review IMAGES_SAID_MAX images
Source: docs/admission.md; decision 0042
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from wherefrom.admission.asking import Asking
from wherefrom.admission.deciding import CannotTell, No, Told, Yes
from wherefrom.admission.pins import Pins
from wherefrom.admission.records import Decided
from wherefrom.errors import Error, Malformed
from wherefrom.formats import image_reference
from wherefrom.formats.admission_review import Answer, Review
from wherefrom.formats.admission_settings import AdmissionSettings, Place
from wherefrom.formats.external_data import Item
from wherefrom.formats.pod_images import ImageUse

REASONS_MAX: Final = 3
IMAGES_SAID_MAX: Final = 10
_PIN: Final = "Name the image by its digest: HOST/NAME@sha256:…"


class Decision(NamedTuple):
    """An answer, and what kind it is, for those who count.

    how  ``allowed``, ``denied``, ``open`` (let in untold), ``exempt``, ``unchanged``, ``nothing``
    """

    answer: Answer
    how: str
    environment: str = ""


class _Looked(NamedTuple):
    """What came of the images of one object, by reference."""

    digests: Mapping[str, str]
    told: Mapping[str, Told]
    unpinned: Mapping[str, str]

    def of(self, image: str) -> Told | None:
        return self.told[self.digests[image]] if image in self.digests else None


class Guard:
    """Answers reviews. One event loop.

    wait_s  how long a review may take; an API server says itself if it waits for less
    """

    def __init__(
        self,
        asking: Asking,
        settings: AdmissionSettings,
        *,
        decided: Decided,
        wait_s: float,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.asking, self._decided = asking, decided
        self.wait_s, self._clock = wait_s, clock
        self._pins = Pins(wait_s=wait_s)
        self.use(settings)

    def use(self, settings: AdmissionSettings) -> None:
        """Guard by these settings from now on."""
        self.settings = settings
        self._pins.use(settings.registries)
        self._decided.cluster = settings.cluster

    async def validate(self, review: Review, *, wait_s: float) -> Decision:
        """May it in?"""
        early, place = self._early(review)
        if early is not None:
            return early
        try:
            uses = review.images()
        except Error as error:
            said = f"wherefrom cannot read what this would run: {error}"
            return self._denied(said, place, "unreadable")
        if not uses:
            return _let_in("nothing", place)
        if {use.image for use in uses} <= review.images_before():
            return _let_in("unchanged", place, warnings=_tags_of(uses))
        looked = await self._look(uses, place.environment, wait_s)
        self._record(looked, place, dry_run=review.dry_run)
        return self._judged(uses, looked, place)

    def _early(self, review: Review) -> tuple[Decision | None, Place]:
        place = self.settings.of(review.namespace)
        if review.operation in ("DELETE", "CONNECT"):
            return _let_in("nothing", place), place
        return (_let_in("exempt", place) if place.exempt else None), place

    async def _look(self, uses: Iterable[ImageUse], environment: str, wait_s: float) -> _Looked:
        digests: dict[str, str] = {}
        unpinned: dict[str, str] = {}
        for image in dict.fromkeys(use.image for use in uses):
            try:
                reference = image_reference.parse(image)
            except Error as error:
                unpinned[image] = f"{error.what}; expected {error.expected}"
                continue
            if reference.digest is None:
                unpinned[image] = "it is named by what may move, not by its digest"
            else:
                digests[image] = reference.digest
        # What is named alike is asked once (kyverno#16657).
        told = await self.asking.ask(list(digests.values()), environment, wait_s=wait_s)
        return _Looked(digests, told, unpinned)

    def _record(self, looked: _Looked, place: Place, *, dry_run: bool) -> None:
        if dry_run:
            return
        day = f"{self._clock():%Y-%m-%d}"
        for image, artifact in looked.digests.items():
            self._decided.tell(
                looked.told[artifact], artifact=artifact, image=image, day=day,
                environment=place.environment, policy=self.asking.policy,
                digest=self.asking.digest,
            )  # fmt: skip

    def _judged(self, uses: Sequence[ImageUse], looked: _Looked, place: Place) -> Decision:
        against: list[str] = []
        untold: list[str] = []
        firsts: dict[str, ImageUse] = {}
        for use in uses:
            firsts.setdefault(use.image, use)
        for image, first in firsts.items():
            found = looked.of(image)
            if isinstance(found, Yes):
                continue
            said = f"{image} ({first.place})"
            if found is None:
                against.append(f"{said}: {looked.unpinned[image]}. {_PIN}")
            elif isinstance(found, No):
                against.append(f"{said}: {_reasons(found)}")
            elif isinstance(found, CannotTell):
                untold.append(f"{said}: {found.why}")
        if against:
            return self._denied(self._says(place, against + untold), place, "denied")
        if untold and place.mode == "closed":
            said = f"{self._says(place, untold)} What cannot be told is not let in here"
            return self._denied(said, place, "untold")
        if untold:
            return self._open(untold, place)
        excused = [
            f"{_short(image)}: {one}"
            for image, artifact in looked.digests.items()
            for one in getattr(looked.told[artifact], "excused", ())
        ]
        return _let_in("allowed", place, warnings=excused, audit=self._audit(looked, excused))

    def _says(self, place: Place, said: Sequence[str]) -> str:
        where = f" for {place.environment}" if place.environment else ""
        shown = list(said[:IMAGES_SAID_MAX])
        if len(said) > IMAGES_SAID_MAX:
            shown.append(f"and {len(said) - IMAGES_SAID_MAX} more")
        return f"policy {self.asking.policy.name}{where} keeps out: {'; '.join(shown)}."

    def _denied(self, message: str, place: Place, why: str) -> Decision:
        audit = {"decision": "denied", "why": why, "environment": place.environment}
        return Decision(Answer(False, message, audit=audit), "denied", place.environment)

    def _open(self, untold: Sequence[str], place: Place) -> Decision:
        warnings = ["wherefrom: let in without a verdict; this namespace is open", *untold]
        audit = {
            "decision": "open", "why": "; ".join(untold[:REASONS_MAX]),
            "environment": place.environment,
        }  # fmt: skip
        return Decision(Answer(True, warnings=warnings, audit=audit), "open", place.environment)

    def _audit(self, looked: _Looked, excused: Sequence[str]) -> dict[str, str]:
        policy = self.asking.policy
        yes = [one for one in looked.told.values() if isinstance(one, Yes)]
        return {
            "policy": f"{policy.name} {policy.version} {self.asking.digest}",
            "log": f"{yes[0].origin} {min(one.as_of for one in yes)}" if yes else "",
            "images": str(len(looked.told)),
            "excused": "; ".join(excused),
        }

    # -- tags

    async def mutate(self, review: Review, *, wait_s: float) -> Decision:
        """Give each image that a tag names the digest that it leads to now."""
        early, place = self._early(review)
        if early is not None:
            return early
        try:
            uses = review.images()
        except Error:
            return _let_in("nothing", place)  # what cannot be read is for ``validate`` to keep out
        new = [use for use in uses if use.image not in review.images_before()]
        pinned, failed = await self._pins.pinned([use.image for use in new], wait_s=wait_s)
        patch = [
            {"op": "replace", "path": use.pointer, "value": pinned[use.image]}
            for use in new
            if use.image in pinned
        ]
        warnings = [f"{_short(image)} keeps its tag: {why}" for image, why in failed.items()]
        answer = Answer(True, warnings=warnings, patch=patch, audit=_pins_told(pinned))
        return Decision(answer, "pinned" if patch else "nothing", place.environment)

    # -- Gatekeeper

    async def external(
        self, keys: Sequence[str], environment: str | None, *, wait_s: float
    ) -> list[Item]:
        """A value for each image that may run, an error for each that may not."""
        wanted = self.settings.environment if environment is None else environment
        uses = [ImageUse(key, "", ("keys", number)) for number, key in enumerate(keys)]
        looked = await self._look(uses, wanted, wait_s)
        return [self._item(key, looked, wanted) for key in keys]

    def _item(self, key: str, looked: _Looked, environment: str) -> Item:
        found = looked.of(key)
        if isinstance(found, Yes):
            return Item(key, {
                "allowed": True, "digest": looked.digests[key], "environment": environment,
                "policy": {"name": self.asking.policy.name, "digest": self.asking.digest},
                "log": {"origin": found.origin, "size": found.as_of},
            })  # fmt: skip
        if found is None:
            return Item(key, error=f"{looked.unpinned[key]}. {_PIN}")
        return Item(key, error=_reasons(found) if isinstance(found, No) else found.why)

    def close(self) -> None:
        """Ask nobody any more."""
        self.asking.close()
        self._pins.close()


def _let_in(
    how: str, place: Place, *, warnings: Sequence[str] = (), audit: Mapping[str, str] = {}
) -> Decision:
    said = {"decision": how, "environment": place.environment, **audit}
    kept = {key: text for key, text in said.items() if text}
    return Decision(Answer(True, warnings=warnings, audit=kept), how, place.environment)


def _tags_of(uses: Iterable[ImageUse]) -> list[str]:
    """A word for each image that would not be let in anew."""
    said = []
    for image in dict.fromkeys(use.image for use in uses):
        try:
            pinned = image_reference.parse(image).digest is not None
        except Malformed:
            pinned = False
        if not pinned:
            said.append(f"{_short(image)} has no digest: a new pod of it is kept out")
    return said


def _pins_told(pinned: Mapping[str, str]) -> dict[str, str]:
    return {"pinned": " ".join(pinned.values())} if pinned else {}


def _reasons(no: No) -> str:
    shown = []
    for why in no.reasons[:REASONS_MAX]:
        remedy = f" ({why.remedy})" if why.remedy else ""
        shown.append(f'rule "{why.rule}": {why.says}{remedy}')
    if len(no.reasons) > REASONS_MAX:
        shown.append(f"and {len(no.reasons) - REASONS_MAX} more rules")
    return ", ".join(shown) or "the policy says no"


def _short(image: str) -> str:
    """With twelve digits of a digest: enough to find it by, and there is room for why."""
    name, at, digest = image.partition("@")
    name = name if len(name) <= 100 else f"…{name[-99:]}"
    return f"{name}{at}{digest[:19]}…" if at else name
