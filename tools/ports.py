"""Ports of this machine for programs that must be told one."""

from __future__ import annotations

import socket


def free_port() -> int:
    """Return a port of 127.0.0.1 at which nothing listens now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
