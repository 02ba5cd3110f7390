"""Augmentation by name: one file a kind of step."""
