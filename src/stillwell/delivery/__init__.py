"""Exactly once, in effect: slices, intents, marks, the ledger, recovery and audit, the same for every engine."""
