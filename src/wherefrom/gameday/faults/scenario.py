"""What a scenario is: what it breaks, what an explanation has to say, and the way back.

prepare ──► (watched from here) act, with the fault or without it ──► Fault ──► undo
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from wherefrom.gameday.stage import Stage


class Fault(NamedTuple):
    """What was done.

    says   in a sentence
    words  all of them stand in what explains it: the thing, and what is wrong with it
    """

    says: str
    words: tuple[str, ...]


class Scenario(NamedTuple):
    """One way in which things go wrong.

    says          what happens, for a list
    act           does it, or, without its fault, all the rest of it, on a stage
    undo          takes the fault away, as an operator would
    prepare       what has to have happened before anybody watches
    with_witness  the log has a witness
    """

    name: str
    family: str
    says: str
    act: Callable[[Stage, bool], Fault]
    undo: Callable[[Stage], None]
    prepare: Callable[[Stage, bool], None] = lambda stage, faulty: None
    with_witness: bool = False
