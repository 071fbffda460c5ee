"""A server on a data directory: ``up`` runs it."""

from wherefrom.serving.http import Tls, bound
from wherefrom.serving.writer import up

__all__ = ["Tls", "bound", "up"]
