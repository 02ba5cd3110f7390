"""Consumers of records: console, JSONL, TensorBoard."""
