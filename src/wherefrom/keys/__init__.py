"""Keys: sign, check, and know whose key it is. No disk and no network."""
