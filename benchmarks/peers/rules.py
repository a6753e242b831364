"""The five rules that every peer is asked to check, and the names under which it must report what broke them."""

from __future__ import annotations

NOT_NULL, RANGE, ALLOWED, PATTERN, TWO = (
    "ordered_at_there",
    "quantity_range",
    "status_allowed",
    "id_pattern",
    "discount_fits",
)
RULES = (NOT_NULL, RANGE, ALLOWED, PATTERN, TWO)
"""`quantity` in LEAST … MOST; `status` one of STATUSES; `order_id` like SHAPE; discount ≤ price; a time is set."""

LEAST, MOST = 1, 100
STATUSES = ("new", "paid", "shipped", "returned", "cancelled")
SHAPE = "o_[0-9]{8}"

BAD = "bad"
"""The key of how many records broke any rule, for those that can tell."""
