"""Where trouble concentrates: at which artifact, bundle, flag, pool, region, or some together."""

from wherefrom.query.impact.concentrate import Cell, Concentration, concentrate
from wherefrom.query.impact.doubt import falsely_found, lift

__all__ = ["Cell", "Concentration", "concentrate", "falsely_found", "lift"]
