"""The quarantine of a pipeline: what is in it and what became of it, replays out of it, and its expiry."""
