"""The command `lienthong`, and `python -m hub`: Ctrl-C ends it without a traceback even while its modules load."""

import sys

STOPPED = 130


def main() -> None:
    """Load the command line and run one command."""
    try:
        from hub.cli import main as run

        run()
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped.\n")
        sys.exit(STOPPED)


if __name__ == "__main__":
    main()
