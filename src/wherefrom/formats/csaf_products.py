"""The product tree of a CSAF document: which node each product id names.

    branches ─┐
    full_product_names ─┼─► product_id ──► package, artifact or <document>#<product id>
    relationships ──────┘        └ contains ──► artifact, a file whose hash it gives

A relationship makes a new product of two: *openssl as a component of RHEL* ``specializes`` openssl,
and RHEL ``contains`` it (or it ``depends_on`` RHEL, when it is installed on or with it). In CSAF
2.1 a product path is the same with more steps. ``components.py`` says which node a product is.

Sizes:  100,000 products
Source: CSAF 2.0 §3.1.3, §3.2.2; CSAF 2.1 §3.2.3
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from wherefrom.errors import Malformed
from wherefrom.formats import claims
from wherefrom.formats import components as parts
from wherefrom.formats.descriptors import public_id
from wherefrom.formats.facts import FactsBuilder
from wherefrom.formats.strict_json import (
    as_array,
    as_object,
    as_string,
    get_array,
    get_object,
    get_string,
    need_object,
    need_string,
)

# How a product relates to the one it is combined with: the relation, and its scope.
_CATEGORIES: Final[Mapping[str, tuple[str, str | None]]] = {
    "default_component_of": ("contains", None),
    "external_component_of": ("contains", "external"),
    "optional_component_of": ("contains", "optional"),
    "installed_on": ("depends_on", None),
    "installed_with": ("depends_on", None),
}
_VERSIONS: Final = ("product_version", "product_version_range")


class Products:
    """The products of one document.

    nodes     product id → node
    names     node → what names it in any document: purls, digests of its files
    inside    product id → the (component, platform) pairs that it was combined of
    dangling  how many references led nowhere
    """

    def __init__(self, builder: FactsBuilder, document_id: str) -> None:
        self.builder = builder
        self.document_id = document_id
        self.nodes: dict[str, str] = {}
        self.names: dict[str, set[str]] = {}
        self.inside: dict[str, list[tuple[str, str]]] = {}
        self.groups: dict[str, list[str]] = {}
        self.dangling = 0
        self.budget = claims.Budget()

    def read(self, tree: Mapping[str, Any], *, where: str = "product_tree") -> None:
        """Read a whole product tree, which stands at ``where``. Raises Malformed, LimitPassed."""
        self._branches(tree, where, version=None)
        for at, value in enumerate(get_array(tree, "full_product_names", where=where)):
            self._product(value, f"{where}.full_product_names[{at}]", version=None)
        for at, value in enumerate(get_array(tree, "relationships", where=where)):
            self._relationship(value, f"{where}.relationships[{at}]")
        for at, value in enumerate(get_array(tree, "product_paths", where=where)):
            self._path(value, f"{where}.product_paths[{at}]")
        for at, value in enumerate(get_array(tree, "product_groups", where=where)):
            place = f"{where}.product_groups[{at}]"
            group = as_object(value, where=place)
            members = as_array(group.get("product_ids"), where=f"{place}.product_ids")
            self.groups[need_string(group, "group_id", where=place)] = [
                as_string(ref, where=f"{place}.product_ids[{n}]") for n, ref in enumerate(members)
            ]

    def called(self, ref: str) -> set[str]:
        """All that names the product ``ref``, or the component and platform it combines."""
        nodes = {self.nodes[ref]}.union(*self.inside.get(ref, ()))
        return nodes.union(*(self.names[node] for node in nodes))

    def listed(self, item: Mapping[str, Any], where: str) -> dict[str, None]:
        """The product ids that ``item`` lists, alone and by group; unknown groups are counted."""
        found: dict[str, None] = {}
        for at, ref in enumerate(get_array(item, "product_ids", where=where)):
            found[as_string(ref, where=f"{where}.product_ids[{at}]")] = None
        for at, ref in enumerate(get_array(item, "group_ids", where=where)):
            members = self.groups.get(as_string(ref, where=f"{where}.group_ids[{at}]"))
            if members is None:
                self.dangling += 1
            else:
                self.budget.spend(len(members))
                found.update(dict.fromkeys(members))
        return found

    def _branches(self, owner: Mapping[str, Any], where: str, *, version: str | None) -> None:
        for at, value in enumerate(get_array(owner, "branches", where=where)):
            place = f"{where}.branches[{at}]"
            branch = as_object(value, where=place)
            category = need_string(branch, "category", where=place)
            name = need_string(branch, "name", where=place)
            its = name if category in _VERSIONS else version
            if branch.get("product") is not None:
                self._product(branch["product"], f"{place}.product", version=its)
            self._branches(branch, place, version=its)

    def _product(self, value: object, where: str, *, version: str | None) -> str:
        product = as_object(value, where=where)
        ref = need_string(product, "product_id", where=where)
        name = need_string(product, "name", where=where)
        if ref in self.nodes:
            raise Malformed(
                "one product_id names two products",
                where=f"{where}.product_id",
                expected="each product_id once",
                got=ref,
            )
        parts.check_count(len(self.nodes) + 1)
        helper = get_object(product, "product_identification_helper", where=where)
        where = f"{where}.product_identification_helper"
        purls = [
            as_string(purl, where=f"{where}.purls[{at}]")
            for at, purl in enumerate(get_array(helper, "purls", where=where))
        ]
        purl = get_string(helper, "purl", where=where)
        part = parts.Part(
            scoped=f"{self.document_id}#{ref}",
            name=name,
            version=version,
            purls=[purl, *purls] if purl else purls,
            properties={"cpe": parts.shown(get_string(helper, "cpe", where=where))},
        )
        node = self.nodes[ref] = parts.add(self.builder, part)
        if node == part.scoped:
            self.builder.node(node, "component", properties={"identity": "asserted"})
        names = self.names.setdefault(node, set())
        names |= parts.identities(part) | self._files(helper, where, node)
        for at, url in enumerate(get_array(helper, "sbom_urls", where=where)):
            text = public_id(as_string(url, where=f"{where}.sbom_urls[{at}]"))
            if text:
                sbom = self.builder.node(parts.bounded(text), "resource")
                self.builder.edge(sbom, "describes", node)
        return ref

    def _files(self, helper: Mapping[str, Any], where: str, node: str) -> set[str]:
        """Add the files of a product; returns their digests."""
        found: set[str] = set()
        for at, value in enumerate(get_array(helper, "hashes", where=where)):
            place = f"{where}.hashes[{at}]"
            file = as_object(value, where=place)
            hashes = []
            for to, entry in enumerate(get_array(file, "file_hashes", where=place)):
                inner = f"{place}.file_hashes[{to}]"
                digest = as_object(entry, where=inner)
                algorithm = need_string(digest, "algorithm", where=inner)
                hashes.append((algorithm, need_string(digest, "value", where=inner)))
            name = get_string(file, "filename", where=place) or "file"
            part = parts.Part(scoped=f"{self.document_id}#/{place}", name=name, hashes=hashes)
            if parts.has_identity(part):
                self.builder.edge(node, "contains", parts.add(self.builder, part))
                found |= parts.identities(part)
        return found

    def _relationship(self, value: object, where: str) -> None:
        said = as_object(value, where=where)
        category = need_string(said, "category", where=where)
        ref = self._product(
            need_object(said, "full_product_name", where=where),
            f"{where}.full_product_name",
            version=None,
        )
        component = self.nodes.get(need_string(said, "product_reference", where=where))
        other = need_string(said, "relates_to_product_reference", where=where)
        self._combine(ref, component, category, self.nodes.get(other), where)

    def _path(self, value: object, where: str) -> None:
        said = as_object(value, where=where)
        ref = self._product(
            need_object(said, "full_product_name", where=where),
            f"{where}.full_product_name",
            version=None,
        )
        component = self.nodes.get(need_string(said, "beginning_product_reference", where=where))
        for at, step in enumerate(get_array(said, "subpaths", where=where)):
            place = f"{where}.subpaths[{at}]"
            path = as_object(step, where=place)
            category = need_string(path, "category", where=place)
            other = self.nodes.get(need_string(path, "next_product_reference", where=place))
            self._combine(ref, component, category, other, place)

    def _combine(
        self, ref: str, component: str | None, category: str, other: str | None, where: str
    ) -> None:
        if category not in _CATEGORIES:
            raise Malformed(
                "not a category of a relationship",
                where=f"{where}.category",
                expected=" or ".join(_CATEGORIES),
                got=category,
            )
        if component is None or other is None:
            self.dangling += 1
            return
        node = self.nodes[ref]
        relation, scope = _CATEGORIES[category]
        properties = {"scope": scope} if scope else None
        self.builder.edge(node, "specializes", component)
        if relation == "contains":
            self.builder.edge(other, relation, node, properties)
        else:
            self.builder.edge(node, relation, other, properties)
        self.inside.setdefault(ref, []).append((component, other))
