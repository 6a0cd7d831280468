"""Certificates for clusters whose connections are encrypted: an authority made for one test, and what it signed."""

from __future__ import annotations

import datetime as dt
from pathlib import Path


def make(folder: Path, name: str = "cluster") -> dict[str, Path]:
    """PEM files that are good for a day: `ca`, and a certificate `cert` with its `key` for either side.

    Args:
        folder: Where; made when missing.
        name: Whose they are, in the certificates.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    folder.mkdir(parents=True, exist_ok=True)
    begin = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)

    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = (
        x509.CertificateBuilder()
        .subject_name(named(f"{name}'s authority"))
        .issuer_name(named(f"{name}'s authority"))
        .public_key(root_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    leaf = (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(root.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .sign(root_key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    texts = {
        "ca": root.public_bytes(serialization.Encoding.PEM),
        "cert": leaf.public_bytes(serialization.Encoding.PEM),
        "key": private,
    }
    files = {part: folder.absolute() / f"{part}.pem" for part in texts}
    for part, text in texts.items():
        files[part].write_bytes(text)
    return files
