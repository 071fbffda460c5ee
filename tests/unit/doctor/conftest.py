"""A small log at rest, and a doctor who looks at it."""

from __future__ import annotations

import os

import pytest

from tests.folders import ME, ORIGIN
from tests.served import event_bytes
from wherefrom.app import DataFolder, fold_views, open_log, open_recorder
from wherefrom.doctor import Ground, examine, mend


class Patient:
    """A directory: ``troubles`` says what is found in it, by the name of a check."""

    def __init__(self, path, spool):
        self.path, self.spool = path, spool
        self.folder = DataFolder(path)
        self.environ = dict(os.environ)
        self.clock = None

    def ground(self):
        more = {"clock": self.clock} if self.clock else {}
        folder = DataFolder(self.path)
        return Ground(folder, spool=self.spool, environ=self.environ, **more)

    def found(self, name):
        """Everything that one check found."""
        return [one for n, one in examine(self.ground()).found if n == name]

    def troubles(self, name):
        return [one for one in self.found(name) if one.ok is not True]

    def trouble(self, name):
        """The only trouble that one check found, which has a fix."""
        [one] = self.troubles(name)
        assert one.fix
        return one

    def fine(self, name):
        assert self.troubles(name) == []
        assert self.found(name)

    def mend(self):
        done = mend(examine(self.ground()))
        assert all(one.ok for one in done), done
        return [one.did for one in done]

    def record(self, numbers):
        with open_recorder(DataFolder(self.path)) as recorder:
            recorder.record([event_bytes(n) for n in numbers], principal=ME)

    def fold(self):
        folder = DataFolder(self.path)
        return fold_views(folder, open_log(folder))


@pytest.fixture
def patient(tmp_path):
    data = tmp_path / "data"
    folder = DataFolder(data)
    folder.create(origin=ORIGIN)
    folder.ensure_admin_token()
    made = Patient(data, tmp_path / "spool")
    made.record(range(5))
    made.fold()
    return made
