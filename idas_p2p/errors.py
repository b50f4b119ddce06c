"""Every error this package raises on purpose, in one tree.

    IdasError
    ├── LocalError          our bug: logged as an error, please report
    │   └── NotLoggable
    ├── RemoteError         theirs: they broke a protocol or refused; logged, connection closed
    │   ├── WireError
    │   │   └── FrameTooLarge, UnsupportedVersion
    │   ├── HandshakeFailed, BadSignature, DigestMismatch
    │   ├── AccessDenied, StudyNotFound, TicketRefused, NoEmergencyHere
    │   ├── PassRefused
    │   │   └── PassUsed, PassExpired, PassRevoked
    │   ├── ArchiveFailed
    │   │   └── AnswerTooLarge, MoveDestinationUnknown
    │   └── DestinationFailed, MalformedInstance, InstanceChanged, InstanceKept, CannotConvert
    ├── UserError           configuration or usage: shown without a traceback
    │   ├── BadConfiguration, BadCode, BadQuery, TooManyMatches, NoSuchThing, TransferStopped
    │   ├── NotAMember, NotAnAdmin, AwaitingApproval, NodeNotRunning, NodeAlreadyRunning, BootstrapNotRunning
    │   ├── UnknownDestination, UnknownCaller, SignInNeeded, SignInRefused
    │   └── DatabaseDamaged, DatabaseTooNew, StorageRefused
    └── Unreachable         nobody's fault: try again
        ├── PeerUnreachable
        │   └── ProxyRefused
        ├── ArchiveUnreachable
        │   └── AssociationRefused
        ├── DestinationUnreachable, DirectoryUnreachable
        ├── ChannelClosed, NodeStopping, Busy
        ├── SpoolFull, DatabaseBusy, DatabaseFull, DatabaseUnreachable
        └── AuditUnavailable

The docstring of a class is what the user reads: what happened, then what to do next. The text given when raising says
which thing it happened to, and never holds patient data.
"""

from __future__ import annotations

from typing import ClassVar


class IdasError(Exception):
    """Something went wrong in idas_p2p."""

    code: ClassVar[str] = "internal"

    def __init_subclass__(cls, *, code: str) -> None:
        """Name a class below its branch: `wire` below `remote` is `remote.wire`."""
        cls.code = code if cls.__base__ is IdasError else f"{cls.code}.{code}"  # its own is its branch's until now

    @property
    def detail(self) -> str:
        """Which thing it happened to; free of patient data."""
        return str(self.args[0]) if self.args else ""

    @classmethod
    def explanation(cls) -> str:
        """What happened and what to do next, on one line."""
        return " ".join((cls.__doc__ or "").split())


class LocalError(IdasError, code="local"):
    """The program met a state it should never be in. Please report it with the log of the last minute."""


class NotLoggable(LocalError, code="not_loggable"):
    """The program tried to log a field that is not on the list of allowed fields. Please report it."""


class RemoteError(IdasError, code="remote"):
    """The other side broke the protocol or refused. Ask its administrator what its log says."""


class WireError(RemoteError, code="wire"):
    """Bytes from another node do not form a valid message. Check that both nodes run the same version."""


class FrameTooLarge(WireError, code="too_large"):
    """Another node announced a message larger than the protocol allows. The connection was closed."""


class UnsupportedVersion(WireError, code="version"):
    """The other node speaks a protocol version this one does not know. Update the older of the two."""


class HandshakeFailed(RemoteError, code="handshake"):
    """The secure handshake with the other node failed. Check that both are members of the same federation."""


class BadSignature(RemoteError, code="signature"):
    """A signature does not belong to the key it names. The data was thrown away."""


class DigestMismatch(RemoteError, code="digest"):
    """An image did not arrive as it was sent. It was thrown away; retrieve the study again."""


class AccessDenied(RemoteError, code="denied"):
    """The other institution's policy does not let you do this. Ask its administrator for a grant."""


class StudyNotFound(RemoteError, code="study_not_found"):
    """Nobody in the federation offers this study to you. Check the UID, or ask the institution for a grant."""


class TicketRefused(RemoteError, code="ticket"):
    """The holder does not accept the ticket for this study. Query the study again and repeat the retrieval."""


class NoEmergencyHere(RemoteError, code="no_emergency"):
    """No rule of an institution that has this patient permits break-glass to you. Telephone the institution."""


class PassRefused(RemoteError, code="pass"):
    """The pass does not serve. Ask whoever gave you its code for a new one."""


class PassUsed(PassRefused, code="used"):
    """The pass is used up: its study was, or is being, fetched. Ask whoever gave it to you for a new one."""


class PassExpired(PassRefused, code="expired"):
    """The pass has expired. Ask whoever gave it to you for a new one."""


class PassRevoked(PassRefused, code="revoked"):
    """The pass was taken back by the institution that gave it. Ask there."""


class ArchiveFailed(RemoteError, code="archive"):
    """The archive answered with a failure. See the archive's own log; it may not know this node's AE title."""


class AnswerTooLarge(ArchiveFailed, code="answer_too_large"):
    """The query has more matches than the archive answers with. Ask for less: one patient, fewer days."""


class MoveDestinationUnknown(ArchiveFailed, code="destination_unknown"):
    """The archive does not know this node as a C-MOVE destination. Enter the node's AE title, host and port there."""


class DestinationFailed(RemoteError, code="destination"):
    """The destination workstation refused images. See its log, and check that it accepts this kind of image."""


class MalformedInstance(RemoteError, code="malformed"):
    """A data set cannot be read as DICOM. It was not delivered; check the object in its archive."""


class InstanceChanged(RemoteError, code="instance_changed"):
    """An image was replaced or cut in its archive while it was being sent. Retrieve the study again."""


class InstanceKept(RemoteError, code="instance_kept"):
    """Another version of this instance is kept here. Give what was changed a SOP Instance UID of its own."""


class CannotConvert(RemoteError, code="cannot_convert"):
    """The destination accepts no coding the image can get without loss. Let it accept more, or install the decoder."""


class UserError(IdasError, code="user"):
    """The request cannot be carried out as it was given."""


class BadConfiguration(UserError, code="configuration"):
    """The configuration has an error. Correct the key it names and start again."""


class BadCode(UserError, code="code"):
    """The code is not valid. Check it for typing errors, or ask whoever gave it to you for a new one."""


class NotAMember(UserError, code="not_a_member"):
    """This node belongs to no federation. Use `idas federation create` or `idas join` first."""


class NotAnAdmin(UserError, code="not_an_admin"):
    """Only an administrator node of the federation can do this. Run the command there."""


class AwaitingApproval(UserError, code="awaiting_approval"):
    """The federation's administrator has to approve this node first: `idas federation approve` there.

    Nothing more to do here: the node asks again by itself and joins when it is approved; see `idas status`.
    """


class NodeNotRunning(UserError, code="not_running"):
    """This command needs the node to run. Start it with `idas run DIR` and try again."""


class NodeAlreadyRunning(UserError, code="already_running"):
    """A node already runs from this folder. Stop it first, or use another folder."""


class BootstrapNotRunning(UserError, code="bootstrap_not_running"):
    """This command needs the bootstrap node to run. Start it with `python -m bootstrap run DIR` and try again."""


class UnknownDestination(UserError, code="unknown_destination"):
    """The move destination is not a configured workstation. Add it with `idas workstation add`."""


class UnknownCaller(UserError, code="unknown_caller"):
    """The calling AE title is not known here. Add it with `idas workstation add` or `idas archive add`."""


class SignInNeeded(UserError, code="sign_in_needed"):
    """Nobody has said who asks. Sign in at the workstation, or with `idas login`, and ask again."""


class SignInRefused(UserError, code="sign_in_refused"):
    """There is no such user, or the password is wrong, or was wrong too often. Wait a while and try again."""


class BadQuery(UserError, code="query"):
    """The query cannot be understood. Use DICOM keywords and the matching of PS3.4 C.2.2.2."""


class TooManyMatches(UserError, code="too_many_matches"):
    """The query has more matches than one answer may hold. Ask for less: one study, one patient, fewer days."""


class DatabaseDamaged(UserError, code="database_damaged"):
    """The node's database is damaged or none. Stop the node and restore node.db from a backup; images are kept."""


class DatabaseTooNew(UserError, code="database_too_new"):
    """The node's database was written by a newer version. Install that version again, or restore an older backup."""


class StorageRefused(UserError, code="storage_refused"):
    """The node's folder cannot be used. Check that it exists, that its disk works and that you may write to it."""


class TransferStopped(UserError, code="transfer_stopped"):
    """The operator of a node ended this transfer. Ask for the study again when that may be; what arrived is kept."""


class NoSuchThing(UserError, code="no_such_thing"):
    """There is nothing of that name. List what exists with the same command's `list`."""


class Unreachable(IdasError, code="unreachable"):
    """The other end did not answer. Try again; if it lasts, check the network between the two."""


class PeerUnreachable(Unreachable, code="peer"):
    """The other node did not answer. Check that it runs and that its network port can be reached."""


class ProxyRefused(PeerUnreachable, code="proxy"):
    """The HTTP proxy of this network did not let a connection through. Check `proxy` in node.toml, or ask its owner."""


class ArchiveUnreachable(Unreachable, code="archive"):
    """The archive did not answer. Check that it runs, and its address in `idas archive list`."""


class AssociationRefused(ArchiveUnreachable, code="refused"):
    """The archive is there and refuses this node. Enter this node's AE title there, and check the archive's own."""


class DestinationUnreachable(Unreachable, code="destination"):
    """The destination workstation did not answer. Check that it runs, and its address in `idas workstation list`."""


class DirectoryUnreachable(Unreachable, code="directory"):
    """No node of the directory answered. Check the bootstrap address and that UDP passes the firewall."""


class ChannelClosed(Unreachable, code="channel"):
    """The connection to the other node was lost. The transfer resumes where it stopped when it is asked for again."""


class SpoolFull(Unreachable, code="spool_full"):
    """The disk or the spool is full. Free space in the node's folder, then retrieve the study again."""


class NodeStopping(Unreachable, code="stopping"):
    """This node is being stopped. Repeat the request when it runs again."""


class DatabaseBusy(Unreachable, code="database_busy"):
    """Another program keeps the node's database locked. Try again; if it lasts, stop the other program."""


class DatabaseFull(Unreachable, code="database_full"):
    """The disk with the node's database is full. Free space and try again; nothing reported done is lost."""


class DatabaseUnreachable(Unreachable, code="database"):
    """The database server did not answer. Check that it runs, and the database URL in node.toml."""


class AuditUnavailable(Unreachable, code="audit"):
    """The audit log cannot be written, and nothing is served unrecorded. Free space in the node's folder, try again."""


class Busy(Unreachable, code="busy"):
    """The other side has reached a limit of work. Try again in a moment."""
