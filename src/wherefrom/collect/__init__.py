"""The door: bytes from outside become ``Collected``, or are refused with a reason."""
