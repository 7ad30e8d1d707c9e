"""The ``gastropath`` command, also as ``python -m gastropath``; Ctrl-C ends it in one line while it starts, too."""

import sys

_INTERRUPTED = 130


def main() -> None:
    """Load the command line and run it."""
    try:
        from gastropath.cli.main import main as run
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; nothing was begun\n")
        sys.exit(_INTERRUPTED)
    run()


if __name__ == "__main__":
    main()
