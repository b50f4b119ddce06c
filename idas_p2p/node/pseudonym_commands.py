"""The commands about pseudonyms: whom one means, and the key of a project that several nodes share.

Law: whoever asks is in the audit log before the answer is given. Belongs here: reading arguments, naming results. Not
here: how pseudonyms are made (dicom/levels/keys.py). Source: docs/spec/levels.md section 5.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from idas_p2p.access.audit.events import configured, revealed, subject
from idas_p2p.errors import BadCode, BadConfiguration, NoSuchThing
from idas_p2p.node.control import Command
from idas_p2p.node.levelling import PROJECT_KEY
from idas_p2p.node.node import Node
from idas_p2p.store.pseudonyms import STUDY, PseudonymStore

KEY_SIZE: Final = 32  # bytes; docs/spec/levels.md section 5
_PROJECT: Final = re.compile(r"[\w .-]{1,64}")

Arguments = Mapping[str, Any]


def pseudonym_commands(node: Node) -> dict[str, Command]:
    """Every command about pseudonyms, by name."""

    def command(function: Callable[[Node, Arguments], Awaitable[Arguments]]) -> Command:
        return lambda arguments, progress: function(node, arguments)

    return {
        "pseudonym_reveal": command(_reveal),
        "pseudonym_key": command(_key),
        "pseudonym_share": command(_share),
    }


async def _reveal(node: Node, arguments: Arguments) -> Arguments:
    found = PseudonymStore(node.database).reveal(str(arguments["pseudonym"]))
    if not found:
        raise NoSuchThing("this node has shown nothing under this pseudonym")
    subjects = [
        subject(study_uid=one.original) if one.kind == STUDY else subject(patient_id=one.original) for one in found
    ]
    for event in revealed(str(arguments["user"]), subjects):
        node.audit.note(event)
    return {"means": [{"kind": one.kind, "original": one.original} for one in found]}


async def _key(node: Node, arguments: Arguments) -> Arguments:
    project = _project(arguments)
    node.audit.note(configured(f"key of the project {project} shown", user=str(arguments["user"])))
    key = node.holdings.levelling.project_key(project)
    return {"project": project, "key": base64.b32encode(key).decode().rstrip("=").lower()}


async def _share(node: Node, arguments: Arguments) -> Arguments:
    project, text = _project(arguments), str(arguments["key"]).strip().upper()
    try:
        key = base64.b32decode(text + "=" * (-len(text) % 8))
    except binascii.Error:
        key = b""
    if len(key) != KEY_SIZE:
        raise BadCode("not the key of a project, as `idas pseudonym key` prints it")
    node.audit.note(configured(f"key of the project {project} taken over", user=str(arguments["user"])))
    node.settings.set_value(PROJECT_KEY + project, key)
    node.configure()
    return {"project": project}


def _project(arguments: Arguments) -> str:
    project = str(arguments["project"])
    if not _PROJECT.fullmatch(project):
        raise BadConfiguration("a project is named by at most 64 letters, digits, spaces, dots and dashes")
    return project
