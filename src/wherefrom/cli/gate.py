"""``wherefrom gate``: may it go in? Yes or no, why, and a summary that the log signs.

ARTIFACT × POLICY × environment ──► verdict ──► VSA in the log ──► exit 0 or 1
"""

from __future__ import annotations

import click

from wherefrom.cli.exits import NO, YES
from wherefrom.cli.failures import warn
from wherefrom.cli.render import write_answer
from wherefrom.cli.settings import Where, placed
from wherefrom.cli.targets import ask

environment_option = click.option(
    "--env", "--environment", "-e", "environment", default="", help="Where it is to go: prod."
)
policy_option = click.option(
    "--policy", required=True, metavar="DIR|FILE|DIGEST",
    help="A policy: its folder, its file, or its digest in the log.",
)  # fmt: skip


@click.command()
@click.argument("artifact")
@click.option(
    "--policy",
    metavar="DIR|FILE|DIGEST",
    help="A policy: its folder, its file, or its digest in the log; else the one in force there.",
)
@environment_option
@placed
def gate(artifact: str, policy: str | None, environment: str, where: Where, as_json: bool) -> int:
    """Ask whether an artifact may go in, by a policy.

    ARTIFACT is an id, such as a digest or a package URL, or a file. The answer says of each rule
    whether it holds, by which records, and what to do where it does not. It is recorded, signed, as
    a SLSA verification summary; asked again, one that still counts is looked up.

    Without --policy it is asked by the policy that is in force in the environment.
    """
    from wherefrom.cli.draw_policy import draw_gated
    from wherefrom.cli.opening import writing
    from wherefrom.cli.policy_files import read_policy
    from wherefrom.policy.gate import GateRequest

    said = read_policy(policy) if policy is not None else ""
    document = said if isinstance(said, str) else said.to_document()
    with writing(where) as place:
        answer = ask(
            artifact,
            lambda one: place.gate(
                GateRequest(artifact=one, policy=document, environment=environment)
            ),
        )
    for reason in answer.reasons:
        if reason.excused is not None and reason.excused.break_glass:
            warn(f"BREAK GLASS: nobody approved the exception from {reason.rule}")
    write_answer(answer, as_json, lambda: draw_gated(answer))
    return YES if answer.allowed else NO
