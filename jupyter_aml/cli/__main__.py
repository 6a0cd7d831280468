"""`python -m jupyter_aml.cli` is `aml`."""

from __future__ import annotations

import sys

from jupyter_aml.cli.main import main

sys.exit(main())
