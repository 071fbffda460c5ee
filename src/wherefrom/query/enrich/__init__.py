"""What an existing alert is about: artifact, deployment, owner, latest changes, and links."""

from wherefrom.query.enrich.enriching import WITHIN_SECONDS, Enriched, Enriching

__all__ = ["WITHIN_SECONDS", "Enriched", "Enriching"]
