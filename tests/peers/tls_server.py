"""A server for https://localhost:PORT whose certificate is invalid on request.

    python tls_server.py KIND DIRECTORY

KIND is good, expired, early, other-host, self-signed, or unknown-authority. Writes the certificate of the authority
that clients should trust into DIRECTORY/authority.pem, prints its port, and answers every request with 404. It ends
when its standard input does. Needs cryptography.
"""

import datetime
import http.server
import json
import pathlib
import ssl
import sys
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

DAY = datetime.timedelta(days=1)


def named(name):
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def certificate(subject, key, issuer, issuer_key, extension, begins, ends):
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(named(subject))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begins)
        .not_valid_after(now + ends)
    )
    return builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints)).sign(
        issuer_key, hashes.SHA256()
    )


def pem(thing):
    return thing.public_bytes(serialization.Encoding.PEM)


def main(kind, directory):
    directory = pathlib.Path(directory)
    key, authority_key, stranger_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    authority = x509.BasicConstraints(ca=True, path_length=0)
    root = certificate("authority", authority_key, "authority", authority_key, authority, -DAY, DAY)
    (directory / "authority.pem").write_bytes(pem(root))

    host = "elsewhere.example" if kind == "other-host" else "localhost"
    names = x509.SubjectAlternativeName([x509.DNSName(host)])
    begins, ends = {"expired": (-2 * DAY, -DAY), "early": (DAY, 2 * DAY)}.get(kind, (-DAY, DAY))
    issuer, issuer_key = {
        "self-signed": ("localhost", key),
        "unknown-authority": ("stranger", stranger_key),
    }.get(kind, ("authority", authority_key))
    shown = certificate("localhost", key, issuer, issuer_key, names, begins, ends)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (directory / "server.pem").write_bytes(private + pem(shown))

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "server.pem")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda request, client_address: None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps(server.server_address[1]), flush=True)
    sys.stdin.read()


main(*sys.argv[1:])
