"""Sites as network namespaces, joined by WAN links, and all of it gone afterwards.

Every namespace is named `idas-PID-NAME`, so that what a killed laboratory left behind is recognised and swept away.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from tools.lab.wan import Wan, start_link

_PREFIX = "idas-"
_SPACES = Path("/run/netns")
_CLONE_NEWNET = 0x40000000  # <sched.h>
_MTU = 1_500  # bytes
_BLOCK = "10.99"  # of addresses, where nobody asks for another


@dataclass(slots=True)
class Site:
    """One hospital's network: loopback and, once connected, an address on each of its links."""

    name: str
    namespace: str
    addresses: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Where the others reach it: its address on the first link."""
        return self.addresses[0]

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Let this thread, and the processes and threads it starts meanwhile, live in this site."""
        with Path("/proc/thread-self/ns/net").open() as before, (_SPACES / self.namespace).open() as there:
            _enter(there.fileno())
            try:
                yield
            finally:
                _enter(before.fileno())

    def command(self, arguments: Sequence[str]) -> list[str]:
        """The same command, to be run inside this site."""
        return ["ip", "netns", "exec", self.namespace, *arguments]


class Lab:
    """Makes sites and links; leaving the `with` block ends what was started in it and removes them."""

    def __init__(self) -> None:
        self._sites: list[Site] = []
        self._links: list[subprocess.Popen[str]] = []
        self._started: list[subprocess.Popen[bytes]] = []
        self._networks = 0
        self._on_term: signal._HANDLER = None

    def __enter__(self) -> Self:
        sweep()
        self._on_term = signal.signal(signal.SIGTERM, _interrupt)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in reversed(self._started):
            _end(process)
        for link in self._links:
            _end(link)
        for site in self._sites:
            subprocess.run(["ip", "netns", "delete", site.namespace], check=False, capture_output=True)
        signal.signal(signal.SIGTERM, self._on_term)

    def site(self, name: str) -> Site:
        """Make a namespace with its loopback up. Names have at most 8 letters."""
        site = Site(name, f"{_PREFIX}{os.getpid()}-{name}")
        _ip("netns", "add", site.namespace)
        self._sites.append(site)
        _ip("-n", site.namespace, "link", "set", "lo", "up")
        return site

    def connect(self, near: Site, far: Site, *, wan: Wan, block: str = _BLOCK) -> tuple[str, str, int]:
        """Join two sites by one link; each gets an address in a network of their own.

        Args:
            near: gets BLOCK.NUMBER.1.
            far: gets BLOCK.NUMBER.2.
            wan: what the link does.
            block: the first two numbers of the addresses.

        Returns:
            The devices at either end, and NUMBER.
        """
        self._networks += 1
        network = self._networks
        devices = (f"wan{network}n", f"wan{network}f")
        self._links.append(start_link(((near.namespace, devices[0]), (far.namespace, devices[1])), wan))
        ends = ((near, devices[0], f"{block}.{network}.1"), (far, devices[1], f"{block}.{network}.2"))
        for site, device, address in ends:
            _ip("-n", site.namespace, "address", "add", f"{address}/24", "dev", device)
            _ip("-n", site.namespace, "link", "set", device, "mtu", str(_MTU), "up")
            site.addresses.append(address)
        return *devices, network

    def internet(self, sites: Sequence[Site], *, wan: Wan) -> Site:
        """Join any number of sites through one router in their middle, where a bootstrap node may live.

        Between two sites lie two links of half the round trip and half the loss each, so that `wan` tells what they
        see of one another.

        Returns:
            The router: a site as well.
        """
        half = Wan(rate=wan.rate, rtt=wan.rtt / 2, loss=wan.loss / 2, backlog=wan.backlog, seed=wan.seed)
        return self.star([(site, half) for site in sites])

    def star(self, links: Sequence[tuple[Site, Wan]]) -> Site:
        """Join sites through one router in their middle, each by a link of its own kind.

        Returns:
            The router: a site as well.
        """
        router = self.site("inet")
        _run(router.command(["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"]))
        for site, wan in links:
            self.connect(site, router, wan=wan)
            _ip("-n", site.namespace, "route", "add", "default", "via", router.addresses[-1])
        return router

    def run(self, site: Site, arguments: Sequence[str], *, env: Mapping[str, str] | None = None) -> int:
        """Run a command inside a site, in the foreground, and return its exit status."""
        return subprocess.run(site.command(arguments), env=env, check=False).returncode

    def start(self, site: Site, arguments: Sequence[str], *, env: Mapping[str, str] | None = None) -> None:
        """Start a command inside a site; it is ended with the laboratory."""
        self._started.append(subprocess.Popen(site.command(arguments), env=env))


def _enter(namespace: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def why_not() -> str | None:
    """Why there can be no laboratory here, in one sentence; None when there can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "the command `ip` is missing: apt-get install iproute2"
    if not Path("/dev/net/tun").exists():
        return "/dev/net/tun is missing: this kernel or container offers no TUN devices"
    probe = f"{_PREFIX}{os.getpid()}-probe"
    try:
        _ip("netns", "add", probe)
        _ip("-n", probe, "link", "set", "lo", "up")
    except RuntimeError as error:
        return f"network namespaces are not allowed here: {error}"
    finally:
        subprocess.run(["ip", "netns", "delete", probe], capture_output=True, check=False)
    return None


def sweep() -> None:
    """Remove namespaces of laboratories whose process is gone."""
    for space in _SPACES.glob(f"{_PREFIX}*-*") if _SPACES.exists() else ():
        process = space.name.removeprefix(_PREFIX).split("-")[0]
        if process.isdigit() and not Path(f"/proc/{process}").exists():
            subprocess.run(["ip", "netns", "delete", space.name], check=False, capture_output=True)


def _interrupt(signal_number: int, frame: object) -> None:
    raise SystemExit(128 + signal_number)


def _end(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


def _ip(*arguments: str) -> None:
    _run(["ip", *arguments])


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
