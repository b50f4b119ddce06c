"""What an examination finds, each by a name of its own, and what to do about each.

Belongs here: the names, how bad each is, the next step. Not here: finding out (the other modules of this package).
Law: a fault without a next step cannot be made. Documented for operators in docs/operations/doctor.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final


class Verdict(StrEnum):
    """How bad it is."""

    GOOD = "good"
    NOTE = "note"  # works, but the operator should know
    FAULT = "fault"  # something does not work until it is mended


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Args:
        part: what was looked at, such as `disk` or `archive pacs`.
        name: which of FAULTS or NOTES; empty where all is well.
        said: what was seen, in one sentence without patient data.
    """

    part: str
    said: str
    name: str = ""

    @property
    def verdict(self) -> Verdict:
        """How bad it is."""
        return Verdict.GOOD if not self.name else Verdict.FAULT if self.name in FAULTS else Verdict.NOTE

    @property
    def next_step(self) -> str:
        """What to do; empty where all is well."""
        return (FAULTS.get(self.name) or NOTES[self.name]) if self.name else ""

    def document(self) -> dict[str, str]:
        """As JSON values: part, said, name, verdict, next_step."""
        return {**asdict(self), "verdict": str(self.verdict), "next_step": self.next_step}

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Finding:
        """Read what `document` gave; a name this version does not know is told as a note about the version."""
        part, said, name = (str(document.get(key) or "") for key in ("part", "said", "name"))
        if name and name not in FAULTS and name not in NOTES:
            return cls(part, f"{said} ({name})", "version_differs")
        return cls(part, said, name)


def good(part: str, said: str) -> Finding:
    """All is well there."""
    return Finding(part, said)


def found(part: str, name: str, said: str) -> Finding:
    """Something is not as it should be.

    Raises:
        KeyError: the name has no next step.
    """
    (FAULTS if name in FAULTS else NOTES)[name]
    return Finding(part, said, name)


def has_fault(findings: Iterable[Finding]) -> bool:
    """Whether anything does not work."""
    return any(one.verdict is Verdict.FAULT for one in findings)


FAULTS: Final[Mapping[str, str]] = {
    # this machine
    "configuration_wrong": "correct the key that is named in node.toml, then start the node again",
    "key_unusable": "run `chmod 600` on node.key if others can read it; if it is gone, restore it from a backup: a new"
    " key is a new institution, which must be invited again",
    "folder_not_ours": "run this command and the node as the user who owns the folder, or give the folder to that user"
    " with `chown -R`",
    "disk_full": "free space on the disk of the node's folder, or move the folder to a larger one",
    "spool_larger_than_disk": "lower spool_gb in node.toml, or free space on the disk of the node's folder",
    "descriptors_few": "raise the limit of open files to 4,096 or more: LimitNOFILE= in the unit, or `ulimit -n`",
    "clock_wrong": "set the clock and keep it set: `timedatectl set-ntp true`, or chrony; others refuse what is more"
    " than 120 s off",
    "database_unusable": "do what the message says; `node.db` can be restored from a backup, images are kept beside it",
    "policy_refused": "correct the line of policy.toml that is named; until then what it said before is in force",
    "not_answering": "stop the node and start it again; keep the last minute of its log for a report",
    "port_taken": "stop the program that has the port (`ss -lptun` names it), or choose another port in node.toml",
    "port_forbidden": "take a port from 1,024 up in node.toml, or allow low ones: AmbientCapabilities="
    "CAP_NET_BIND_SERVICE in the unit",
    "address_not_ours": "use 0.0.0.0 or an address of this machine in node.toml (`ip address` lists them)",
    # the way out
    "bootstrap_unknown_host": "check the host name in `bootstrap` of node.toml, and this machine's name server",
    "bootstrap_silent": "check the address in `bootstrap` of node.toml, that the operator's node runs, and that the"
    " firewall lets UDP and TCP out to that port",
    "bootstrap_not_as_named": "compare the ID behind the / in `bootstrap` of node.toml with what its operator's"
    " `python -m bootstrap run` prints",
    "directory_not_joined": "see the findings about bootstrap nodes; without the directory nobody finds this node's"
    " studies",
    "proxy_refuses": "check `proxy` in node.toml and its password, and ask its owner to allow CONNECT to the bootstrap"
    " node's port",
    "nobody_can_dial": "allow the network port in from outside, or set `relay = true` in node.toml and name a bootstrap"
    " node that relays",
    # the federation
    "no_federation": "found one with `idas federation create DIR NAME`, or join one with `idas join DIR CODE`",
    "federation_expired": "let a node of an administrator run and be reached; it renews the manifest by itself",
    "token_expired": "say it again at the administrator's node, with a later end: `idas group nodes` or `idas group"
    " vouch`",
    "peer_unreachable": "ask that institution whether its node runs; `idas peers DIR` says which ways were tried",
    # archives and workstations
    "archive_unknown_host": "check the host name: `idas archive add` again with the right --address",
    "archive_closed": "start the archive's DICOM service, or give the right port: `idas archive add` again",
    "archive_silent": "check the address, and that no firewall stands between the node and the archive",
    "archive_refuses": "enter this node's AE title and address in the archive, and check the archive's own AE title:"
    " `idas archive add` again with the right --aet",
    "archive_no_find": "let the archive answer Study Root C-FIND from this node's AE title",
    "archive_knows_no_destination": "enter this node in the archive as a C-MOVE destination: the AE title, host and"
    " port that `idas status DIR` shows",
    "archive_move_fails": "check in the archive that this node is a C-MOVE destination with the AE title, host and port"
    " that `idas status DIR` shows; the archive's log says what failed",
    "web_fails": "check the URL, user and password of the DICOMweb service: `idas archive add` again",
    "folder_unreadable": "check that the folder exists, is mounted, and can be read by the node's user",
    "workstation_unknown_host": "check the host name: `idas workstation add` again with the right --address",
    "workstation_closed": "start the workstation's receiver, or give the right port: `idas workstation add` again",
    "workstation_silent": "check the address, and that no firewall stands between the node and the workstation",
    "workstation_refuses": "enter this node's AE title in the workstation, and check the workstation's own:"
    " `idas workstation add` again",
    # the record of who saw what
    "audit_unwritable": "free space in the node's folder; nothing is served while it cannot be recorded",
    "collector_unreachable": "check [audit] in node.toml and that the collector takes syslog over TLS; nothing is lost,"
    " the log is sent on when it answers",
}

NOTES: Final[Mapping[str, str]] = {
    "not_running": "start it: `idas run DIR`; what only a running node can find out was left out",
    "disk_low": "free space soon; below 1 GB images can no longer be kept in transit",
    "clock_unsynchronised": "let a time service keep it: `timedatectl set-ntp true`, or chrony",
    "no_bootstrap": "name the operator's node in `bootstrap` of node.toml, unless others are found otherwise",
    "udp_blocked": "nothing need be done: the directory goes over TCP; UDP out to the bootstrap node would be faster",
    "nat_random": "nothing need be done; where both sides are so, images go through a relay. A port mapping helps",
    "only_by_relay": "nothing need be done; images of nodes that cannot be dialled either go through the relay. Opening"
    " the network port makes them faster",
    "federation_expires": "let a node of an administrator run within that time; it renews the manifest by itself",
    "token_expires": "say it again at the administrator's node, with a later end: `idas group nodes` or `idas group"
    " vouch`",
    "one_admin": "add a second with `idas federation admin add`, so that a lost key does not end the federation",
    "approval_waiting": "approve or refuse: `idas federation approve DIR`",
    "version_differs": "update the older of the two nodes",
    "nothing_offered": "add the archive: `idas archive add DIR NAME --aet AET --address HOST:PORT`",
    "nothing_shared": "give others something to see: `idas grant DIR --to everyone --level full`, or policy.toml",
    "archive_empty": "nothing need be done if the archive is new; else check that it shows its studies to this node",
    "harvest_failed": "see the other findings about this archive; it is asked again at the next poll",
    "publishing_behind": "nothing need be done; it goes on in the background",
    "no_workstation": "add one, so that it may ask: `idas workstation add DIR --aet AET --address HOST:PORT`",
}
