"""What several journeys share: whoever holds keys for others."""

from tests.key_holders import kms, token

__all__ = ["kms", "token"]
