"""Nodes killed at random points of a transfer, and what was received compared byte for byte, over and over.

    python -m tools.kill_transfers [--kills 50] [--seed 1] [--slices 120] [--noise 15] [--json]

Anna and Carl hold the same study, Berg retrieves it. In each round one of the three, taken at random, gets SIGKILL at a
random moment of the retrieval and is started again. A holder's death must not be noticed by the user at all; after the
requester's own death the user asks again, and what had arrived must not come again.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from idas_p2p.errors import IdasError
from tools.idas import fetch
from tools.images import StudyFiles, set_of_files
from tools.noisy_ct import write_noisy_ct
from tools.pair import start_cold, wait_for_all
from tools.region import Region

RETRY_FOR: Final = 60.0  # seconds in which the user asks again after the requester was killed
HOLDERS: Final = 2
_ANSWERED_BY_DEATH: Final = (IdasError, OSError, ValueError, EOFError)


@dataclass
class Outcome:
    """What came of all rounds."""

    kills: int = 0
    during: int = 0  # of them while the transfer was under way
    of_requester: int = 0
    wrong: int = 0  # rounds in which a data set was missing or not as it was
    failed: list[str] = field(default_factory=list)  # rounds that ended with an error the user should not have seen
    slowest: float = 0.0  # seconds from the first request until all was there


class Rounds:
    """Three institutions and their study.

    Args:
        region: in which they live.
        study: what is retrieved.
        folder: gets what is retrieved.
        seed: chooses victims and moments.
    """

    def __init__(self, region: Region, study: StudyFiles, folder: Path, *, seed: int) -> None:
        self._study, self._folder, self._random = study, folder, random.Random(seed)  # noqa: S311  # rounds that can be repeated
        self.anna, self.carl, self.berg = (region.node(name) for name in ("anna", "carl", "berg"))
        for holder in (self.anna, self.carl):
            region.shelf(holder, study.files[0].parent)
        self._expected = study.encoded()
        self.outcome = Outcome()
        self._usual = 1.0  # seconds of a transfer that nobody disturbs

    def measure(self) -> None:
        """See how long an undisturbed transfer takes."""
        self._prepare()
        with tempfile.TemporaryDirectory(dir=self._folder) as out:
            self._usual, _ = fetch(self.berg, self._study.study_uid, Path(out))

    def round(self) -> None:
        """One transfer with one kill in it."""
        self._prepare()
        victim = self._random.choice((self.anna, self.carl, self.berg))
        moment = self._random.uniform(0.0, 1.1 * self._usual)
        with tempfile.TemporaryDirectory(dir=self._folder) as name, ThreadPoolExecutor(1) as pool:
            out, begun = Path(name), time.monotonic()
            transfer = pool.submit(fetch, self.berg, self._study.study_uid, out)
            time.sleep(moment)
            self.outcome.kills += 1
            self.outcome.during += not transfer.done()
            victim.kill()
            victim.start()
            try:
                transfer.result()
            except _ANSWERED_BY_DEATH as error:
                if victim is not self.berg:
                    self.outcome.failed.append(f"{victim.folder.name} at {moment:.3f} s: {type(error).__name__}")
                self.outcome.of_requester += victim is self.berg
                self._ask_again(out)
            self.outcome.slowest = max(self.outcome.slowest, time.monotonic() - begun)
            files = sorted(path for path in out.iterdir() if path.suffix == ".dcm")
            self.outcome.wrong += set_of_files(files) != self._expected

    def _prepare(self) -> None:
        start_cold(self.berg)
        wait_for_all(self.berg, self._study, holders=HOLDERS)

    def _ask_again(self, out: Path) -> None:
        deadline = time.monotonic() + RETRY_FOR
        while time.monotonic() < deadline:
            with suppress(*_ANSWERED_BY_DEATH):
                fetch(self.berg, self._study.study_uid, out)
                return
            time.sleep(0.2)


def run(folder: Path, *, kills: int, seed: int, slices: int, noise: float) -> dict[str, Any]:
    """All rounds; the outcome as a JSON object."""
    study = write_noisy_ct(folder / "study", slices=slices, noise=noise)
    with Region(folder / "region", log_level="info") as region:
        rounds = Rounds(region, study, folder, seed=seed)
        rounds.measure()
        for number in range(kills):
            rounds.round()
            print(f"{number + 1} of {kills}: {rounds.outcome}", file=sys.stderr, flush=True)
    return {"seed": seed, "instances": len(study.files), **asdict(rounds.outcome)}


def main() -> int:
    """Run and print; status 0 when every round ended with every data set as it was."""
    parser = argparse.ArgumentParser(prog="python -m tools.kill_transfers", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--slices", type=int, default=120)
    parser.add_argument("--noise", type=float, default=15.0, help="HU")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="idas-kills-") as name:
        result = run(Path(name), kills=options.kills, seed=options.seed, slices=options.slices, noise=options.noise)
    print(json.dumps(result) if options.json else "\n".join(f"{key}: {value}" for key, value in result.items()))
    return 0 if not result["wrong"] and not result["failed"] else 1


if __name__ == "__main__":
    sys.exit(main())
