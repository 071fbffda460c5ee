"""Yes or no: whether what is recorded of an artifact is what a policy asks for."""
