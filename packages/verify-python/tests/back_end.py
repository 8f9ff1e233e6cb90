"""Fresh projects with the examples: an environment with the wheel, the framework's own way to begin, and its server."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

from service import call

PACKAGE = Path(__file__).parents[1]
WHEEL = os.environ.get("VESTIBULE_VERIFY_WHEEL")
SERVERS = {
    "fastapi": ["uvicorn", "main:app", "--port"],
    "flask": ["flask", "run", "--port"],
    "django": ["gunicorn", "mysite.wsgi", "--workers", "2", "--threads", "2", "--bind"],
    "django on ASGI": ["uvicorn", "mysite.asgi:application", "--port"],
    "starlette": ["uvicorn", "main:app", "--workers", "2", "--port"],
}


@dataclass(frozen=True)
class Project:
    """A directory with a project, and the programs of its environment."""

    place: Path
    programs: Path
    server: list[str]

    def start(self, issuer: str) -> BackEnd:
        """Starts the server, and waits until it answers."""
        return BackEnd(self, issuer)


def make(name: str, place: Path) -> Project:
    """Makes a project in an empty directory."""
    framework = name.split()[0]
    programs = place / "venv/bin"
    subprocess.run([sys.executable, "-m", "venv", place / "venv"], check=True)
    wanted = [f"{WHEEL}[{framework}]", *({"django": ["gunicorn", "uvicorn"], "flask": []}.get(framework, ["uvicorn"]))]
    pins = PACKAGE / "tests/requirements.txt"
    pip = [programs / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-c", pins]
    subprocess.run([*pip, *wanted], check=True)
    project = place / "project"
    project.mkdir()
    if framework == "django":
        subprocess.run([programs / "django-admin", "startproject", "mysite", project], check=True)
    shutil.copytree(PACKAGE / "examples" / framework, project, dirs_exist_ok=True)
    if framework == "django":
        more = project / "mysite/more_settings.py"
        with open(project / "mysite/settings.py", "a") as settings:
            settings.write(more.read_text())
        more.unlink()
    return Project(project, programs, SERVERS[name])


class BackEnd:
    """A server of a project."""

    def __init__(self, project: Project, issuer: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        where = f"127.0.0.1:{port}" if project.server[0] == "gunicorn" else str(port)
        self._log = project.place / f"{port}.log"
        with open(self._log, "w") as log:
            self._process = subprocess.Popen(
                [project.programs / project.server[0], *project.server[1:], where],
                cwd=project.place,
                env={"PATH": os.environ["PATH"], "VESTIBULE_ISSUER": issuer, "PUBLIC_URL": self.url},
                stdout=log,
                stderr=log,
            )
        self._wait_until_it_answers()

    def _wait_until_it_answers(self) -> None:
        for _ in range(300):
            assert self._process.poll() is None, self.log()
            try:
                call("GET", f"{self.url}/me")
                return
            except URLError:
                time.sleep(0.1)
        raise AssertionError(f"it does not answer:\n{self.log()}")

    def log(self) -> str:
        """Returns what the server wrote."""
        return self._log.read_text()

    def stop(self) -> None:
        """Ends the server."""
        self._process.terminate()
        self._process.wait()
