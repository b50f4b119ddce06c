"""Orthanc as a hospital's PACS: a real process on free ports, filled and asked like any PACS.

Source of the configuration keys: the Orthanc Book, "Configuration"; Debian's 1.10.1 needs DicomAlwaysAllow* for AEs it
does not know.
"""

from __future__ import annotations

import json
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tools.programs import LOOPBACK, Program, free_port

QUICK = {"TCP_NODELAY": "1"}  # else DCMTK, inside Orthanc too, waits for each delayed ACK
DICOMWEB_PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")  # Debian's orthanc-dicomweb
SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


def find_orthanc() -> str | None:
    """Where the program is; None when it is not installed."""
    return shutil.which("Orthanc", path=SEARCH_PATH)


class Orthanc:
    """One Orthanc.

    Args:
        folder: gets its configuration and its storage.
        aet: its own AE title.
        modalities: AE title to (host, port) of the destinations of its C-MOVE.
        host: where it listens.
    """

    def __init__(
        self,
        folder: Path,
        *,
        modalities: Mapping[str, tuple[str, int]],
        aet: str = "ORTHANC",
        host: str = LOOPBACK,
    ) -> None:
        self.aet, self.host = aet, host
        self.dicom_port, self.http_port = free_port(), free_port()
        folder.mkdir(parents=True, exist_ok=True)
        configuration = folder / "orthanc.json"
        configuration.write_text(json.dumps(self._configuration(folder, modalities)))
        program = find_orthanc() or "Orthanc"
        self.program = Program(folder.name, [program, str(configuration)], log=folder.parent / "logs", env=QUICK)

    def _configuration(self, folder: Path, modalities: Mapping[str, tuple[str, int]]) -> dict[str, Any]:
        return {
            "Name": self.aet,
            "StorageDirectory": str(folder / "storage"),
            "IndexDirectory": str(folder / "storage"),
            "DicomAet": self.aet,
            "DicomPort": self.dicom_port,
            "HttpPort": self.http_port,
            "RemoteAccessAllowed": True,
            "AuthenticationEnabled": False,
            "DicomAlwaysAllowEcho": True,
            "DicomAlwaysAllowStore": True,
            "DicomAlwaysAllowFind": True,
            "DicomAlwaysAllowGet": True,
            "DicomAlwaysAllowMove": True,
            "UnknownSopClassAccepted": True,
            "DicomModalities": {name: [name, host, port] for name, (host, port) in modalities.items()},
            "SaveJobs": False,
            "Plugins": [str(DICOMWEB_PLUGIN)] if DICOMWEB_PLUGIN.exists() else [],
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        }

    @property
    def web_url(self) -> str:
        """Its DICOMweb service, where the plugin is installed."""
        return f"http://{self.host}:{self.http_port}/dicom-web"

    def start(self) -> None:
        """Run it; returns when its REST interface answers."""
        self.program.start(lambda: self._http("GET", "/system") is not None, timeout=60.0)

    def stop(self) -> None:
        """End it."""
        self.program.stop()

    def fill(self, files: Sequence[Path]) -> None:
        """Store files over its REST interface, as they are."""
        for path in files:
            if self._http("POST", "/instances", path.read_bytes()) is None:
                raise RuntimeError(f"Orthanc did not store {path.name}")

    def delete_study(self, study_uid: str) -> None:
        """Remove a study and all its instances."""
        for identifier in self._lookup(study_uid):
            self._http("DELETE", f"/studies/{identifier}")

    def study_count(self) -> int:
        """How many studies it holds."""
        return int((self._http("GET", "/statistics") or {})["CountStudies"])

    def _lookup(self, study_uid: str) -> list[str]:
        found = self._http("POST", "/tools/lookup", study_uid.encode()) or []
        return [str(item["ID"]) for item in found if item["Type"] == "Study"]

    def _http(self, method: str, path: str, body: bytes | None = None) -> Any:
        request = urllib.request.Request(f"http://{self.host}:{self.http_port}{path}", data=body, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - http to our own process
                return json.loads(answer.read() or b"{}")
        except (urllib.error.URLError, OSError):
            return None
