"""Quarantine as a work list: what is chosen, who works on it, what is decided, what goes out to the vendor."""
