"""Reports of game days that were never played, for tests of what is made of them."""

from wherefrom.gameday.report import Estate, Kept, Moment, Outcome, Report

CLEAN = Kept(sent=100, acknowledged=100, lost=0, waiting=0)


def a_moment(after_s, eye="gaps", *, told=False, says="it is wrong"):
    return Moment(after_s=after_s, eye=eye, told=told, says=says)


def an_outcome(scenario="clock-skew", **more):
    """One that was detected after 2 s, explained after 4, told by nobody, recovered in 1."""
    said = {
        "fault": "It was broken.", "words": ("it", "wrong"), "withheld": False,
        "detected": a_moment(2.0), "told": None, "explained": a_moment(4.0), "recovered_s": 1.0,
        "kept": CLEAN, "seen": (a_moment(2.0), a_moment(4.0)), "seconds": 20.0,
    }  # fmt: skip
    return Outcome(scenario=scenario, **{**said, **more})


def a_report(*outcomes, at="2026-11-26T12:00:00.000000Z", **more):
    said = {
        "version": "1", "machine": "one", "estate": Estate(origin="o", size=1, root=""),
        "patience_s": 9.0, "absent": (),
    }  # fmt: skip
    return Report(at=at, outcomes=outcomes, **{**said, **more})
