"""A server of documents for https://*.example.com and localhost.

    python document_server.py DIRECTORY

Writes the certificate of its authority into DIRECTORY/authority.pem, and prints its port, then one JSON line for each
request: its host, path and headers. A path is answered with the file DIRECTORY/documents/PATH, which is read each time:
a JSON object with body, and optionally status, headers, and drip, the seconds between two bytes. It ends when its
standard input does. Needs cryptography.
"""

import http.server
import json
import pathlib
import ssl
import sys
import threading
import time

from certificates import make_certificates

NAMES = ["*.example.com", "localhost"]

SPEAKING = threading.Lock()


def say(thing):
    # Requests that arrive together must not write into each other's lines.
    with SPEAKING:
        print(json.dumps(thing), flush=True)


def main(directory):
    directory = pathlib.Path(directory)
    make_certificates(directory, NAMES)

    class Documents(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            say({
                "host": self.headers["host"],
                "path": self.path,
                "headers": {name.lower(): value for name, value in self.headers.items()},
            })
            file = directory / "documents" / self.path.lstrip("/")
            found = json.loads(file.read_text()) if file.is_file() else {"status": 404, "body": "none"}
            body = found["body"].encode()
            self.send_response(found.get("status", 200))
            headers = {"content-type": "application/json", **found.get("headers", {})}
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            if "drip" not in found:
                self.wfile.write(body)
                return
            for byte in body:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                time.sleep(found["drip"])

        def log_message(self, *_):
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "server.pem")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Documents)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda request, client_address: None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    say(server.server_address[1])
    sys.stdin.read()


main(*sys.argv[1:])
