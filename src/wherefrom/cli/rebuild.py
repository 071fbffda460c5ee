"""``wherefrom rebuild``: make a recorded thing again, twice, and say whether it is the same.

ID ──trace──► the provenance of its step, and of the steps before ──► trial ──► a verdict
                                                 signed record, an edge to what it is about ◄─┘
"""

from __future__ import annotations

import os
import signal
import sys
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from wherefrom.cli.exits import CANNOT_TELL, NO, YES
from wherefrom.cli.failures import warn
from wherefrom.cli.settings import Where, placed
from wherefrom.cli.targets import ask, path_of

if TYPE_CHECKING:
    from wherefrom.capture.rebuild.recipe import Cannot, Recipe
    from wherefrom.capture.rebuild.trial import Verdict
    from wherefrom.cli.places import Reading

STEPS_MAX: Final = 50
_LINE_CHARS: Final = 300
_EXITS: Final = {"reproduced": YES, "differs": NO, "cannot": CANNOT_TELL}
_VOUCHED: Final = frozenset({"signed", "keyless", "batch", "self"})


class _Step(NamedTuple):
    """A step that made something.

    recipe  or why it cannot be run again
    record  SHA-256, in hex, of the record that tells of it
    """

    recipe: Recipe | Cannot
    record: str

    def need(self) -> Recipe:
        """The recipe. Raises Cannot."""
        if isinstance(self.recipe, Exception):
            raise self.recipe
        return self.recipe


@click.command()
@click.argument("id")
@click.option(
    "--source", metavar="FOLDER|URL",
    help="A clone that has the commit; else here, else where it came from.",
)  # fmt: skip
@click.option(
    "--key", metavar="FILE|URI", envvar="WHEREFROM_KEY",
    help="The secret key to sign the verdict with, else WHEREFROM_KEY.",
)  # fmt: skip
@click.option("--unsigned", is_flag=True, help="Run what no key that is trusted vouches for, too.")
@click.option(
    "--seconds", type=click.FloatRange(1), default=3600, show_default=True, metavar="N",
    help="How long one build may take.",
)  # fmt: skip
@click.option(
    "--vary", is_flag=True,
    help="Build once more for each pin, with that one another: which of them change the bytes.",
)  # fmt: skip
@click.option("--no-record", is_flag=True, help="Say the verdict, and record nothing.")
@placed
def rebuild(
    id: str,
    source: str | None,
    key: str | None,
    unsigned: bool,
    seconds: float,
    vary: bool,
    no_record: bool,
    where: Where,
    as_json: bool,
) -> int:
    """Make a thing again from its provenance, and compare.

    ID is what a step of `wherefrom run` made: a digest, or a file, with which it can be compared.
    The recorded commit is checked out and the recorded steps run in bubblewrap, without network,
    with clock, zone, locale and order pinned; twice. If that differs, twice without the pins.
    The verdict is recorded.
    """
    from wherefrom.capture.rebuild.recipe import Cannot
    from wherefrom.capture.rebuild.trial import Verdict, Wanted, trial
    from wherefrom.cli.opening import reading

    loose = _folder(source)
    began = time.monotonic()
    with reading(where) as place:
        digest, first = ask(id, lambda text: _step_of(place, text, unsigned=unsigned))
        sha256 = digest.removeprefix("sha256:")
        try:
            steps = _steps(place, first, loose, unsigned=unsigned)
            name = next((o.name for o in first.need().outputs if o.sha256 == sha256), None)
            if name is None:
                raise Cannot("its step made it in passing, and not as what it is for", got=digest)
        except Cannot as error:
            verdict = Verdict("cannot", str(error))
        else:
            wanted = Wanted(
                [step.need() for step in steps], name, sha256, path_of(id),
                _source(first.need(), source), loose, vary,
            )  # fmt: skip
            # A signal that ends us must not leave the trees of builds behind.
            before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
            try:
                verdict = trial(wanted, environ=os.environ, seconds=seconds)
            finally:
                signal.signal(signal.SIGTERM, before)
    took = time.monotonic() - began
    told = _keep(
        verdict, first, name=id, sha256=sha256, key=key, where=where, dry=no_record, seconds=took
    )
    _say(verdict, digest, told, as_json=as_json)
    return _EXITS[verdict.result]


def _step_of(place: Reading, text: str, *, unsigned: bool) -> tuple[str, _Step]:
    """The digest of a thing and the step that made it. Raises NotFound, NotAllowed, Refused."""
    from wherefrom.capture.rebuild.recipe import Cannot, is_step, recipe
    from wherefrom.errors import NotAllowed, NotFound
    from wherefrom.formats import digests, dsse, statement, strict_json
    from wherefrom.query.desk import TraceOptions

    answer = place.trace(text, TraceOptions(direction="up", depth=1))
    made = [e for e in answer.edges if e.source == answer.of and e.relation == "generated_by"]
    refused = False
    for edge in sorted(made, key=lambda e: e.entry, reverse=True):
        content = place.content(edge.entry)
        document = strict_json.as_object(strict_json.decode(content), where="the record")
        said: Any = document
        if dsse.recognises(document):
            said = dsse.statement_of(dsse.parse(document))
        if said is None or not statement.recognises(said) or not is_step(said):
            continue
        if edge.trust not in _VOUCHED and not unsigned:
            refused = True
            continue
        record = digests.sha256_id(content).removeprefix("sha256:")
        try:
            return answer.of, _Step(recipe(said), record)
        except Cannot as error:
            return answer.of, _Step(error, record)
    if refused:
        raise NotAllowed(
            "no key that is trusted vouches for its provenance, and its command would be run",
            got=answer.of, do="Trust the key that signed it, or give --unsigned",
        )  # fmt: skip
    raise NotFound(
        "no step is recorded that made this",
        got=answer.of,
        do="Record it: wherefrom run -- COMMAND",
    )


def _steps(place: Reading, last: _Step, loose: Path, *, unsigned: bool) -> list[_Step]:
    """The steps that must run, in their order: those first whose outputs are inputs of others."""
    from wherefrom.capture import git
    from wherefrom.capture.rebuild.recipe import Cannot
    from wherefrom.capture.rebuild.sandbox import digest_of
    from wherefrom.errors import Error

    ordered: list[_Step] = []
    seen: set[str] = set()

    def visit(step: _Step) -> None:
        if step.record in seen:
            return
        seen.add(step.record)
        if len(seen) > STEPS_MAX:
            raise Cannot("too many steps led to it", expected=f"{STEPS_MAX} at most")
        recipe = step.need()
        for one in recipe.inputs:
            if digest_of(loose / one.name) == one.sha256 or _has(recipe, one.name):
                continue
            try:
                _, before = _step_of(place, f"sha256:{one.sha256}", unsigned=unsigned)
                is_of_it = before.need().commit == recipe.commit
            except Error:
                continue  # nobody tells how it was made: the trial says that it is missing
            if is_of_it:
                visit(before)
        ordered.append(step)

    def _has(recipe: Recipe, name: str) -> bool:
        try:
            git.ask(loose, "cat-file", "-e", f"{recipe.commit}:{name}")
        except Error:
            return False
        return True

    visit(last)
    return ordered


def _folder(source: str | None) -> Path:
    """Where inputs may lie that no commit holds, by their names from the root of the clone."""
    from wherefrom.capture import git
    from wherefrom.errors import NotFound

    if source and Path(source).is_dir():
        return Path(source)
    try:
        return Path(os.fsdecode(git.ask(Path("."), "rev-parse", "--show-toplevel").rstrip(b"\n")))
    except NotFound:
        return Path(".")


def _source(recipe: Recipe, source: str | None) -> str:
    """Where the commit is fetched from: as said, else this clone if it has it, else its origin."""
    from wherefrom.capture import git
    from wherefrom.errors import NotFound

    if source is not None:
        return str(Path(source).absolute()) if Path(source).is_dir() else source
    try:
        git.commit_of(Path("."), recipe.commit)
        return git.ask(Path("."), "rev-parse", "--show-toplevel").decode().strip()
    except NotFound:
        return recipe.repository or "."


def _keep(
    verdict: Verdict, step: _Step, *, name: str, sha256: str, key: str | None, where: Where,
    dry: bool, seconds: float,
) -> int | None:  # fmt: skip
    """Record the verdict; its entry."""
    from wherefrom.capture.rebuild.trial import predicate
    from wherefrom.cli.opening import writing
    from wherefrom.cli.saying import now, signed
    from wherefrom.formats import rebuild, statement_shape

    if dry:
        return None
    outputs = step.recipe.outputs if not isinstance(step.recipe, Exception) else []
    called = next((o.name for o in outputs if o.sha256 == sha256), Path(name).name)
    statement = statement_shape.of_subjects(
        [{"name": called, "digest": {"sha256": sha256}}],
        rebuild.PREDICATE_TYPE,
        predicate(verdict, provenance=step.record, finished=now(), seconds=seconds),
    )
    if key is None:
        warn("there is no --key: the verdict is not signed")
    content = signed(statement, key)
    with writing(where) as place:
        [outcome] = place.record([content])
    if outcome.reason is not None:
        warn(f"the verdict was refused: {outcome.reason}")
    return outcome.index


def _say(verdict: Verdict, digest: str, entry: int | None, *, as_json: bool) -> None:
    from wherefrom.cli.render import write_json

    if as_json:
        builds = [{"status": b.status, "outputs": b.outputs} for b in verdict.builds]
        write_json({"of": digest, **verdict._asdict(), "builds": builds, "entry": entry})
        return
    words = {
        "reproduced": f"reproduced: {len(verdict.builds)} builds gave the recorded bytes",
        "differs": f"not reproduced: {verdict.reason}",
        "cannot": f"cannot be rebuilt: {verdict.reason}",
    }
    click.echo(words[verdict.result])
    for cause in verdict.causes:
        click.echo(f"  {_plain(cause)}")
    for line in verdict.diff:
        click.echo(f"  {_plain(line)[:_LINE_CHARS]}")
    if verdict.varied:
        _say_list("depends on", verdict.depends_on or ["none of what was varied"])
        _say_list("varied", verdict.varied)
    _say_list("pinned", verdict.pinned)
    _say_list("not pinned", verdict.free)
    if entry is not None:
        click.echo(f"recorded as entry {entry}")


def _plain(text: str) -> str:
    """What somebody's bytes say, and no command to a terminal."""
    return "".join(c if c.isprintable() or c == "\t" else "�" for c in text)


def _say_list(what: str, names: list[str]) -> None:
    from wherefrom.cli.render import columns

    if names:
        said = f"  {what}: {', '.join(names)}"
        click.echo(textwrap.fill(said, columns(), subsequent_indent="    "))
