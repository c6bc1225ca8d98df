"""Run the command line as ``python -m thermoscope``."""

import sys

from thermoscope.cli import main

sys.exit(main())
