"""An Internet of namespaces: a backbone, the bootstrap node's site, and two nodes behind gateways of their kinds.

Belongs here: namespaces, devices, addresses, the real miniupnpd. Not here: the rules (kinds.py), what crosses
(trial.py). Public addresses are of 11.0.0.0/8 and 2a0e::/16 and private ones of 192.168.1.0/24 and 100.64.0.0/10,
as in the world outside: what a node takes for public or private it must take so here. Both LANs have the same numbers.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tools.lab import Lab, Site, Wan
from tools.natlab.kinds import Kind, gateways, has_ipv6, rules
from tools.programs import Program

PUBLIC = "11.99"  # the first half of every public IPv4 address here
PUBLIC_6 = "2a0e:99"
CARRIER = "100.64.1"  # RFC 6598: between a provider's NAT and its customers
HOME = "192.168.1"
MINIUPNPD = "miniupnpd"
_UPNP_TABLES = """
table inet upnp {
    chain forward { type filter hook forward priority -5; policy accept; jump miniupnpd; }
    chain miniupnpd { }
    chain prerouting { type nat hook prerouting priority -100; policy accept; jump prerouting_miniupnpd; }
    chain postrouting { type nat hook postrouting priority 90; policy accept; jump postrouting_miniupnpd; }
    chain prerouting_miniupnpd { }
    chain postrouting_miniupnpd { }
}
"""


@dataclass(frozen=True, slots=True)
class Line:
    """Where a node's network meets the Internet."""

    gateway: Site  # the node itself where there is none
    device: str
    number: int
    public: str  # IPv4, whether or not it has any


@dataclass(frozen=True, slots=True)
class Networks:
    """What was built."""

    bootstrap: Site
    bootstrap_hosts: tuple[str, str]  # IPv4, IPv6
    holder: Site
    asker: Site
    holder_line: Line
    asker_line: Line


def missing() -> str | None:
    """Which program is not installed, in one sentence; None when all are."""
    for program, package in (("nft", "nftables"), (MINIUPNPD, "miniupnpd-nftables")):
        if shutil.which(program) is None:
            return f"the command `{program}` is missing: apt-get install {package}"
    return None


class Builder:
    """Builds networks in a laboratory.

    Args:
        lab: gets the sites.
        stack: ends miniupnpd.
        folder: gets its configuration and log.
        wan: of each access line; what two nodes see of one another has twice its round trip.
    """

    def __init__(self, lab: Lab, stack: ExitStack, folder: Path, *, wan: Wan) -> None:
        self._lab, self._stack, self._folder, self._wan = lab, stack, folder, wan
        self._backbone = lab.site("inet")
        inside(self._backbone, "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1")

    def build(self, holder: Kind, asker: Kind) -> Networks:
        """Lay the lines for two nodes."""
        boot = self._lab.site("boot")
        line = self._access(boot, wan=Wan())
        hosts = line.public, f"{PUBLIC_6}:{line.number}::1"
        if holder is Kind.LAN:
            gate, line = self._gate("gate", Kind.LAN)
            return Networks(boot, hosts, self._host("anna", gate, 10), self._host("berg", gate, 11), line, line)
        (anna, hers), (berg, his) = self._side("anna", holder), self._side("berg", asker)
        return Networks(boot, hosts, anna, berg, hers, his)

    def _side(self, name: str, kind: Kind) -> tuple[Site, Line]:
        if gateways(kind):
            gate, line = self._gate(f"{name}g", kind)
            return self._host(name, gate, 10), line
        site = self._lab.site(name)
        return site, self._access(site, wan=self._wan, has_ipv4=kind is not Kind.IPV6, has_ipv6=has_ipv6(kind))

    def _gate(self, name: str, kind: Kind) -> tuple[Site, Line]:
        """The gateway nearest to the host, with a bridge `lan0` and everything between it and the Internet."""
        outer = self._lab.site(f"{name}p" if gateways(kind) == 2 else name)
        line = self._access(outer, wan=self._wan, has_ipv6=False)
        self._route(outer, kind, CARRIER if gateways(kind) == 2 else HOME)
        if gateways(kind) == 1:
            if kind is Kind.UPNP:
                self._upnp(outer)
            return outer, line
        inner = self._lab.site(name)
        self._plug(inner, "wan0", outer, f"{CARRIER}.10/24", f"{CARRIER}.1")
        self._route(inner, kind, HOME)
        return inner, line

    def _route(self, gate: Site, kind: Kind, network: str) -> None:
        inside(
            gate,
            "sysctl -qw net.ipv4.ip_forward=1",
            "ip link add lan0 type bridge",
            f"ip address add {network}.1/24 dev lan0",
            "ip link set lan0 up",
        )
        _nft(gate, rules(kind))

    def _host(self, name: str, gate: Site, number: int) -> Site:
        site = self._lab.site(name)
        self._plug(site, "eth0", gate, f"{HOME}.{number}/24", f"{HOME}.1")
        return site

    def _plug(self, site: Site, device: str, gate: Site, address: str, router: str) -> None:
        """Put a device of a site on the bridge of a gateway."""
        port = f"port-{site.name}"
        inside(gate, f"ip link add {port} type veth peer name {device} netns {site.namespace}")
        inside(gate, f"ip link set {port} master lan0", f"ip link set {port} up")
        inside(
            site,
            f"ip address add {address} dev {device}",
            f"ip link set {device} up",
            f"ip route add default via {router}",
        )
        site.addresses.append(address.partition("/")[0])

    def _access(self, site: Site, *, wan: Wan, has_ipv4: bool = True, has_ipv6: bool = True) -> Line:
        """Join a site to the backbone by a line."""
        near, far, number = self._lab.connect(site, self._backbone, wan=wan, block=PUBLIC)
        ours, theirs = f"{PUBLIC_6}:{number}::1", f"{PUBLIC_6}:{number}::2"
        inside(self._backbone, f"ip address add {theirs}/64 dev {far} nodad")
        if has_ipv4:
            inside(site, f"ip route add default via {PUBLIC}.{number}.2")
        else:
            inside(site, f"ip address flush dev {near} scope global")
            site.addresses.clear()
        if has_ipv6:
            inside(site, f"ip address add {ours}/64 dev {near} nodad", f"ip -6 route add default via {theirs}")
        return Line(site, near, number, f"{PUBLIC}.{number}.1")

    def _upnp(self, gate: Site) -> None:
        """Run the real miniupnpd at a gateway."""
        _nft(gate, _UPNP_TABLES)
        self._folder.mkdir(parents=True, exist_ok=True)
        settings = self._folder / f"{gate.name}.conf"
        wan = subprocess.run(
            gate.command(["sh", "-c", "ls /sys/class/net | grep ^wan"]), capture_output=True, text=True, check=True
        ).stdout.strip()
        settings.write_text(
            f"ext_ifname={wan}\nlistening_ip=lan0\nport=0\nenable_upnp=yes\nenable_natpmp=yes\nsecure_mode=yes\n"
            "upnp_table_name=upnp\nupnp_nat_table_name=upnp\nupnp_forward_chain=miniupnpd\n"
            "upnp_nat_chain=prerouting_miniupnpd\nupnp_nat_postrouting_chain=postrouting_miniupnpd\n"
            "uuid=33c334e3-1ffd-4a9e-b58e-f9e5e9c2113c\nmin_lifetime=120\nmax_lifetime=86400\n"
            f"lease_file={self._folder / gate.name}.leases\nallow 1024-65535 {HOME}.0/24 1024-65535\n"
            "deny 0-65535 0.0.0.0/0 0-65535\n"
        )
        command = [MINIUPNPD, "-d", "-f", str(settings), "-P", str(self._folder / f"{gate.name}.pid")]
        program = Program(f"{gate.name}-upnp", gate.command(command), log=self._folder)
        self._stack.callback(program.stop)
        program.start(lambda: "HTTP listening" in program.log or "HTTP listening" in program.said)


def inside(site: Site, *commands: str) -> None:
    """Run commands, each of words without spaces, in a site.

    Raises:
        RuntimeError: one failed.
    """
    for command in commands:
        _run(site, command.split())


def _nft(site: Site, text: str) -> None:
    _run(site, ["nft", "-f", "-"], text=text)


def _run(site: Site, command: Sequence[str], *, text: str = "") -> None:
    done = subprocess.run(site.command(command), input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{site.name}: {' '.join(command)}: {done.stderr.strip()}")
