"""A log to damage, and the report on it."""

from tests.logs import reader
from wherefrom.log.audit import audit


def check(place, **changes):
    """The report, after making sure that nothing in it is without words."""
    report = audit(reader(place, refresh=False, **changes), dedup_folder=place.dedup_folder)
    assert all(problem.file and problem.what for problem in report.problems)
    return report


def only(report):
    (problem,) = report.problems
    return problem.entry, problem.file, problem.what


def segments(place):
    return sorted((place.folder / "journal").glob("*.wfj"))


def replace(path, old, new):
    """Change the last ``old``: behind ``content 7`` may stand a nonce that begins with a 7."""
    before, found, after = path.read_bytes().rpartition(old)
    assert found
    path.write_bytes(before + new + after)
