"""DICOM over TLS: which versions and suites, with whose certificates, in either role.

The profile is PS3.15 B.12, "BCP 195 TLS Secure Transport Connection Profile": TLS 1.2 or 1.3, no older version, no
compression, no renegotiation, and for 1.2 suites with forward secrecy and authenticated encryption only (RFC 9325
section 4.2). Belongs here: the settings of a connection. Not here: its bytes (secure_socket.py).
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from idas_p2p.errors import BadConfiguration

SUITES: Final = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "DHE-RSA-AES128-GCM-SHA256",
    "DHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
)
"""Of TLS 1.2, by OpenSSL's names; those of 1.3 are all good and not chosen here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """This node's side of TLS.

    Args:
        server: for devices that connect; None: there is no certificate to show them.
        client: for devices that are called.
        checks_names: a device's certificate must be for the host name it is called by.
    """

    server: ssl.SSLContext | None
    client: ssl.SSLContext
    checks_names: bool


def load_tls(certificate: Path | None, authorities: Path | None, *, requires_certificates: bool = False) -> Tls:
    """Read the certificates.

    Certificates are checked against `authorities`, which an operator chose: what these vouch for is a device of the
    hospital, whatever its certificate is called. Without them the system's authorities count, which vouch for names,
    so the name must be the one that is called, and devices that connect are not asked for a certificate.

    Args:
        certificate: PEM file with ours, its chain and its key.
        authorities: PEM file; None: those of the system.
        requires_certificates: devices that connect must show one.

    Raises:
        BadConfiguration: a file cannot be used.
    """
    server = None
    try:
        client = _context(ssl.PROTOCOL_TLS_CLIENT)
        client.check_hostname = authorities is None
        client.verify_mode = ssl.CERT_REQUIRED
        if authorities is None:
            client.load_default_certs()
        else:
            client.load_verify_locations(authorities)
        if certificate is not None:
            client.load_cert_chain(certificate)
            server = _context(ssl.PROTOCOL_TLS_SERVER)
            server.load_cert_chain(certificate)
            if authorities is not None:
                server.load_verify_locations(authorities)
                server.verify_mode = ssl.CERT_REQUIRED if requires_certificates else ssl.CERT_OPTIONAL
    except (OSError, ssl.SSLError):
        raise BadConfiguration(
            "dicom.tls_certificate or dicom.tls_ca: not certificates in PEM, ours with its key"
        ) from None
    return Tls(server=server, client=client, checks_names=client.check_hostname)


def _context(protocol: int) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(":".join(SUITES))
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    return context
