"""``python -m gastropath`` is the ``gastropath`` command."""

from gastropath.cli.main import main

if __name__ == "__main__":
    main()
