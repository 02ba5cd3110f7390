"""Formats: one file for each kind of artefact that a model can be written as."""
