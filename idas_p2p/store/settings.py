"""What the operator configured: archives, workstations, users, groups, grants; and the node's own kept values.

The command line writes them while the node runs; the node reads them when told to.
Adding what exists replaces it. Belongs here: keeping them. Not here: what is a valid one (configured.py), what they
mean for access (access/policy.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, func, select

from idas_p2p.errors import NoSuchThing
from idas_p2p.store.configured import Archive, Grant, Group, User, Workstation
from idas_p2p.store.database import Database, upsert
from idas_p2p.store.tables import (
    archive_limits,
    archive_ways,
    archives,
    grants,
    members,
    users,
    values,
    workstation_tls,
    workstations,
)
from idas_p2p.wire.address import Address

__all__ = ["Archive", "Grant", "Group", "Settings", "User", "Workstation"]

Row = TypeVar("Row")


class Settings:
    """The settings in a database. Every change is durable when the method returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def archives(self) -> list[Archive]:
        """Every archive, by name."""
        more = [{row["name"]: row for row in self._rows(table)} for table in (archive_ways, archive_limits)]
        return [_archive(row, *(rows.get(row["name"], {}) for rows in more)) for row in self._rows(archives)]

    def archive(self, name: str) -> Archive:
        """The archive of that name.

        Raises:
            NoSuchThing: there is none.
        """
        return _only([one for one in self.archives() if one.name == name], name)

    def add_archive(self, archive: Archive) -> None:
        """Keep an archive."""
        values = {**_values(archive), "address": str(archive.address or ""), "prefers_get": archive.prefer == "get"}
        with self._database.write() as connection:
            for table in (archives, archive_ways, archive_limits):
                upsert(connection, table, [{column.name: values[column.name] for column in table.columns}])

    def remove_archive(self, name: str) -> None:
        """Drop an archive; its studies are the catalog's to forget.

        Raises:
            NoSuchThing: there is none of that name.
        """
        with self._database.write() as connection:
            _delete(connection, archives, name=name)
            for table in (archive_ways, archive_limits):
                connection.execute(table.delete().where(table.c.name == name))

    def workstations(self) -> list[Workstation]:
        """Every workstation, by AE title."""
        tls = {row["aet"]: row for row in self._rows(workstation_tls)}
        return [_workstation(row, tls.get(row["aet"], {})) for row in self._rows(workstations)]

    def workstation(self, aet: str) -> Workstation:
        """The workstation of that AE title.

        Raises:
            NoSuchThing: there is none.
        """
        return _only([one for one in self.workstations() if one.aet == aet], aet)

    def add_workstation(self, workstation: Workstation) -> None:
        """Keep a workstation."""
        row = {"aet": workstation.aet, "address": str(workstation.address), "user_name": workstation.user}
        tls = {"aet": workstation.aet, "tls": workstation.tls, "certificate": workstation.certificate}
        with self._database.write() as connection:
            upsert(connection, workstations, [row])
            upsert(connection, workstation_tls, [tls])

    def remove_workstation(self, aet: str) -> None:
        """Drop a workstation.

        Raises:
            NoSuchThing: there is none of that AE title.
        """
        with self._database.write() as connection:
            _delete(connection, workstations, aet=aet)
            connection.execute(workstation_tls.delete().where(workstation_tls.c.aet == aet))

    def users(self) -> list[User]:
        """Every user, by name."""
        groups = self.groups()
        return [
            User(**row, groups=tuple(group.name for group in groups if row["name"] in group.members))
            for row in self._rows(users)
        ]

    def user(self, name: str) -> User:
        """The user of that name.

        Raises:
            NoSuchThing: there is none.
        """
        return _only([one for one in self.users() if one.name == name], name)

    def add_user(self, user: User) -> None:
        """Keep a user, as a member of exactly these groups."""
        with self._database.write() as connection:
            upsert(connection, users, [{"name": user.name, "password_hash": user.password_hash}])
            connection.execute(members.delete().where(members.c.member == user.name))
            _join(connection, [(group, user.name) for group in user.groups])

    def remove_user(self, name: str) -> None:
        """Drop a user, also from every group.

        Raises:
            NoSuchThing: there is none of that name.
        """
        with self._database.write() as connection:
            _delete(connection, users, name=name)
            connection.execute(members.delete().where(members.c.member == name))

    def groups(self) -> list[Group]:
        """Every group that has members, by name."""
        found: dict[str, list[str]] = {}
        for row in self._rows(members):
            found.setdefault(row["group_name"], []).append(row["member"])
        return [Group(name=name, members=tuple(names)) for name, names in found.items()]

    def add_group(self, group: Group) -> None:
        """Add members to a group; those it has stay."""
        with self._database.write() as connection:
            _join(connection, [(group.name, member) for member in group.members])

    def remove_group(self, name: str) -> None:
        """Drop a group.

        Raises:
            NoSuchThing: there is none of that name.
        """
        self._delete(members, group_name=name)

    def remove_member(self, group: str, member: str) -> None:
        """Drop one member from a group.

        Raises:
            NoSuchThing: it is not in it.
        """
        self._delete(members, group_name=group, member=member)

    def grants(self) -> list[Grant]:
        """Every grant, by number."""
        return [Grant(**row) for row in self._rows(grants)]

    def add_grant(self, *, subject: str, level: str, conditions: str = "{}", expires: float | None = None) -> Grant:
        """Keep a grant after all others, and return it with its number."""
        with self._database.write() as connection:
            last = connection.execute(select(func.coalesce(func.max(grants.c.number), 0))).scalar_one()
            grant = Grant(number=last + 1, subject=subject, level=level, conditions=conditions, expires=expires)
            connection.execute(grants.insert().values(_values(grant)))
        return grant

    def remove_grant(self, number: int) -> None:
        """Drop a grant.

        Raises:
            NoSuchThing: there is none of that number.
        """
        self._delete(grants, number=number)

    def value(self, key: str) -> bytes | None:
        """A kept value; None when there is none."""
        with self._database.read() as connection:
            return connection.execute(select(values.c.value).where(values.c.key == key)).scalar()

    def set_value(self, key: str, value: bytes) -> None:
        """Keep a value."""
        self._upsert(values, {"key": key, "value": value})

    def remove_value(self, key: str) -> None:
        """Drop a value, if there is one."""
        with self._database.write() as connection:
            connection.execute(values.delete().where(values.c.key == key))

    def _rows(self, table: Table) -> list[dict[str, Any]]:
        with self._database.read() as connection:
            rows = connection.execute(select(table).order_by(*table.primary_key)).mappings()
            return [dict(row) for row in rows]

    def _upsert(self, table: Table, row: dict[str, Any]) -> None:
        with self._database.write() as connection:
            upsert(connection, table, [row])

    def _delete(self, table: Table, **key: str | int) -> None:
        with self._database.write() as connection:
            _delete(connection, table, **key)


def _values(row: Any) -> dict[str, Any]:
    return {one.name: getattr(row, one.name) for one in fields(row)}


def _archive(row: dict[str, Any], ways: dict[str, Any], limits: dict[str, Any]) -> Archive:
    """An archive of its rows; one that an older version kept has only the first, or two."""
    known = {**row, **ways, **limits, "address": _address(row["address"])}
    if known.pop("prefers_get"):
        known.setdefault("prefer", "get")
    return Archive(**known)


def _workstation(row: dict[str, Any], tls: dict[str, Any]) -> Workstation:
    """A workstation of its rows; one that an older version kept has only the first."""
    return Workstation(**{**tls, "aet": row["aet"], "address": Address.parse(row["address"]), "user": row["user_name"]})


def _address(text: str) -> Address | None:
    return Address.parse(text) if text else None


def _join(connection: Connection, pairs: Iterable[tuple[str, str]]) -> None:
    upsert(connection, members, [{"group_name": group, "member": member} for group, member in pairs])


def _delete(connection: Connection, table: Table, **key: str | int) -> None:
    matching = [table.c[name] == value for name, value in key.items()]
    if connection.execute(table.delete().where(*matching)).rowcount == 0:
        raise NoSuchThing(", ".join(str(value) for value in key.values()))


def _only(found: list[Row], name: str) -> Row:
    if not found:
        raise NoSuchThing(name)
    return found[0]
