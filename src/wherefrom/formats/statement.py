"""in-toto statements: which things are spoken of, and under which ids they are known.

A statement binds subjects, by digest, to a predicate. Here are the statement and its subjects,
named by ``descriptors``; what a predicate says is read in ``slsa``, ``in_toto_steps``,
``witness``, ``test_result``, ``config_bundle``, ``release``, ``canary``, ``cause``, ``response``,
``catalog``, ``inventory``, ``vulns``, ``approval``, ``exception``, ``policy``, ``in_force``,
``turned``, ``rebuild``, ``feed``, ``incident``, ``maintenance``, ``measures`` or, where it is a
document of another format, in ``embedded``. The envelope around it is ``dsse``.

    {"_type", "subject": [{"name", "digest"}], "predicateType", "predicate"}
          document ──describes──► subject ◄──alternate── second digest, package URL
                                     ▲ name:tag, an interval, when it is an image

Sizes:  a predicateType is at most 256 bytes of UTF-8; ``recognise`` bounds ids, names and nodes
Source: in-toto attestation spec v1 (statement.md, resource_descriptor.md), spec v0.1.0
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from wherefrom.errors import Malformed, Unsupported
from wherefrom.formats import (
    approval,
    canary,
    catalog,
    cause,
    config_bundle,
    embedded,
    exception,
    feed,
    in_force,
    in_toto_steps,
    incident,
    inventory,
    maintenance,
    measures,
    policy,
    rebuild,
    release,
    response,
    slsa,
    strict_json,
    test_result,
    turned,
    vulns,
    witness,
)
from wherefrom.formats.descriptors import resource
from wherefrom.formats.digests import expected
from wherefrom.formats.dsse import STATEMENT_TYPES
from wherefrom.formats.entry import check_type
from wherefrom.formats.facts import Facts, FactsBuilder

_SPDX: Final = "https://spdx.dev/Document"
# What a statement is recorded as where it is not one attestation among others.
_ENTRY_KINDS: Final = {
    inventory.PREDICATE_TYPE: "observation",
    exception.PREDICATE_TYPE: "exception",
    policy.PREDICATE_TYPE: "policy",
    response.PREDICATE_TYPE: "change",
    feed.PREDICATE_TYPE: "observation",
    in_force.PREDICATE_TYPE: "policy",
    incident.PREDICATE_TYPE: "incident",
    measures.PREDICATE_TYPE: "system",
    turned.PREDICATE_TYPE: "observation",
    maintenance.PREDICATE_TYPE: "change",
}

# Predicates of our own: those that tell of their subjects, of the statement itself, or of both.
# Each gives the time that it says, or None.
_OF_SUBJECTS: Final[Mapping[str, Callable[..., str | None]]] = {
    ours.PREDICATE_TYPE: ours.add
    for ours in (
        canary,
        catalog,
        cause,
        config_bundle,
        incident,
        inventory,
        policy,
        release,
        response,
    )
}
_OF_ITSELF: Final[Mapping[str, Callable[..., str | None]]] = {
    ours.PREDICATE_TYPE: ours.add for ours in (approval, exception, feed, measures, rebuild)
}
_OF_BOTH: Final[Mapping[str, Callable[..., str | None]]] = {
    ours.PREDICATE_TYPE: ours.add for ours in (in_force, maintenance, turned)
}


class Told(NamedTuple):
    """What a statement told, beside the nodes and edges that went into the builder."""

    predicate_type: str
    subjects: tuple[str, ...]
    occurred: str | None
    producers: tuple[str, ...]

    def close(self, builder: FactsBuilder, *, kind: str, type: str | None = None) -> Facts:
        """Close ``builder``; ``type`` where it is not the predicate's."""
        return builder.build(
            kind=_ENTRY_KINDS.get(self.predicate_type, kind),
            type=type or self.predicate_type,
            occurred=self.occurred,
            producers=self.producers,
        )


def recognises(document: Mapping[str, Any]) -> bool:
    """Whether this is, or means to be, a bare in-toto statement."""
    kind = document.get("_type")
    if isinstance(kind, str):
        return kind.startswith("https://in-toto.io/Statement")
    return "predicateType" in document and ("subject" in document or "predicate" in document)


def facts(document: Mapping[str, Any], *, document_id: str) -> Facts:
    """The facts of a bare statement.

    document_id  ``sha256:`` of the content's bytes: the node of the record itself

    Raises Unsupported for another ``_type``, Malformed for a broken statement, LimitPassed.
    """
    builder = FactsBuilder(document=document_id)
    told = describe(builder, document, document_id=document_id)
    return told.close(builder, kind="attestation")


def describe(
    builder: FactsBuilder,
    statement: Mapping[str, Any],
    *,
    document_id: str,
    where: str = "",
    statement_id: str | None = None,
) -> Told:
    """Add what ``statement`` says to ``builder``, about the record ``document_id``.

    where         path of the statement in the record, for messages
    statement_id  what stands for this statement where a build has no id of its own; the record
                  when it holds one statement only

    Raises Unsupported, Malformed or LimitPassed as ``facts`` does.
    """
    kind = strict_json.need_string(statement, "_type", where=where)
    if kind not in STATEMENT_TYPES:
        raise Unsupported(
            "not a version of the in-toto statement that is read here",
            where=_at(where, "_type"),
            expected=" or ".join(STATEMENT_TYPES),
            got=kind,
        )
    predicate_type = strict_json.need_string(statement, "predicateType", where=where)
    check_type(predicate_type, where=_at(where, "predicateType"))
    predicate = _predicate_of(statement, predicate_type, where)
    builder.node(
        document_id,
        "attestation",
        properties={"predicateType": predicate_type, "statementType": kind},
    )
    subjects = []
    for index, item in enumerate(strict_json.need_array(statement, "subject", where=where)):
        place = _at(where, f"subject[{index}]")
        subject = strict_json.as_object(item, where=place)
        _check_digest(subject, where=place)
        node = resource(builder, subject, where=place)
        assert node is not None  # a checked digest always names something
        builder.edge(document_id, "describes", node)
        subjects.append(node)
    if not subjects:
        raise Malformed(
            "a statement about nothing", where=_at(where, "subject"), expected="a subject at least"
        )
    dated = _predicate(
        builder,
        predicate,
        predicate_type=predicate_type,
        subjects=subjects,
        document_id=document_id,
        statement_id=statement_id or document_id,
        where=_at(where, "predicate"),
    )
    producers = (dated.agent,) if dated.agent else ()
    return Told(predicate_type, tuple(subjects), dated.occurred, producers)


def _at(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _check_digest(subject: Mapping[str, Any], *, where: str) -> None:
    """A subject is matched by digest alone, so here, unlike in a material, each must be whole."""
    digest = strict_json.need_object(subject, "digest", where=where)
    if not digest:
        raise Malformed("a subject without a digest", where=f"{where}.digest", got="{}")
    for key, value in digest.items():
        wanted = "a string" if not isinstance(value, str) or not value else expected(key, value)
        if wanted:
            raise Malformed(
                "a digest that is none", where=f"{where}.digest.{key}", expected=wanted, got=value
            )


def _predicate_of(
    statement: Mapping[str, Any], predicate_type: str, where: str
) -> Mapping[str, Any]:
    """The predicate. ``cosign attest --type spdx`` writes the file's text for an object; that is
    wrapped as its other texts are."""
    text = statement.get("predicate")
    if isinstance(text, str) and predicate_type.startswith(_SPDX):
        return {embedded.WRAPPED: text}
    return strict_json.get_object(statement, "predicate", where=where)


def _predicate(
    builder: FactsBuilder,
    predicate: Mapping[str, Any],
    *,
    predicate_type: str,
    subjects: Sequence[str],
    document_id: str,
    statement_id: str,
    where: str,
) -> slsa.Dated:
    """Hand the predicate to its reader; a type that nobody reads says no more than its subjects."""
    if slsa.is_provenance(predicate_type):
        return slsa.provenance_facts(
            builder,
            predicate,
            predicate_type=predicate_type,
            subjects=subjects,
            document_id=document_id,
            build=statement_id,
            where=where,
        )
    if slsa.is_vsa(predicate_type):
        return slsa.vsa_facts(
            builder, predicate, predicate_type=predicate_type, document_id=document_id, where=where
        )
    if in_toto_steps.is_link(predicate_type):
        in_toto_steps.link_facts(
            builder, predicate, subjects=subjects, activity=f"activity:{statement_id}", where=where
        )
        return slsa.Dated(None, None)
    if witness.is_collection(predicate_type):
        return witness.collection_facts(
            builder,
            predicate,
            predicate_type=predicate_type,
            subjects=subjects,
            document_id=document_id,
            activity=f"activity:{statement_id}",
            where=where,
        )
    if test_result.is_test_result(predicate_type):
        test_result.add(builder, predicate, document_id=document_id, where=where)
        return slsa.Dated(None, None)
    if of_subjects := _OF_SUBJECTS.get(predicate_type):
        return slsa.Dated(of_subjects(builder, predicate, subjects=subjects, where=where), None)
    if of_itself := _OF_ITSELF.get(predicate_type):
        said = of_itself(builder, predicate, document_id=document_id, where=where)
        return slsa.Dated(said, None)
    if of_both := _OF_BOTH.get(predicate_type):
        said = of_both(builder, predicate, subjects=subjects, document_id=document_id, where=where)
        return slsa.Dated(said, None)
    if vulns.is_scan(predicate_type):
        return vulns.add(
            builder, predicate, document_id=document_id, subjects=subjects, where=where
        )
    return embedded.embed(
        builder,
        predicate,
        predicate_type=predicate_type,
        document_id=document_id,
        subjects=subjects,
        where=where,
    )
