"""The command line as `python -m lifeline`."""

from __future__ import annotations

import sys

from lifeline import main

sys.exit(main())
