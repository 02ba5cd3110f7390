"""Predictions, figures, plots and the report."""
