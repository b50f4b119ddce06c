"""What the node reads before it starts: node.toml, node.key, the database, policy.toml.

Belongs here: trying each as the node would. Not here: judging the machine or the network.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from idas_p2p.access.policy_file import POLICY_FILE, parse_policy
from idas_p2p.crypto.keys import SigningKey
from idas_p2p.errors import IdasError
from idas_p2p.node.config import CONFIG_FILE, KEY_FILE, NodeConfig
from idas_p2p.node.doctor.findings import Finding, found, good
from idas_p2p.node.rules import read_file
from idas_p2p.store.database import Database
from idas_p2p.store.settings import Archive, Settings, Workstation


@dataclass(frozen=True, slots=True)
class Configured:
    """What the operator has set; parts that cannot be read are missing or empty."""

    config: NodeConfig | None
    archives: tuple[Archive, ...] = ()
    workstations: tuple[Workstation, ...] = ()
    grants: int = 0


def examine_settings(folder: Path) -> tuple[Configured, list[Finding]]:
    """Read a node's folder as the node does when it starts."""
    try:
        config = NodeConfig.load(folder)
    except IdasError as error:
        return Configured(None), [found(CONFIG_FILE, "configuration_wrong", error.detail)]
    findings = [good(CONFIG_FILE, f"{config.institution} as {config.aet}"), _key(config)]
    configured, database = _database(config)
    findings += [database, _policy(folder, configured.grants)]
    if not configured.archives:
        findings.append(found("archives", "nothing_offered", "none is configured; only what is stored here is offered"))
    if not configured.workstations:
        findings.append(found("workstations", "no_workstation", "none is configured"))
    return configured, findings


def _key(config: NodeConfig) -> Finding:
    try:
        identity = SigningKey.load(config.key_path)
    except IdasError as error:
        return found(KEY_FILE, "key_unusable", error.detail)
    return good(KEY_FILE, f"node {identity.node_id.short}")


def _database(config: NodeConfig) -> tuple[Configured, Finding]:
    try:
        database = Database.open(config.database_url)
        try:
            settings = Settings(database)
            configured = Configured(
                config, tuple(settings.archives()), tuple(settings.workstations()), len(settings.grants())
            )
        finally:
            database.close()
    except IdasError as error:
        return Configured(config), found("database", "database_unusable", f"{error.detail}. {error.explanation()}")
    return configured, good("database", "can be read and written")


def _policy(folder: Path, grants: int) -> Finding:
    try:
        text = read_file(folder)
        rules = len(parse_policy(text).rules) if text is not None else 0
    except IdasError as error:
        return found(POLICY_FILE, "policy_refused", error.detail)
    if not rules + grants:
        return found("policy", "nothing_shared", "no rule and no grant: nobody outside sees anything")
    return good("policy", f"{rules} rules in {POLICY_FILE}, {grants} grants")
