"""A gateway's bill of a channel day: fetched as it is, for reconciliation to read."""

from dataclasses import dataclass

BILL_BYTES_MAX = 2 * 1024**3


@dataclass(frozen=True, slots=True)
class Bill:
    """What was written: the bill, or the gateway's signed word that the day has none (`is_empty`)."""

    file_name: str
    sha1: str = ""
    """Of the uncompressed text, where the gateway states it; it was compared."""
    is_empty: bool = False
