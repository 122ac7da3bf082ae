"""``python -m galviz`` is the command ``galviz``."""

import sys

from galviz.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
