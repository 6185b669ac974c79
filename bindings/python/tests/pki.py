"""Certificates by a CA of the world."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


def load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """A private key, PKCS #8 in PEM; the world's are all on P-256."""
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


def load_chain(path: Path) -> list[bytes]:
    """The certificates of a file in PEM, as DER."""
    certificates = x509.load_pem_x509_certificates(path.read_bytes())
    return [certificate.public_bytes(serialization.Encoding.DER) for certificate in certificates]


@dataclass(frozen=True)
class Issued:
    """A certificate and where it was written."""

    certificate: x509.Certificate
    chain: Path
    """As a server sends it, PEM."""
    key: Path

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def chain_der(self) -> list[bytes]:
        return load_chain(self.chain)


def issue(
    ca_certificate: Path,
    ca_key: Path,
    directory: Path,
    names: list[str],
    key: ec.EllipticCurvePrivateKey | None = None,
    lifetime: timedelta = timedelta(days=90),
) -> Issued:
    """A server's certificate for names and addresses, on `key` or a fresh one, written into `directory`."""
    authority = x509.load_pem_x509_certificate(ca_certificate.read_bytes())
    key = key or ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(timezone.utc)
    issuer = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])]))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + lifetime)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        # Since 3.13 Python's default context demands it.
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer.value), critical=False)
    )
    certificate = builder.sign(load_key(ca_key), hashes.SHA256())
    directory.mkdir(mode=0o755, parents=True)
    issued = Issued(certificate, directory / "chain.pem", directory / "key.pem")
    issued.chain.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + ca_certificate.read_bytes())
    issued.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return issued


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
