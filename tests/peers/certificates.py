"""Makes the certificates of test servers. Needs cryptography."""

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


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


def make_certificates(directory, names):
    """Writes the certificate of an authority to authority.pem, and the key and the certificate that it gave for these
    names to server.pem."""
    key, authority_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = x509.BasicConstraints(ca=True, path_length=0)
    (directory / "authority.pem").write_bytes(
        certificate("authority", authority_key, "authority", authority_key, authority)
    )
    names = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    leaf = x509.BasicConstraints(ca=False, path_length=None)
    shown = certificate("server", key, "authority", authority_key, names, leaf)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (directory / "server.pem").write_bytes(private + shown)
