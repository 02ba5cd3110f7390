"""What is learnt from an image."""
