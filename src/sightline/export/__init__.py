"""Export: a trained model becomes a bundle that is measured before it is handed over."""
