"""A document with one change, anywhere in it, gives facts that hang together or our refusal."""

import copy
import json

from wherefrom.errors import Refused
from wherefrom.formats.recognise import facts_of


def with_one_change(document, place, value, *, but=()):
    """A copy in which ``value`` stands for one of all the values in it, however deep.

    but  keys whose values are never the one
    """
    changed = copy.deepcopy(document)
    holders = []
    stack = [changed]
    while stack:
        item = stack.pop()
        for key in item if isinstance(item, dict) else range(len(item)):
            if key not in but:
                holders.append((item, key))
            if isinstance(item[key], dict | list):
                stack.append(item[key])
    holder, key = holders[place % len(holders)]
    holder[key] = value
    return changed


def need_facts_or_refusal(document):
    """Every edge has both its ends, every node an id; or the document is refused."""
    try:
        facts = facts_of(json.dumps(document).encode())
    except Refused:
        return
    ids = {node.id for node in facts.nodes}
    assert all(edge.source in ids and edge.target in ids for edge in facts.edges)
    assert all(node.id for node in facts.nodes)
