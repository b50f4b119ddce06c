"""Series and instances as the objects themselves tell of them, where an archive has objects and no tables of its own.

Belongs here: from encoded instances to parts. Not here: where instances lie (store/objects.py,
node/folder_archive.py), which keys there are (query_keys.py).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from io import BytesIO
from itertools import groupby
from typing import Final

from pydicom.filereader import read_dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from idas_p2p.dicom.bridge import Bridge
from idas_p2p.dicom.identifiers import Text, nested_reader
from idas_p2p.dicom.part_identifiers import part_from_text
from idas_p2p.dicom.part_requests import COUNT
from idas_p2p.dicom.walk import Elements, read_elements
from idas_p2p.errors import MalformedInstance
from idas_p2p.wire.instance import Instance
from idas_p2p.wire.parts import Depth, Part, Within

MAX_HEAD: Final = 1_048_576  # bytes before the pixels that are read for what is inside sequences; ours
READ_AT_ONCE: Final = 64  # instances in one trip to a thread; ours: about 10 ms
_SYNTAX: Final = "AvailableTransferSyntaxUID"


def listed_parts(instances: Iterable[Instance], within: Within) -> Iterator[Part]:
    """Yield the parts of a study that its instances make up; of a series the first readable one tells.

    Args:
        instances: all of the study, those of one series together.
        within: what is asked.
    """
    for _, of_series in groupby(instances, key=lambda one: one.series_uid):
        together = [
            one
            for one in of_series
            if within.includes(series_uid=one.series_uid, sop_instance_uid=one.sop_instance_uid)
        ]
        if within.depth is Depth.IMAGE:
            yield from (part_of(one, within) for one in together)
        elif together:
            yield Part.of({**part_of(together[0], within).values(), COUNT: str(len(together))})


async def in_portions(bridge: Bridge, instances: Sequence[Instance], within: Within) -> AsyncGenerator[Part, None]:
    """The same from the loop, each series in portions of READ_AT_ONCE instances read by a thread."""
    for _, of_series in groupby(instances, key=lambda one: one.series_uid):
        together = list(of_series)
        size = len(together) if within.depth is Depth.SERIES else READ_AT_ONCE
        for start in range(0, len(together), size):
            for part in await bridge.run(_list, together[start : start + size], within):
                yield part


def _list(instances: Sequence[Instance], within: Within) -> list[Part]:
    return list(listed_parts(instances, within))


def part_of(instance: Instance, within: Within) -> Part:
    """What an instance tells of itself and its series; its names alone where it cannot be read."""
    names = {"SeriesInstanceUID": instance.series_uid}
    if within.depth is Depth.IMAGE:
        names |= {"SOPInstanceUID": instance.sop_instance_uid, "SOPClassUID": instance.sop_class_uid}
        names |= {_SYNTAX: instance.transfer_syntax_uid}
    wanted = [keyword for keyword in within.wanted if keyword not in names]
    try:
        return part_from_text(_reader(instance, wanted), wanted, within.depth, **names)
    except (MalformedInstance, OSError):
        return Part.of(names)


def _reader(instance: Instance, wanted: list[str]) -> Text:
    plain = [keyword for keyword in wanted if "." not in keyword]
    elements = read_elements(instance.data, instance.transfer_syntax_uid, plain)
    text = elements.reader()
    if len(plain) == len(wanted):
        return text
    inside = _nested(instance, elements)
    return lambda keyword: inside(keyword) if "." in keyword else text(keyword)


def _nested(instance: Instance, elements: Elements) -> Text:
    """Reads what is inside sequences; nothing where that cannot be read."""
    syntax = instance.transfer_syntax_uid
    if syntax == DeflatedExplicitVRLittleEndian:
        return lambda keyword: ""
    size = elements.pixel_data.offset if elements.pixel_data else instance.data.size
    head = instance.data.read(0, min(size, MAX_HEAD))
    try:
        stream = BytesIO(head)
        ds = read_dataset(
            stream,
            syntax == ImplicitVRLittleEndian,
            syntax != ExplicitVRBigEndian,
            stop_when=lambda tag, vr, length: tag >= 0x7FE00000,
        )
        inside = nested_reader(ds)
    except Exception:  # any bytes may be here, and pydicom fails in many ways
        return lambda keyword: ""

    def text(keyword: str) -> str:
        try:
            return inside(keyword)
        except Exception:  # as above: values are read when they are asked for
            return ""

    return text
