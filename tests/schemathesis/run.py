"""Runs schemathesis against its own `vestibule dev`: once without a sign-in, once as a signed-in user.

    run.py VESTIBULE [SECONDS]

No answer may be 5xx, or have a status, content type, header or schema that openapi/openapi.json does not describe.
"""

import base64
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance"
)


def main():
    program, seconds = str(Path(sys.argv[1]).resolve()), sys.argv[2] if len(sys.argv) > 2 else "120"
    # PostgreSQL does not run as root, and needs access to its files.
    with tempfile.TemporaryDirectory(prefix="vst") as place:
        os.chmod(place, 0o755)
        environment = {
            "PATH": os.environ["PATH"],
            "VESTIBULE_LISTEN": "127.0.0.1:0",
            "VESTIBULE_DATA_DIR": f"{place}/data",
            "VESTIBULE_MASTER_KEY": base64.b64encode(bytes(range(32))).decode(),
            "VESTIBULE_LOG_FORMAT": "json",
        }
        development = {"VESTIBULE_BCRYPT_COST": "4", "VESTIBULE_SECOND_FACTORS": "totp,email,sms"}
        # Creating a client needs the database, and a private one belongs to one program at a time: so this comes first.
        made = subprocess.run(
            [program, "clients", "create", "schemathesis", "--json"],
            env=environment, cwd=place, capture_output=True, text=True, check=True,
        )
        client = json.loads(made.stdout)
        log = open(f"{place}/log", "w+")
        server = subprocess.Popen([program, "dev"], env=environment | development, cwd=place, stderr=log, stdout=log)
        try:
            base = ready(server, log.name)
            credentials = base64.b64encode(f"{client['id']}:{client['secret']}".encode()).decode()
            hooks = {"PYTHONPATH": str(Path(__file__).parent)}
            stranger = hooks | {"SCHEMATHESIS_HOOKS": "media_types"}
            user = hooks | {
                "SCHEMATHESIS_HOOKS": "users",
                "VESTIBULE_BASE": base,
                "VESTIBULE_SERVICE_CLIENT": f"Basic {credentials}",
            }
            for name, more in [("a stranger", stranger), ("a signed-in user", user)]:
                print(f"== schemathesis as {name}", flush=True)
                if code := schemathesis(base, place, seconds, more):
                    sys.exit(code)
        finally:
            server.terminate()
            server.wait(60)
        if server.returncode:
            sys.exit(f"vestibule ended with {server.returncode}")


def ready(server, log):
    for _ in range(600):
        said = Path(log).read_text()
        if found := re.search(r'"address":"([^"]+)"', said):
            base = f"http://{found[1]}"
            try:
                urllib.request.urlopen(f"{base}/health/ready", timeout=5)
                return base
            except OSError:
                pass
        if server.poll() is not None:
            break
        time.sleep(0.1)
    sys.exit(f"vestibule did not start:\n{Path(log).read_text()}")


def schemathesis(base, place, seconds, more):
    command = [
        str(Path(sys.executable).parent / "schemathesis"), "run", str(ROOT / "openapi/openapi.json"), "--url", base,
        "--checks", CHECKS, "--phases", "examples,coverage,fuzzing", "--max-time", seconds, "--max-examples", "50",
        "--continue-on-failure", "--no-shrink", "--warnings", "off", "--generation-database", "none",
        # The sanitizer would hide the cause of a failure. All secrets here are temporary.
        "--output-sanitize", "false",
    ]
    return subprocess.run(command, env=dict(os.environ, **more), cwd=place).returncode


main()
