"""Check of data."""
