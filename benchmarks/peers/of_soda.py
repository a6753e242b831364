"""Soda Core v4 on DuckDB: a contract over a view of the file; rows of what failed are kept by its cloud only."""

from __future__ import annotations

from pathlib import Path

import duckdb
from rules import ALLOWED, LEAST, MOST, NOT_NULL, PATTERN, RANGE, SHAPE, STATUSES, TWO
from soda_core.contracts.api.verify_api import verify_contract_locally

CONTRACT = f"""
dataset: orders/main/orders
checks:
  - failed_rows:
      name: {TWO}
      expression: discount > price
columns:
  - name: ordered_at
    checks:
      - missing: {{name: {NOT_NULL}}}
  - name: quantity
    checks:
      - invalid: {{name: {RANGE}, valid_min: {LEAST}, valid_max: {MOST}}}
  - name: status
    checks:
      - invalid: {{name: {ALLOWED}, valid_values: [{", ".join(STATUSES)}]}}
  - name: order_id
    checks:
      - invalid: {{name: {PATTERN}, valid_format: {{name: id, regex: '^{SHAPE}$'}}}}
"""


class Peer:
    """A database with one view, and one contract."""

    def __init__(self, data: str, folder: Path) -> None:
        database = folder / "orders.duckdb"
        with duckdb.connect(str(database)) as connection:
            connection.execute(f"CREATE OR REPLACE VIEW orders AS SELECT * FROM '{data}'")
        self._contract, self._source = folder / "orders.yml", folder / "source.yml"
        self._contract.write_text(CONTRACT)
        self._source.write_text(f"type: duckdb\nname: orders\nconnection:\n  database: '{database}'\n")

    def count(self) -> dict[str, int]:
        """How many records broke each rule."""
        session = verify_contract_locally(
            data_source_file_path=str(self._source), contract_file_path=str(self._contract)
        )
        results = session.contract_verification_results[0].check_results
        return {result.check.name: int(result.threshold_value) for result in results}
