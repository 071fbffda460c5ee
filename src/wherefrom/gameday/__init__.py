"""Game days: a fault made for real on a scratch copy, and what was noticed of it.

    a log ──taken──► scratch copy ──up──► a real server ◄── a fault ── a scenario
                                             └──► eyes ──► seen ──► a report, compared with the last

Nothing of the original is written, signed for or told to anybody: ``scratch.py``. What is run is
what ships; the faults lie in ``testing/``.
"""
