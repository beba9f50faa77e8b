"""The entry point: ``assetpipe`` and ``python -m assetpipe``."""

from __future__ import annotations

import sys

from assetpipe.errors import MissingExtraError


def main() -> None:
    """Run the command line; say what to install where its packages are missing."""
    try:
        from assetpipe.cli.main import run
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        print(f"Error: {MissingExtraError('the command line', 'build', 'click')}", file=sys.stderr)
        sys.exit(MissingExtraError.exit_code)
    run()


if __name__ == "__main__":
    main()
