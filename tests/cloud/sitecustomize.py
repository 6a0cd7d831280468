"""In a process that has this folder on PYTHONPATH, Azure's names lead to the stand-in and all others nowhere.

Python imports it at its start; what such a process starts is led astray as well.
"""

from __future__ import annotations

import os
import socket

if os.environ.get("AZURE_STAND_IN"):
    from stand_in.names import PORT, lead

    from jupyter_aml.testing.fence import REPORT
    from jupyter_aml.testing.fence.sitecustomize import install

    install(os.environ.get(REPORT) or os.devnull)
    socket.getaddrinfo = lead(socket.getaddrinfo, int(os.environ[PORT]))
