"""How people say when."""

from datetime import UTC, datetime

import pytest

from wherefrom.errors import Malformed
from wherefrom.query.scopes import moment

NOW = datetime(2026, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("2026-01-31", "2026-01-31T00:00:00.000000Z"),
        ("2026-01-31T12:00", "2026-01-31T12:00:00.000000Z"),
        ("2026-01-31T12:00Z", "2026-01-31T12:00:00.000000Z"),
        ("2026-01-31 12:00:30.5", "2026-01-31T12:00:30.500000Z"),
        ("2026-01-31T12:00:30Z", "2026-01-31T12:00:30.000000Z"),
        ("2026-01-31T12:00:30+02:00", "2026-01-31T10:00:30.000000Z"),
        ("3.hours.ago", "2026-01-31T21:00:00.000000Z"),
        ("now", "2026-02-01T00:00:00.000000Z"),
    ],
)
def test_a_time_is_said_as_people_write_it(said, meant):
    assert moment(said, now=NOW) == meant


@pytest.mark.parametrize("said", ["", "noon", "2026-01-31T12Z", "2026-01-31Z", "2026-13-01"])
def test_what_is_no_time_is_refused(said):
    with pytest.raises(Malformed):
        moment(said, now=NOW)
