"""Run a JupyterLab on loopback that reads no settings of the user and leaves no files."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tools.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 60.0


@contextmanager
def jupyterlab(folder: Path) -> Iterator[str]:
    """Serve `folder` and yield the address of a notebook in it, but for the notebook's name.

    The page's application is reachable as ``window.jupyterapp``, so that a test can say "run all
    cells" without looking for a menu.
    """
    token = secrets.token_hex(16)
    port = free_port()
    with tempfile.TemporaryDirectory() as home:
        own = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
        # Without this a box asks whether to fetch news, on top of the notebook.
        quiet = Path(home, "lab/user-settings/@jupyterlab/apputils-extension")
        quiet.mkdir(parents=True)
        (quiet / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')
        server = subprocess.Popen(  # noqa: S603
            [
                *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
                f"--LabApp.user_settings_dir={home}/lab/user-settings",
                f"--LabApp.workspaces_dir={home}/lab/workspaces",
                f"--ServerApp.root_dir={folder}",
                f"--ServerApp.port={port}",
                "--ServerApp.port_retries=0",
                f"--IdentityProvider.token={token}",
                "--LabApp.expose_app_in_browser=True",
                "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
            ],
            env={**os.environ, **{name: str(Path(home, name)) for name in own}},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait(server, f"http://127.0.0.1:{port}/api/status?token={token}")
            yield f"http://127.0.0.1:{port}/lab/tree/{{}}?token={token}"
        finally:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _wait(server: subprocess.Popen[bytes], url: str) -> None:
    """Return as soon as the server answers; its end, or no answer in time, is an error."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if server.poll() is not None:
            raise RuntimeError(f"JupyterLab ended with exit code {server.returncode}")
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - our own, on loopback
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
    raise TimeoutError(f"JupyterLab did not answer in {PATIENCE:.0f} s")
