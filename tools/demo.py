"""The main job, told as it happens: a study crosses from one hospital's archive to another's workstation.

    python -m tools.demo [--keep FOLDER] [--slices N]

A bootstrap node, hospital St. Anna with images in its node's own archive, and the practice of Dr. Berg with a
workstation: five processes that know nothing of each other but an invitation code. Ends with status 0 only when every
byte that the workstation received is the byte that the hospital stored.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tools.idas import Bootstrap, CommandFailed, Node
from tools.images import Encoded, StudyFiles, shipped, write_ultrasound
from tools.programs import NotReady, wait_until
from tools.workstation import SUCCESS, NoAssociation, Response, Workstation

PENDING = range(0xFF00, 0xFF02)  # PS3.4 table C.4-1
PUBLISH_TIMEOUT = 60.0  # seconds from storing at the hospital to being found at the practice
SURNAME = "ZZZ TEST"


class DidNotHold(Exception):
    """Something the demonstration promises was not so."""


@dataclass(slots=True)
class Account:
    """What happened, printed as it happens."""

    console: Console = field(default_factory=lambda: Console(highlight=False))
    started: float = field(default_factory=time.monotonic)

    def chapter(self, title: str) -> None:
        """Begin a part of the story."""
        self.console.print(f"\n[bold]{title}[/bold]")

    def fact(self, text: str) -> None:
        """Tell one thing that happened, and when."""
        self.console.print(f"  [dim]{time.monotonic() - self.started:6.1f} s[/dim]  {text}", soft_wrap=True)

    @contextmanager
    def timed(self, text: str) -> Iterator[None]:
        """Tell one thing once it is done, with the time it took."""
        begun = time.monotonic()
        yield
        self.fact(f"{text} [dim]({time.monotonic() - begun:.2f} s)[/dim]")


@dataclass(slots=True)
class Arrivals:
    """When images reached the workstation, in seconds after the C-MOVE was sent."""

    sent: float = 0.0
    times: list[float] = field(default_factory=list)

    def note(self, count: int) -> int:
        """Take note of an image; the status it is answered with."""
        self.times.append(time.monotonic() - self.sent)
        return SUCCESS


def main() -> int:
    """Run the demonstration; 0 when all of it held."""
    parser = argparse.ArgumentParser(prog="python -m tools.demo", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="work there and leave everything for inspection")
    parser.add_argument("--slices", type=int, default=28, help="images of the study that is retrieved")
    options = parser.parse_args()
    account = Account()
    with ExitStack() as stack:
        folder = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="idas-demo-")))
        folder.mkdir(parents=True, exist_ok=True)
        try:
            tell(account, folder, stack, slices=options.slices)
        except (DidNotHold, CommandFailed, NotReady, NoAssociation, TimeoutError) as error:
            account.console.print(f"\n[bold red]It did not hold:[/bold red] {error}", markup=True)
            return 1
    account.console.print(f"\n[bold green]All of it held[/bold green], in {time.monotonic() - account.started:.1f} s.")
    return 0


def tell(account: Account, folder: Path, stack: ExitStack, *, slices: int) -> None:
    """Play every part in order."""
    study = write_ultrasound(folder / "images", slices=slices)
    anna = open_hospital(account, folder, stack)
    fill_archive(account, anna, [study, *shipped("CT_small.dcm", "MR_small.dcm")])
    berg = open_practice(account, folder, stack, inviter=anna)
    arrivals = Arrivals()
    viewer = stack.enter_context(
        Workstation("VIEWER", berg.dicom_port, berg.aet, on_image=lambda count: arrivals.note(count))
    )
    berg.do("workstation add", "--aet", viewer.aet, "--address", f"{viewer.host}:{viewer.port}")
    account.chapter("Dr. Berg's workstation asks its own node")
    found = find_study(account, viewer)
    move_study(account, viewer, arrivals, str(found.StudyInstanceUID))
    account.chapter("What arrived")
    compare(study, viewer.received)
    account.fact(f"{len(viewer.received)} images, byte for byte those that the hospital stored")
    account.console.print(summary(study, arrivals, berg.ask("transfers")["transfers"][0]))


def open_hospital(account: Account, folder: Path, stack: ExitStack) -> Node:
    """Start the bootstrap node and the hospital's node, found a federation and let every member see everything."""
    account.chapter("A bootstrap node, and a hospital that founds a federation")
    bootstrap = Bootstrap(folder / "bootstrap")
    stack.callback(bootstrap.stop)
    with account.timed(f"bootstrap node runs: [cyan]{bootstrap.contact[:40]}…[/cyan]"):
        bootstrap.start()
    anna = Node(folder / "anna", institution="St. Anna Hospital", aet="ANNA", bootstrap=[bootstrap.contact])
    stack.callback(anna.stop)
    with account.timed("St. Anna's node runs"):
        anna.start()
    anna.do("federation create", "Lake Region")
    anna.do("grant", "--to", "everyone", "--level", "full")
    account.fact("federation [cyan]Lake Region[/cyan] founded; its members may see all of St. Anna's studies")
    return anna


def fill_archive(account: Account, anna: Node, studies: list[StudyFiles]) -> None:
    """Send the images to the hospital's own archive, as a scanner would: by C-STORE."""
    files = [path for study in studies for path in study.files]
    scanner = Workstation("SCANNER", anna.dicom_port, anna.aet)
    anna.do("workstation add", "--aet", scanner.aet, "--address", f"{scanner.host}:{scanner.port}")
    with account.timed(f"its scanner stores {len(files)} images of {len(studies)} patients in the node's own archive"):
        statuses = scanner.store(files)
    if any(status != SUCCESS for status in statuses):
        raise DidNotHold(f"the archive did not take every image: {sorted(set(statuses))}")


def open_practice(account: Account, folder: Path, stack: ExitStack, *, inviter: Node) -> Node:
    """Start the practice's node; it joins with nothing but the code."""
    account.chapter("A practice joins, with one code")
    code = inviter.do("federation invite").strip()
    account.fact(f"St. Anna invites: [cyan]{code}[/cyan]")
    berg = Node(folder / "berg", institution="Dr. Berg", aet="BERG")
    stack.callback(berg.stop)
    with account.timed("Dr. Berg's node runs"):
        berg.start()
    with account.timed("it joined the federation; no address and no AE title of the hospital was typed"):
        berg.do("join", code)
    return berg


def find_study(account: Account, viewer: Workstation) -> Any:
    """C-FIND by the beginning of the patient's name, until the directory knows of the study; its attributes."""
    matches: list[Response] = []

    def found() -> bool:
        wanted = dict.fromkeys(("StudyInstanceUID", "StudyDescription", "NumberOfStudyRelatedInstances"), "")
        responses = viewer.find({"PatientName": f"{SURNAME}*", **wanted})
        if responses[-1].status != SUCCESS:
            raise DidNotHold(f"C-FIND ended with 0x{responses[-1].status:04X}: {responses[-1].error_comment}")
        matches[:] = [response for response in responses if response.status in PENDING]
        return bool(matches)

    with account.timed(f"C-FIND for patients whose name begins with [cyan]{SURNAME}[/cyan]: found"):
        wait_until(found, timeout=PUBLISH_TIMEOUT, what="C-FIND returns the hospital's study")
    (match,) = matches
    answer = match.identifier
    account.fact(
        f"[cyan]{answer.PatientName}[/cyan]: {answer.StudyDescription}, {answer.NumberOfStudyRelatedInstances} images"
    )
    return answer


def move_study(account: Account, viewer: Workstation, arrivals: Arrivals, study_uid: str) -> None:
    """C-MOVE the study to the workstation itself."""
    arrivals.sent = time.monotonic()
    with account.timed("C-MOVE to itself: done"):
        last = viewer.move({"StudyInstanceUID": study_uid})[-1]
    if last.status != SUCCESS or last.failed:
        raise DidNotHold(f"C-MOVE ended with 0x{last.status:04X}, {last.failed} failed: {last.error_comment}")


def compare(study: StudyFiles, received: Mapping[str, Encoded]) -> None:
    """Check that exactly the stored data sets arrived: same names, syntax, size and digest.

    Raises:
        DidNotHold: with the first difference.
    """
    stored = study.encoded()
    if missing := stored.keys() - received.keys():
        raise DidNotHold(f"{len(missing)} of {len(stored)} images did not arrive")
    if strangers := received.keys() - stored.keys():
        raise DidNotHold(f"{len(strangers)} images arrived that nobody asked for")
    if changed := [uid for uid in stored if stored[uid] != received[uid]]:
        raise DidNotHold(f"{len(changed)} images arrived changed")


def summary(study: StudyFiles, arrivals: Arrivals, transfer: Mapping[str, Any]) -> Table:
    """The figures of the retrieval."""
    size = sum(encoded.size for encoded in study.encoded().values())
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 2))
    row: Callable[[str, str], None] = table.add_row
    row("images", f"{len(study.files)}, {size / 1e6:.1f} MB")
    row("first image after", f"{arrivals.times[0]:.2f} s")
    row("last image after", f"{arrivals.times[-1]:.2f} s, {size / arrivals.times[-1] / 1e6:.0f} MB/s")
    row("network path", str(transfer["path"]))
    row(
        "bytes on the wire", f"{transfer['wire_bytes'] / 1e6:.1f} MB, {transfer['wire_bytes'] / size:.0%} of the images"
    )
    return table


if __name__ == "__main__":
    sys.exit(main())
