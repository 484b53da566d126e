"""A stand-in for Colab's own package, as far as the course uses it. What is called is written down.

STAND_IN_CALLS             the file that gets one line for each call
STAND_IN_DRIVE             "refused", "read-only", "full" or "stuck" (at its end); if not set, it works
STAND_IN_UPLOAD            the file that the user chooses to upload; none if it is not set
STAND_IN_DISCONNECT_AFTER  the kernel dies when this many epochs of a training are on Drive
"""

import os
from pathlib import Path


def record(call: str) -> None:
    """Write down that `call` was made."""
    with Path(os.environ["STAND_IN_CALLS"]).open("a", encoding="utf-8") as file:
        file.write(f"{call}\n")
