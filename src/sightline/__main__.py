"""``python -m sightline``, so that torchrun can start it."""

from sightline.cli import main

if __name__ == "__main__":
    main()
