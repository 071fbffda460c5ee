"""The HTTP door: requests in, the same answers as the command line out. No rule of its own."""
