"""What a decision of the policy costs: python -m tools.measure_policy --rules 10000 --json.

Rules of all kinds, one fifth each about a study, a patient, a modality within years, an archive with a label, and days;
to everyone, nodes, node groups, client groups and users. Asked by users in two node groups and a client group, about
studies of two modalities and two archives. Processor time of one core.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from typing import Any

from idas_p2p.access.compiled import Policy
from idas_p2p.access.levels import FULL, NONE
from idas_p2p.access.objects import Facts, Patient, parse_objects
from idas_p2p.access.policy import Rule
from idas_p2p.access.policy_file import parse_policy
from idas_p2p.access.subjects import Requester, parse_subject
from idas_p2p.wire.ids import NODE_ID_SIZE, NodeId

HOSPITALS, GROUPS, USERS, LABELS = 50, 20, 300, 50
BATCH = 100  # decisions timed together: a clock's step is about a decision's time


def made_rules(count: int, rng: random.Random) -> list[Rule]:
    """Rules of all kinds."""
    return [_rule(number, rng) for number in range(count)]


def _rule(number: int, rng: random.Random) -> Rule:
    first_year = 2000 + number % 20
    subjects = (
        "everyone",
        f"node:Hospital {number % HOSPITALS}",
        f"nodes:g{number % GROUPS}",
        f"group:c{number % GROUPS}",
        f"user:u{number % USERS}@Hospital {number % HOSPITALS}",
    )
    objects: tuple[dict[str, Any], ...] = (
        {"studies": [f"1.2.{number}"]},
        {"patients": [f"P{number}"]},
        {"modalities": ["CT"], "dates": f"{first_year}0101-{first_year + 5}1231"},
        {"archives": ["pacs"], "labels": [f"l{number % LABELS}"]},
        {"dates": f"{first_year}0{1 + number % 9}01-"},
    )
    return Rule(
        subjects=(parse_subject(rng.choice(subjects)),),
        level=(FULL, NONE)[number % 2],
        objects=parse_objects(**objects[number % len(objects)]),
    )


def as_file(count: int) -> str:
    """As many rules as policy.toml would say them."""
    rules = (
        f'[[rule]]\nto = "user:u{n % USERS}@Hospital {n % HOSPITALS}"\npatients = ["P{n}"]\nlevel = "full"\n'
        for n in range(count)
    )
    return "\n".join(rules)


def asking(number: int) -> Requester:
    """Somebody in groups."""
    return Requester(
        node_id=NodeId(bytes((number % HOSPITALS,)) * NODE_ID_SIZE),
        institution=f"Hospital {number % HOSPITALS}",
        user=f"u{number % USERS}",
        node_groups=frozenset({f"g{number % GROUPS}", "g1"}),
        client_groups=frozenset({f"c{number % GROUPS}"}),
    )


def study(number: int) -> Facts:
    """A study with something for every condition."""
    return Facts(
        study_uid=f"1.2.{number}",
        patient=Patient(f"p{number}", "city"),
        modalities=("CT", "SR"),
        date=f"{2000 + number % 20}0615",
        archives=("pacs", "old"),
        labels=(f"l{number % LABELS}",),
    )


def measure(rules: int, decisions: int, seed: int) -> dict[str, float]:
    """Microseconds of a decision, and milliseconds until the first ones."""
    policy_rules = made_rules(rules, random.Random(seed))  # noqa: S311  # nothing secret
    text = as_file(rules)
    begun = time.process_time()
    parse_policy(text)
    parsed = time.process_time()
    policy = Policy(policy_rules)
    for number in range(HOSPITALS):
        policy.decide(asking(number), study(number), now=0.0)
    built = time.process_time()
    took = []
    for first in range(0, decisions, BATCH):
        questions = [(asking(n), study(n * 7)) for n in range(first, first + BATCH)]
        start = time.process_time()
        for requester, facts in questions:
            policy.decide(requester, facts, now=0.0)
        took.append((time.process_time() - start) / BATCH * 1e6)
    return {
        "rules": rules,
        "decisions": decisions,
        "median_us": round(statistics.median(took), 1),
        "worst_us": round(max(took), 1),
        "build_ms": round((built - parsed) * 1e3, 1),
        "file_ms": round((parsed - begun) * 1e3, 1),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rules", type=int, default=10_000)
    parser.add_argument("--decisions", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    result = measure(args.rules, args.decisions, args.seed)
    print(json.dumps(result) if args.json else "\n".join(f"{name:12} {value}" for name, value in result.items()))


if __name__ == "__main__":
    main()
