"""What in the log concerns security, as a stream that can be gone on with at any record."""

from wherefrom.query.security.stream import FORMATS, SecurityDesk, SecurityPage

__all__ = ["FORMATS", "SecurityDesk", "SecurityPage"]
