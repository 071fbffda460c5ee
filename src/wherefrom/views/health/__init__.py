"""How good the evidence is, what it promises to be, and when that is to be told. Pure."""
