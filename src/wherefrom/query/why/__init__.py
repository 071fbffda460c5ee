"""Which change did it? Numbers in, a ranking with its reasons out; no disk, no clock.

numpy is imported here, so a server that rarely asks this imports the package when it does.
"""

from wherefrom.query.candidates import changes_of
from wherefrom.query.incident_answers import Evidence
from wherefrom.query.why.rank import Ranked, Ranking, rank, rank_changes

__all__ = ["Evidence", "Ranked", "Ranking", "changes_of", "rank", "rank_changes"]
