"""A server of documents for https://*.example.com and localhost.

    python document_server.py DIRECTORY

Writes the certificate of its authority into DIRECTORY/authority.pem, and prints its port, then one JSON line for each
request: its host, path and headers. A path is answered with the file DIRECTORY/documents/PATH, which is read each time:
a JSON object with body, and optionally status, headers, and drip, the seconds between two bytes. It ends when its
standard input does. Needs cryptography.
"""

import datetime
import http.server
import json
import pathlib
import ssl
import sys
import threading
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

NAMES = ["*.example.com", "localhost"]


def certificate(subject, key, issuer, issuer_key, *extensions):
    def name(text):
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    now, day = datetime.datetime.now(datetime.timezone.utc), datetime.timedelta(days=1)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
    return builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


SPEAKING = threading.Lock()


def say(thing):
    # Requests that arrive together must not write into each other's lines.
    with SPEAKING:
        print(json.dumps(thing), flush=True)


def main(directory):
    directory = pathlib.Path(directory)
    key, authority_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = x509.BasicConstraints(ca=True, path_length=0)
    (directory / "authority.pem").write_bytes(
        certificate("authority", authority_key, "authority", authority_key, authority)
    )
    names = x509.SubjectAlternativeName([x509.DNSName(name) for name in NAMES])
    leaf = x509.BasicConstraints(ca=False, path_length=None)
    shown = certificate("server", key, "authority", authority_key, names, leaf)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (directory / "server.pem").write_bytes(private + shown)

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
