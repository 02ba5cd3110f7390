"""What is watched while a training runs, and what is said about it."""
