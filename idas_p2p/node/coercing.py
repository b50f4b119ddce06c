"""Whose exam becomes whose under local identifiers: the operator's rules, tried in their order.

Law: a rule names the issuer of the ids that it replaces and of those that it gives, so ids of two issuers never become
one by themselves; what no rule names stays as it is. Belongs here: the rules and their choice. Not here: changing a
data set (dicom/coercion.py), when that happens (foreign.py).
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Final, Protocol

from idas_p2p.dicom.coercion import LENGTHS, coerced, restored
from idas_p2p.dicom.scan import header_of
from idas_p2p.errors import BadConfiguration, NoSuchThing
from idas_p2p.wire.instance import Instance
from idas_p2p.wire.study import Study
from idas_p2p.wire.terms import fold

KEY: Final = "coercion"  # of the kept value
MAX_RULES: Final = 10_000  # ours


class Vault(Protocol):
    """Keeps small values (store/settings.Settings)."""

    def value(self, key: str) -> bytes | None:
        """A kept value."""
        ...

    def set_value(self, key: str, value: bytes) -> None:
        """Keep a value."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CoercionRule:
    """Gives exams of an issuer local identifiers.

    Raises:
        BadConfiguration: it names no issuer, or would give what DICOM cannot hold.
    """

    issuer: str  # whose ids are replaced; exact but for case and accents
    patient: str = ""  # only this patient id; empty: every one of the issuer
    to_patient: str = ""  # the local id; only with `patient`
    prefix: str = ""  # put before the id instead, so that ids of the issuer stay apart from all others
    to_issuer: str = ""  # the local issuer; empty with a prefix: the issuer stays
    accession_prefix: str = ""  # put before the accession number; empty: it stays

    def __post_init__(self) -> None:
        if not self.issuer:
            raise BadConfiguration("a rule names the issuer whose patient ids it replaces")
        if bool(self.to_patient) != bool(self.patient) or (self.to_patient and self.prefix):
            raise BadConfiguration("give either one patient's id and its local id, or a prefix for every id")
        if self.to_patient and not self.to_issuer:
            raise BadConfiguration("a local id needs its issuer")
        if not (self.to_patient or self.prefix or self.accession_prefix):
            raise BadConfiguration("the rule changes nothing")
        for text in (self.to_patient, self.prefix, self.to_issuer, self.accession_prefix):
            if not text.isascii() or "\\" in text or len(text) > LENGTHS["PatientID"]:
                raise BadConfiguration("ids, issuers and prefixes are at most 64 ASCII characters, without backslash")

    def means(self, study: Study) -> bool:
        """Whether the rule is about a study."""
        is_patient = not self.patient or fold(self.patient) == fold(study.patient_id)
        return bool(study.issuer) and fold(self.issuer) == fold(study.issuer) and is_patient

    def values(self, study: Study) -> dict[str, str]:
        """What the study's identifiers become, by DICOM keyword; what would be too long stays."""
        wanted = {
            "PatientID": self.to_patient or (self.prefix and self.prefix + study.patient_id),
            "IssuerOfPatientID": self.to_issuer or study.issuer,
            "AccessionNumber": self.accession_prefix
            and study.accession_number
            and self.accession_prefix + study.accession_number,
        }
        if not wanted["PatientID"]:
            del wanted["IssuerOfPatientID"]
        return {name: text for name, text in wanted.items() if text and text.isascii() and len(text) <= LENGTHS[name]}


class Coercing:
    """The rules in force.

    Args:
        vault: keeps them.
        system: our name, for the record in each data set.
    """

    def __init__(self, vault: Vault, *, system: str) -> None:
        self._vault, self._system = vault, system

    def rules(self) -> list[CoercionRule]:
        """Every rule, in the order in which they are tried."""
        data = self._vault.value(KEY)
        return [CoercionRule(**one) for one in json.loads(data)] if data else []

    def add(self, rules: Sequence[CoercionRule]) -> None:
        """Add rules after the others.

        Raises:
            BadConfiguration: there would be too many.
        """
        together = [*self.rules(), *rules]
        if len(together) > MAX_RULES:
            raise BadConfiguration(f"at most {MAX_RULES} rules of coercion")
        self._keep(together)

    def remove(self, number: int) -> None:
        """Drop the rule of a number, from 1 on.

        Raises:
            NoSuchThing: there is none.
        """
        rules = self.rules()
        if not 1 <= number <= len(rules):
            raise NoSuchThing(f"no rule {number} of coercion")
        self._keep(rules[: number - 1] + rules[number:])

    def values(self, study: Study) -> dict[str, str]:
        """What a study's identifiers become here; empty where no rule is about it."""
        rule = next((rule for rule in self.rules() if rule.means(study)), None)
        return rule.values(study) if rule else {}

    def apply(self, instance: Instance, *, source: str, at: float) -> Instance:
        """An instance under local identifiers.

        Args:
            instance: of another institution.
            source: that institution.
            at: Unix seconds.

        Raises:
            MalformedInstance, CannotConvert: its data set cannot be changed.
        """
        values = self.values(header_of(instance.data, instance.transfer_syntax_uid).study)
        if not values:
            return instance
        moment = datetime.datetime.fromtimestamp(at, datetime.UTC)
        syntax = instance.transfer_syntax_uid
        data = coerced(instance.data, syntax, values, system=self._system, source=source, at=moment)
        return replace(instance, data=data)

    @staticmethod
    def undo(instance: Instance) -> Instance:
        """The instance as its own institution has it; errors as for `apply`."""
        return replace(instance, data=restored(instance.data, instance.transfer_syntax_uid))

    def _keep(self, rules: Sequence[CoercionRule]) -> None:
        self._vault.set_value(KEY, json.dumps([asdict(rule) for rule in rules]).encode())
