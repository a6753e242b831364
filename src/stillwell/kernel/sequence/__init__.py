"""Rules over a key's history: what one record cannot tell."""
