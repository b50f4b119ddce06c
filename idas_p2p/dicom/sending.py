"""One instance over one association by C-STORE: in which context it fits, and what the peer said.

Belongs here: a single sub-operation, blocking. Not here: which association (deliver.py), counting (retrieve.py).
Source: PS3.7 9.1.1, PS3.4 B.2.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from pynetdicom.dimse_primitives import C_STORE

from idas_p2p import limits
from idas_p2p.dicom.contexts import sending_contexts
from idas_p2p.dicom.convert import convert
from idas_p2p.dicom.link import Link
from idas_p2p.dicom.retrieve import Outcome
from idas_p2p.dicom.statuses import SUCCESS, is_warning
from idas_p2p.errors import CannotConvert, ChannelClosed, DestinationFailed, IdasError
from idas_p2p.events import log_event
from idas_p2p.wire.instance import Instance

POLL: Final = 0.2  # seconds between two calls of `while_waiting`; ours

Originator = tuple[str, int]
"""AE title and message ID of the C-MOVE a C-STORE belongs to, PS3.7 Table 9.3-1."""


def store_instance(
    link: Link,
    instance: Instance,
    *,
    message_id: int,
    originator: Originator | None = None,
    while_waiting: Callable[[], None] = lambda: None,
) -> Outcome:
    """Send an instance and wait for the answer; converted losslessly when its own transfer syntax was not accepted.

    Args:
        link: an association whose messages nobody else takes.
        instance: what to send.
        message_id: 1 to 65535.
        originator: the C-MOVE it belongs to.
        while_waiting: called every POLL seconds until the answer is there.

    Raises:
        ChannelClosed: the association ended before the instance was sent.
        CannotConvert: it was not sent, since no accepted transfer syntax can be reached without loss; the detail says
            what would help.
        DestinationFailed: no valid answer; nothing is known about the instance.
    """
    try:
        fitting, context_id = _fit(link, instance)
    except CannotConvert as error:
        log_event("instance_not_sent", reason=error.code, next_step=error.detail)
        raise
    except IdasError as error:
        log_event("instance_not_sent", reason=error.code)
        return Outcome.FAILED
    try:
        is_sent = link.dimse.send_store(
            context_id,
            fitting.data,
            sop_class_uid=fitting.sop_class_uid,
            sop_instance_uid=fitting.sop_instance_uid,
            message_id=message_id,
            originator=originator,
        )
    except OSError:  # the data set can no longer be read, and half of it has been sent
        link.end()
        raise DestinationFailed("an instance was lost while it was sent") from None
    if not is_sent:
        raise ChannelClosed("destination")
    return _outcome(_await_answer(link, while_waiting), message_id)


def _fit(link: Link, instance: Instance) -> tuple[Instance, int]:
    """The instance in a transfer syntax the peer accepted, and the context for it.

    Raises:
        DestinationFailed: the peer accepts no instances of this class.
        CannotConvert, MalformedInstance: no accepted transfer syntax can be reached without loss.
    """
    contexts = sending_contexts(link.accepted_contexts, instance.sop_class_uid)
    if not contexts:
        raise DestinationFailed("this kind of object was not accepted")
    if instance.transfer_syntax_uid not in contexts:
        instance = convert(instance, list(contexts))
    if instance.transfer_syntax_uid not in contexts:
        raise CannotConvert("no accepted transfer syntax")
    return instance, contexts[instance.transfer_syntax_uid]


def _await_answer(link: Link, while_waiting: Callable[[], None]) -> Any:
    deadline = time.monotonic() + limits.DICOM_RESPONSE_TIMEOUT
    while True:
        answer = link.response(POLL)
        if answer is not None:
            return answer
        if link.is_gone:
            raise DestinationFailed("the association ended before the answer")
        if time.monotonic() > deadline:
            link.end()
            raise DestinationFailed("no answer in time")
        while_waiting()


def _outcome(answer: Any, message_id: int) -> Outcome:
    if not isinstance(answer, C_STORE) or answer.MessageIDBeingRespondedTo != message_id or answer.Status is None:
        raise DestinationFailed("an answer that does not belong to the question")
    if answer.Status == SUCCESS:
        return Outcome.COMPLETED
    if is_warning(answer.Status):
        return Outcome.WARNING
    log_event("instance_refused", reason=f"{answer.Status:04x}")
    return Outcome.FAILED
