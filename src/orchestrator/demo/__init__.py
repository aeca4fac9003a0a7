"""A believable wholesaler, invented: canonical CSV files for trying the product without an ERP.

Nobody in them exists. Addresses end in the reserved ``.example``, names are drawn from short lists, and the same
arguments give the same bytes.
"""

from __future__ import annotations

from orchestrator.demo.generator import write_wholesaler
from orchestrator.demo.tables import Counts

__all__ = ["Counts", "write_wholesaler"]
