"""Those who move a study from the hospital to the practice; each in its own way, all over the same line.

A new one is a class here and a line in ALL.
"""

from tools.bench.competitors.base import Changed, Competitor, Run
from tools.bench.competitors.dicom import DirectMove, OrthancStore, StoreScu
from tools.bench.competitors.ours import NodeToNode, WholeWay
from tools.bench.competitors.tcp import PlainTcp, SealedTcp
from tools.bench.competitors.web import DicomWeb

ALL: dict[str, type[Competitor]] = {
    kind.name: kind
    for kind in (NodeToNode, WholeWay, StoreScu, OrthancStore, DicomWeb, PlainTcp, SealedTcp, DirectMove)
}

__all__ = ["ALL", "Changed", "Competitor", "Run"]
