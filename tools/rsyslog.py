"""Debian's rsyslog as a collector of syslog over TLS, for tests: its own folder, port and certificate.

Belongs here: starting and stopping it. Not here: what is sent to it.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

from tools.programs import Program, answers, free_port

NEEDED: Final = ("rsyslogd", "openssl")
DRIVERS: Final = {"ossl": "lmnsd_ossl.so", "gtls": "lmnsd_gtls.so"}  # rsyslog-openssl, rsyslog-gnutls
_MODULES: Final = Path("/usr/lib")
_CONFIGURATION: Final = """\
global(
    workDirectory="{folder}" maxMessageSize="1m"
    defaultNetstreamDriver="{driver}" defaultNetstreamDriverCAFile="{folder}/ca.pem"
    defaultNetstreamDriverCertFile="{folder}/server.pem" defaultNetstreamDriverKeyFile="{folder}/server.key"
)
module(load="imtcp" streamDriver.name="{driver}" streamDriver.mode="1" streamDriver.authMode="anon")
input(type="imtcp" port="{port}" address="127.0.0.1" supportOctetCountedFraming="on")
template(name="whole" type="string" string="%structured-data% %msgid% %msg%\\n")
action(
    type="omfile" file="{folder}/received.log" template="whole" fileCreateMode="0600"
    asyncWriting="off" flushOnTXEnd="on"
)
"""


def driver() -> str | None:
    """A TLS driver that is installed; None when rsyslog or openssl is not."""
    if not all(map(shutil.which, NEEDED)):
        return None
    return next((name for name, file in DRIVERS.items() if any(_MODULES.glob(f"*/rsyslog/{file}"))), None)


class Rsyslog:
    """A collector.

    Args:
        folder: its own; certificates are made there.
        tls: a driver, see `driver`.
    """

    def __init__(self, folder: Path, tls: str) -> None:
        self.folder, self.port = folder, free_port()
        folder.mkdir(parents=True, exist_ok=True)
        make_certificates(folder)
        configuration = folder / "rsyslog.conf"
        configuration.write_text(_CONFIGURATION.format(folder=folder, driver=tls, port=self.port))
        pid = folder / "rsyslogd.pid"
        self._program = Program("rsyslogd", ["rsyslogd", "-n", "-f", str(configuration), "-i", str(pid)], log=folder)

    @property
    def authority(self) -> Path:
        """The certificate its own can be checked against."""
        return self.folder / "ca.pem"

    def lines(self) -> list[str]:
        """The messages it wrote so far."""
        path = self.folder / "received.log"
        return path.read_text("utf-8", "replace").splitlines() if path.exists() else []

    def start(self) -> None:
        """Start it; it takes connections when this returns."""
        self._program.start(lambda: answers(self.port))

    def kill(self) -> None:
        """End it as a power cut would; may be repeated."""
        self._program.kill()
        (self.folder / "rsyslogd.pid").unlink(missing_ok=True)


def make_certificates(folder: Path) -> None:
    """Make an authority (`ca.pem`) and a certificate of 127.0.0.1 that it signed (`server.pem`, `server.key`)."""
    names = "subjectAltName=IP:127.0.0.1,DNS:localhost"
    authority = ["-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=authority"]
    request = ["-newkey", "rsa:2048", "-nodes", "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost"]
    sign = ["-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2"]
    (folder / "names").write_text(names)
    for words in (
        ["req", "-x509", *authority, "-days", "2"],
        ["req", *request],
        ["x509", *sign, "-extfile", "names", "-out", "server.pem"],
    ):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True, timeout=60)
