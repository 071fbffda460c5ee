"""The catalogue in force, and what follows: owners, gaps, coverage, what inventories lack."""

from wherefrom.query.catalog.in_force import Catalogs, InForce
from wherefrom.query.catalog.questions import CatalogQuestions

__all__ = ["CatalogQuestions", "Catalogs", "InForce"]
