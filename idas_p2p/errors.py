"""Every error this package raises on purpose, in one tree.

    IdasError
    ├── LocalError          our bug: logged as an error, please report
    │   └── NotLoggable
    ├── RemoteError         theirs: they broke a protocol or refused; logged, connection closed
    │   ├── WireError
    │   │   └── FrameTooLarge, UnsupportedVersion
    │   ├── HandshakeFailed, BadSignature, DigestMismatch
    │   ├── AccessDenied, StudyNotFound, TicketRefused
    │   └── ArchiveFailed, DestinationFailed, MalformedInstance, InstanceChanged, CannotConvert
    ├── UserError           configuration or usage: shown without a traceback
    │   ├── BadConfiguration, BadCode, BadQuery, NoSuchThing
    │   ├── NotAMember, NotAnAdmin, AwaitingApproval
    │   ├── NodeNotRunning, NodeAlreadyRunning, BootstrapNotRunning
    │   ├── UnknownDestination, UnknownCaller, SignInNeeded, SignInRefused
    │   └── DatabaseDamaged, DatabaseTooNew, StorageRefused
    └── Unreachable         nobody's fault: try again
        ├── PeerUnreachable
        │   └── ProxyRefused
        ├── ArchiveUnreachable, DestinationUnreachable, DirectoryUnreachable
        ├── ChannelClosed, NodeStopping, Busy
        ├── SpoolFull, DatabaseBusy, DatabaseFull, DatabaseUnreachable
        └── AuditUnavailable

The docstring of a class is what the user reads: what happened, then what to do next. The text given when raising says
which thing it happened to, and never holds patient data.
"""

from __future__ import annotations


class IdasError(Exception):
    """Something went wrong in idas_p2p."""

    code = "internal"

    @property
    def detail(self) -> str:
        """Which thing it happened to; free of patient data."""
        return str(self.args[0]) if self.args else ""

    @classmethod
    def explanation(cls) -> str:
        """What happened and what to do next, on one line."""
        return " ".join((cls.__doc__ or "").split())


class LocalError(IdasError):
    """The program met a state it should never be in. Please report it with the log of the last minute."""

    code = "local"


class NotLoggable(LocalError):
    """The program tried to log a field that is not on the list of allowed fields. Please report it."""

    code = "local.not_loggable"


class RemoteError(IdasError):
    """The other side broke the protocol or refused. Ask its administrator what its log says."""

    code = "remote"


class WireError(RemoteError):
    """Bytes from another node do not form a valid message. Check that both nodes run the same version."""

    code = "remote.wire"


class FrameTooLarge(WireError):
    """Another node announced a message larger than the protocol allows. The connection was closed."""

    code = "remote.wire.too_large"


class UnsupportedVersion(WireError):
    """The other node speaks a protocol version this one does not know. Update the older of the two."""

    code = "remote.wire.version"


class HandshakeFailed(RemoteError):
    """The secure handshake with the other node failed. Check that both are members of the same federation."""

    code = "remote.handshake"


class BadSignature(RemoteError):
    """A signature does not belong to the key it names. The data was thrown away."""

    code = "remote.signature"


class DigestMismatch(RemoteError):
    """An image did not arrive as it was sent. It was thrown away; retrieve the study again."""

    code = "remote.digest"


class AccessDenied(RemoteError):
    """The other institution's policy does not let you do this. Ask its administrator for a grant."""

    code = "remote.denied"


class StudyNotFound(RemoteError):
    """Nobody in the federation offers this study to you. Check the UID, or ask the institution for a grant."""

    code = "remote.study_not_found"


class TicketRefused(RemoteError):
    """The holder does not accept the ticket for this study. Query the study again and repeat the retrieval."""

    code = "remote.ticket"


class ArchiveFailed(RemoteError):
    """The archive answered with a failure. See the archive's own log; it may not know this node's AE title."""

    code = "remote.archive"


class DestinationFailed(RemoteError):
    """The destination workstation refused images. See its log, and check that it accepts this kind of image."""

    code = "remote.destination"


class MalformedInstance(RemoteError):
    """A data set cannot be read as DICOM. It was not delivered; check the object in its archive."""

    code = "remote.malformed"


class InstanceChanged(RemoteError):
    """An image was replaced or cut in its archive while it was being sent. Retrieve the study again."""

    code = "remote.instance_changed"


class CannotConvert(RemoteError):
    """The destination accepts no coding the image can get without loss. Let it accept more, or install the decoder."""

    code = "remote.cannot_convert"


class UserError(IdasError):
    """The request cannot be carried out as it was given."""

    code = "user"


class BadConfiguration(UserError):
    """The configuration has an error. Correct the key it names and start again."""

    code = "user.configuration"


class BadCode(UserError):
    """The invitation code is not valid. Check it for typing errors, or ask for a new one: `idas federation invite`."""

    code = "user.code"


class NotAMember(UserError):
    """This node belongs to no federation. Use `idas federation create` or `idas join` first."""

    code = "user.not_a_member"


class NotAnAdmin(UserError):
    """Only an administrator node of the federation can do this. Run the command there."""

    code = "user.not_an_admin"


class AwaitingApproval(UserError):
    """The federation's administrator has to approve this node first: `idas federation approve` there.

    Nothing more to do here: the node asks again by itself and joins when it is approved; see `idas status`.
    """

    code = "user.awaiting_approval"


class NodeNotRunning(UserError):
    """This command needs the node to run. Start it with `idas run DIR` and try again."""

    code = "user.not_running"


class NodeAlreadyRunning(UserError):
    """A node already runs from this folder. Stop it first, or use another folder."""

    code = "user.already_running"


class BootstrapNotRunning(UserError):
    """This command needs the bootstrap node to run. Start it with `python -m bootstrap run DIR` and try again."""

    code = "user.bootstrap_not_running"


class UnknownDestination(UserError):
    """The move destination is not a configured workstation. Add it with `idas workstation add`."""

    code = "user.unknown_destination"


class UnknownCaller(UserError):
    """The calling AE title is not known here. Add it with `idas workstation add` or `idas archive add`."""

    code = "user.unknown_caller"


class SignInNeeded(UserError):
    """Nobody has said who asks. Sign in at the workstation, or with `idas login`, and ask again."""

    code = "user.sign_in_needed"


class SignInRefused(UserError):
    """There is no such user, or the password is wrong, or was wrong too often. Wait a while and try again."""

    code = "user.sign_in_refused"


class BadQuery(UserError):
    """The query cannot be understood. Use DICOM keywords and the matching of PS3.4 C.2.2.2."""

    code = "user.query"


class DatabaseDamaged(UserError):
    """The node's database is damaged or none. Stop the node and restore node.db from a backup; images are kept."""

    code = "user.database_damaged"


class DatabaseTooNew(UserError):
    """The node's database was written by a newer version. Install that version again, or restore an older backup."""

    code = "user.database_too_new"


class StorageRefused(UserError):
    """The node's folder cannot be used. Check that it exists, that its disk works and that you may write to it."""

    code = "user.storage_refused"


class NoSuchThing(UserError):
    """There is nothing of that name. List what exists with the same command's `list`."""

    code = "user.no_such_thing"


class Unreachable(IdasError):
    """The other end did not answer. Try again; if it lasts, check the network between the two."""

    code = "unreachable"


class PeerUnreachable(Unreachable):
    """The other node did not answer. Check that it runs and that its network port can be reached."""

    code = "unreachable.peer"


class ProxyRefused(PeerUnreachable):
    """The HTTP proxy of this network did not let a connection through. Check `proxy` in node.toml, or ask who runs it."""

    code = "unreachable.peer.proxy"


class ArchiveUnreachable(Unreachable):
    """The archive did not answer. Check that it runs, and its address in `idas archive list`."""

    code = "unreachable.archive"


class DestinationUnreachable(Unreachable):
    """The destination workstation did not answer. Check that it runs, and its address in `idas workstation list`."""

    code = "unreachable.destination"


class DirectoryUnreachable(Unreachable):
    """No node of the directory answered. Check the bootstrap address and that UDP passes the firewall."""

    code = "unreachable.directory"


class ChannelClosed(Unreachable):
    """The connection to the other node was lost. The transfer resumes where it stopped when it is asked for again."""

    code = "unreachable.channel"


class SpoolFull(Unreachable):
    """The disk or the spool is full. Free space in the node's folder, then retrieve the study again."""

    code = "unreachable.spool_full"


class NodeStopping(Unreachable):
    """This node is being stopped. Repeat the request when it runs again."""

    code = "unreachable.stopping"


class DatabaseBusy(Unreachable):
    """Another program keeps the node's database locked. Try again; if it lasts, stop the other program."""

    code = "unreachable.database_busy"


class DatabaseFull(Unreachable):
    """The disk with the node's database is full. Free space and try again; nothing reported done is lost."""

    code = "unreachable.database_full"


class DatabaseUnreachable(Unreachable):
    """The database server did not answer. Check that it runs, and the database URL in node.toml."""

    code = "unreachable.database"


class AuditUnavailable(Unreachable):
    """The audit log cannot be written, and nothing is served unrecorded. Free space in the node's folder, try again."""

    code = "unreachable.audit"


class Busy(Unreachable):
    """The other side has reached a limit of work. Try again in a moment."""

    code = "unreachable.busy"
