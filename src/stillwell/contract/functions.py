"""The functions a rule may call: of their arguments alone, the same on every day, without reading or writing."""

from __future__ import annotations

BY_THEME: dict[str, tuple[str, ...]] = {
    "numbers": (
        "abs", "acos", "asin", "atan", "atan2", "cbrt", "ceil", "ceiling", "cos", "degrees", "exp", "floor",
        "greatest", "isfinite", "isinf", "isnan", "least", "ln", "log", "log10", "mod", "pi", "pow", "power",
        "radians", "round", "sign", "sin", "sqrt", "tan", "trunc",
    ),
    "texts": (
        "ascii", "concat", "concat_ws", "contains", "ends_with", "hamming", "instr", "jaccard",
        "jaro_winkler_similarity", "left", "length", "levenshtein", "lower", "lpad", "ltrim", "position", "prefix",
        "regexp_extract", "regexp_full_match", "regexp_matches", "regexp_replace", "replace", "reverse", "right",
        "rpad", "rtrim", "split_part", "starts_with", "strip_accents", "strlen", "strpos", "substr", "substring",
        "suffix", "translate", "trim", "unicode", "upper",
    ),
    "times": (
        "date_diff", "date_part", "date_trunc", "datediff", "day", "dayofweek", "dayofyear", "epoch", "epoch_ms",
        "epoch_us", "extract", "hour", "isodow", "last_day", "minute", "month", "quarter", "second", "week", "year",
    ),
    "choices": (
        "cast", "coalesce", "if", "ifnull", "nullif", "try_cast",
    ),
    "lists and objects": (
        "array_contains", "array_length", "len", "list_avg", "list_contains", "list_distinct", "list_extract",
        "list_has_all", "list_has_any", "list_max", "list_min", "list_position", "list_sum", "list_unique",
        "struct_extract",
    ),
    "JSON": (
        "json_array_length", "json_extract_string", "json_type", "json_valid",
    ),
}  # fmt: skip

FUNCTIONS = frozenset(name for names in BY_THEME.values() for name in names)

CLOCKS = frozenset(
    (
        "age", "current_date", "current_time", "current_timestamp", "get_current_time", "get_current_timestamp",
        "localtime", "localtimestamp", "now", "today", "transaction_timestamp",
    )
)  # fmt: skip
"""What reads the clock of the machine: a rule says `now` for the record's ingest time instead."""

VOLATILE = CLOCKS | {"current_user", "gen_random_uuid", "nextval", "random", "setseed", "uuid"}
"""What gives another answer each time."""
