"""A node's status at a glance: itself, its federation, the directory, its archives, its work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from idas_p2p.dashboard.configuration import until
from idas_p2p.dashboard.tables import Records, Row, rows_of, state, word
from idas_p2p.dashboard.text import UNKNOWN, age, duration, number, size


def status_view(status: Mapping[str, Any], *, now: float) -> RenderableType:
    """The answer of `idas status`.

    Args:
        status: institution, aet, node_id, version, dicom, network, uptime_seconds, memory_bytes, spool_bytes,
            spool_limit_bytes, spool_encrypted;
            reachability: reachable, published, mapped (way, external); proxy: null or address, refusal;
            connections: channels, handshakes, refused (by name);
            federation: null or name, epoch, members, admin, admins, asking, proposals;
            joining: null or state, reason; federations: all of them;
            directory: joined, carried, contacts, records_stored, lookups, lookup_ms_p50,
            records_published, records_sending, unpublished, renewals_due;
            catalog: studies, instances; transfers: active;
            archives: name, kind, state, studies, instances, last_ok (Unix seconds), failures, error.
            A part that is missing is shown as a dash.
        now: Unix seconds.
    """
    facts = facts_grid(status_facts(status))
    archives = rows_of(status, "archives")
    if not archives:
        return Group(facts, Text(""), Text("No archive yet; add one with: idas archive add"))
    return Group(facts, Text(""), archives_table(archives, now=now))


def facts_grid(facts: Sequence[tuple[str, str]]) -> Table:
    """Labels and words in two columns."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    for label, words in facts:
        grid.add_row(Text(label, style="bold"), Text(words))
    return grid


def directory_facts(status: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The directory as a node sees it, by label."""
    directory = _part(status, "directory")
    told = {key: _part(directory, key) for key in ("refused", "dropped")}
    return [
        ("Directory", _directory(directory)),
        ("Role", "server: holds records of others" if directory.get("server") else "client: others cannot reach it"),
        ("Lookups", number(directory.get("lookups"))),
        ("Publishing", _publishing(directory)),
        *((key.capitalize(), _counted(counts)) for key, counts in told.items() if counts),
    ]


def _counted(counts: Row) -> str:
    return ", ".join(f"{number(count)} {word(name)}" for name, count in counts.items())


def status_facts(status: Mapping[str, Any]) -> list[tuple[str, str]]:
    """A node at a glance, by label."""
    return [
        ("Institution", f"{word(status.get('institution'))} (AE title {word(status.get('aet'))})"),
        ("Node", f"{word(status.get('node_id'))}, version {word(status.get('version'))}"),
        ("Listens", f"DICOM {word(status.get('dicom'))}, network {word(status.get('network'))}"),
        ("Reachable", _reachability(_part(status, "reachability"))),
        *_proxy(_part(status, "proxy")),
        ("Connections", _connections(_part(status, "connections"))),
        ("Up", f"{duration(status.get('uptime_seconds'))}, {size(status.get('memory_bytes'))} of memory"),
        ("Federation", _federation(status.get("federation"), _part(status, "joining"))),
        *(("", _federation(one, {})) for one in rows_of(status, "federations")[1:]),
        ("Directory", _directory(_part(status, "directory"))),
        ("Publishing", _publishing(_part(status, "directory"))),
        ("Catalog", _catalog(_part(status, "catalog"))),
        ("Transfers", f"{number(_part(status, 'transfers').get('active'))} active"),
        ("Spool", _spool(status)),
        ("Policy", _policy(_part(status, "policy"))),
        ("Audit", _audit(_part(status, "audit"))),
        *_passes(_part(status, "passes")),
        *(("EMERGENCY", _emergency(row)) for row in rows_of(status, "emergencies")),
        *(("Sign-in", _waiting(row)) for row in rows_of(status, "sign_ins_wanted")),
    ]


def _connections(connections: Row) -> str:
    """How many others have opened, and why others were turned away since the start."""
    words = f"{number(connections.get('channels'))} opened by others"
    refused = [f"{number(count)} {word(name)}" for name, count in _part(connections, "refused").items()]
    return f"{words}; turned away: {', '.join(refused)}" if refused else words


def _policy(policy: Row) -> str:
    """How many rules are in force, and whether what the file says now is."""
    rules = f"{number(policy.get('rules'))} rules in force"
    return f"{rules}; policy.toml is REFUSED: {word(policy['refusal'])}" if policy.get("refusal") else rules


def _audit(audit: Row) -> str:
    """How long the log is, and whether it can be written and reaches its collector."""
    if audit.get("refused"):
        return "the log CANNOT BE WRITTEN, and nothing is served: free space in the node's folder"
    words = f"{number(audit.get('records'))} records, {size(audit.get('bytes'))}"
    collector = _part(audit, "collector")
    if not collector:
        return words
    told = f"{words}; {number(collector.get('delivered'))} of them at the collector"
    return told if collector.get("connected") else f"{told}, which is NOT reached: {word(collector.get('error'))}"


def _passes(passes: Row) -> list[tuple[str, str]]:
    """Passes for outsiders that are open, and whether somebody tried codes that nobody has."""
    if not passes.get("open") and not passes.get("guesses"):
        return []
    guessed = f"; {number(passes.get('guesses'))} codes were tried that nobody has" if passes.get("guesses") else ""
    return [("Passes", f"{number(passes.get('open'))} open: idas pass list{guessed}")]


def _emergency(row: Row) -> str:
    """Whose user broke the glass, and where all about it stands: this view names neither users nor patients."""
    whose = "a user of" if row.get("side") == "holder" else "a user of this node broke the glass at"
    done = "broke the glass here, " if row.get("side") == "holder" else ""
    return f"{whose} {word(row.get('institution'))} {done}until {until(row.get('until'))}: idas emergency list"


def _waiting(row: Row) -> str:
    where = f"{word(row.get('aet'))} at {word(row.get('address'))}"
    return f"{where} asked and nobody has signed in there: idas login DIR --aet {word(row.get('aet'))}"


def _part(status: Mapping[str, Any], key: str) -> Row:
    part = status.get(key)
    return part if isinstance(part, Mapping) else {}


def _spool(status: Mapping[str, Any]) -> str:
    sealed = ", encrypted" if status.get("spool_encrypted") else ""
    return f"{size(status.get('spool_bytes'))} of {size(status.get('spool_limit_bytes'))}{sealed}"


def _reachability(reachability: Row) -> str:
    """Whether others can dial this node, and thanks to what."""
    if not reachability:
        return UNKNOWN
    reachable = reachability.get("reachable")
    words = "not yet tested" if reachable is None else "yes" if reachable else "no, this node must dial the others"
    ports = [f"{word(one.get('external'))} by {word(one.get('way'))}" for one in rows_of(reachability, "mapped")]
    return f"{words}; the router opened {', '.join(dict.fromkeys(ports))}" if ports else words


def _proxy(proxy: Row) -> list[tuple[str, str]]:
    """Where connections go through one: which, and what it last said against it."""
    if not proxy:
        return []
    refusal = f"; {word(proxy.get('refusal'))}" if proxy.get("refusal") else ""
    return [("Proxy", f"connections go through {word(proxy.get('address'))}{refusal}")]


def _federation(federation: object, joining: Row) -> str:
    if not isinstance(federation, Mapping):
        if joining.get("state") == "waiting":
            return "none yet; waits for an administrator's approval and asks again by itself"
        refused = f"the last one did not admit this node: {word(joining.get('reason'))}; " if joining else ""
        return f"none; {refused}found one with `idas federation create` or join one with `idas join`"
    members, epoch = number(federation.get("members")), number(federation.get("epoch"))
    words = [f"{word(federation.get('name'))}, {members} members, epoch {epoch}"]
    if federation.get("admin"):
        words.append("this node administers it")
        if federation.get("admins") == 1 and federation.get("members") != 1:
            words.append("alone: add a second with `idas federation admin add`")
    if asking := [word(name) for name in federation.get("asking") or ()]:
        words.append(f"waiting for `idas federation approve`: {', '.join(asking)}")
    if federation.get("proposals"):
        words.append("votes are asked for: idas federation admins")
    return ", ".join(words)


def _directory(directory: Row) -> str:
    if not directory:
        return UNKNOWN
    joined = "joined" if directory.get("joined") else "NOT joined: check the bootstrap address and UDP"
    joined += " over TCP, for no UDP gets through" if directory.get("carried") else ""
    p50 = directory.get("lookup_ms_p50")
    speed = f", lookups take {p50:.0f} ms at the median" if isinstance(p50, int | float) and p50 else ""
    contacts, records = number(directory.get("contacts")), number(directory.get("records_stored"))
    return f"{joined}, {contacts} contacts, {records} records stored{speed}"


def _publishing(directory: Row) -> str:
    """What the directory was told, is being told, and is still to be told."""
    if not directory:
        return UNKNOWN
    words = [f"{number(directory.get('records_published'))} records published"]
    for key, meaning in (
        ("records_sending", "records being sent"),
        ("unpublished", "studies wait to be published"),
        ("renewals_due", "studies wait to be renewed"),
    ):
        if directory.get(key):
            words.append(f"{number(directory.get(key))} {meaning}")
    return ", ".join(words)


def _catalog(catalog: Row) -> str:
    return f"{number(catalog.get('studies'))} studies, {number(catalog.get('instances'))} images"


def archives_table(archives: Sequence[Row], *, now: float) -> Records:
    """The archives in the answer of `idas status`."""
    rows = [
        (
            word(row.get("name")),
            word(row.get("kind")),
            state(row.get("state")),
            number(row.get("studies")),
            number(row.get("instances")),
            age(row.get("last_ok"), now=now),
            word(row.get("error")),
        )
        for row in archives
    ]
    headings = ("ARCHIVE", "KIND", "STATE", "STUDIES", "IMAGES", "SEEN", "TROUBLE")
    return Records(headings, rows, numbers=("STUDIES", "IMAGES"))
