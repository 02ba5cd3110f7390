"""One rule a fault."""
