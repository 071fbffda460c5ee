"""A server on a data directory: ``up`` runs it."""

from wherefrom.serving.http import Tls
from wherefrom.serving.writer import up

__all__ = ["Tls", "up"]
