"""One life of a connection: from the first question to a server until it is out of reach."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence

from google.protobuf.message import Message

from camslice.engine.batch_pool import BatchPool
from camslice.engine.oip.client.answer import outputs_of
from camslice.engine.oip.client.batch import UNHURRIED_PATIENCE_S, OipBatch
from camslice.engine.oip.client.connection import Connection, OnAnswer
from camslice.engine.oip.client.offer import Offer, offer_of
from camslice.engine.oip.client.refusals import UnsupportedError
from camslice.engine.oip.client.request import Request
from camslice.engine.oip.client.request_stream import RequestStream, tried
from camslice.engine.oip.client.transports.cargo import Cargo
from camslice.engine.oip.client.transports.choose import choose
from camslice.engine.oip.client.transports.way import Way
from camslice.engine.oip.client.wanted import Wanted
from camslice.engine.oip.descriptions import ModelMetadata, TensorMetadata
from camslice.fleet.errors import EngineAwayError, EngineError, TooLateError

log = logging.getLogger(__name__)

LATE_IN_A_ROW = 10
"""So many answers that were not there in time: perhaps nobody is there any more, which a silent network does not say."""


class Session:
    """A server that answers, the way that pictures go to it, and the batches that go that way. Thread-safe.

    Owns its connection, its stream, its shared memory and its batches until `close`. `on_lost` is called when a request finds
    the server out of reach, or when the stream ends, before whoever has sent a request hears of that.
    """

    def __init__(
        self,
        connection: Connection,
        wanted: Wanted,
        on_lost: Callable[[Session, EngineError], None],
        on_free: Callable[[], None],
    ) -> None:
        """Raises EngineAwayError when the server or its model cannot be reached now, EngineError when it never will do.

        Whoever made the connection may close it meanwhile, which ends this with EngineAwayError.
        """
        self._wanted = wanted
        self._on_lost = on_lost
        self._late_in_a_row = 0
        self._connection = connection
        self._stream: RequestStream | None = None
        self.stream_was_cut = False
        """Whether its stream ended soon and its server goes on: something in between does not bear streams."""
        try:
            self.server = self._server_name()
            self.offer = self._offer()
            self._letterhead = wanted.letterhead(self.offer)
            self._outputs = self._letterhead.outputs or self.offer.outputs
            self.way = self._way()
        except BaseException:
            self._connection.close()
            raise
        self.pool = BatchPool[OipBatch]()
        for _ in range(wanted.batches):
            cargo = self.way.cargo()
            self.pool.add(OipBatch(cargo, self._letterhead, self._outputs, self.send, self.pool.take_back))
        self.pool.on_free(on_free)
        try:
            self._try_once(cargo)
            self._stream = self._tried_stream(cargo)
        except BaseException:
            self.close()
            raise
        connection.settle()

    @property
    def url(self) -> str:
        """Where the server is, as declared."""
        return self._connection.address.url

    @property
    def streams(self) -> bool:
        """Whether requests go over one stream, and not each as a call of its own."""
        return self._stream is not None

    def send(self, request: Request, patience_s: float, on_answer: OnAnswer, *, hurried: bool) -> None:
        """Put a request on the wire. Raises EngineAwayError when the connection is closed, or its stream has ended."""

        def answered(answer: Message | EngineError) -> None:
            if isinstance(answer, EngineError):
                answer = self._understood(answer)
            self._note(answer)
            on_answer(answer)

        wire = self._stream or self._connection
        try:
            wire.infer(request, patience_s, answered, hurried=hurried)
        except EngineAwayError as error:
            self._on_lost(self, error)  # the stream may have ended before anybody listened
            raise

    def is_alive(self) -> bool:
        """Ask whether the model is ready, and all of this session still there: the shared memory and the stream."""
        try:
            lives = bool(self._connection.ask("ModelReady", name=self._wanted.model).ready) and self.way.is_open()
        except EngineError:
            return False
        if self._stream is None or not self._stream.ended:
            return lives
        self.stream_was_cut = lives and self._stream.cut_short
        return False

    def close(self) -> None:
        """Give the shared memory back and hang up; what is on its way ends with EngineAwayError."""
        if self._stream is not None:
            self._stream.close()
        self.way.close()
        self._connection.close()

    def _note(self, answer: Message | EngineError) -> None:
        """See from an answer, or from too many that did not come in time, whether the server is out of reach."""
        if isinstance(answer, EngineAwayError):
            self._on_lost(self, answer)
        if not isinstance(answer, TooLateError):
            self._late_in_a_row = 0
            return
        self._late_in_a_row += 1
        if self._late_in_a_row == LATE_IN_A_ROW:
            self._late_in_a_row = 0
            self._on_lost(self, EngineAwayError(f"{answer}, {LATE_IN_A_ROW} times in a row"))

    def _understood(self, error: EngineError) -> EngineError:
        """A server that complains about our shared memory has forgotten it: it was restarted."""
        if self.way.region is not None and self.way.region in str(error) and not isinstance(error, EngineAwayError):
            return EngineAwayError(str(error))
        return error

    def _server_name(self) -> str:
        metadata = self._connection.ask("ServerMetadata")
        return f"{metadata.name} {metadata.version}".strip() or "a server"

    def _offer(self) -> Offer:
        wanted, url = self._wanted, self._connection.address.url
        if not self._connection.ask("ModelReady", name=wanted.model).ready:
            raise EngineAwayError(f"{url}: model {wanted.model} is not ready there{self._those_that_are()}")
        offer = offer_of(_metadata(self._connection.ask("ModelMetadata", name=wanted.model)), wanted.info, url)
        if offer.ready_boxes:
            self._check_labels()
        if wanted.max_batch > 1 and not offer.any_batch:
            raise EngineError(
                f"{url}: max_batch is {wanted.max_batch}, but model {wanted.model} takes batches of one size only; "
                "leave max_batch out."
            )
        return offer

    def _check_labels(self) -> None:
        """Class numbers of boxes made there mean what they mean here. Raises EngineError."""
        parameters = self._connection.ask("ModelConfig", name=self._wanted.model).config.parameters
        if "labels" not in parameters:
            return
        there, here = json.loads(parameters["labels"].string_value), list(self._wanted.info.labels)
        if there != here:
            raise EngineError(
                f"{self._connection.address.url}: model {self._wanted.model} is another one: its classes are {_some(there)} "
                f"there, and here {_some(here)}; name the same weights on both sides, or set `labels`."
            )

    def _those_that_are(self) -> str:
        try:
            ready = sorted({model.name for model in self._connection.ask("RepositoryIndex", ready=True).models})
        except EngineError:
            return ""  # not every server has an index
        return f" (only {', '.join(ready)})" if ready else " (and no other is)"

    def _way(self) -> Way:
        return choose(self._wanted, self.offer, self._connection, self._answer_to)

    def _try_once(self, cargo: Cargo) -> None:
        """A grey picture there and back, and as many as there may be: what will not work is to be found out now."""
        for count in sorted({1, self._wanted.max_batch}):
            outputs_of(self._answer_to(cargo, count), self._outputs, count)

    def _tried_stream(self, cargo: Cargo) -> RequestStream | None:
        """The same two at once over a stream; None where that does not work, which a server is free to say."""
        if not self._wanted.stream:
            return None
        counts = (1, self._wanted.max_batch)

        def check(answers: Sequence[Message]) -> None:
            for count, answer in zip(counts, answers, strict=True):
                outputs_of(answer, self._outputs, count)

        requests = [self._letterhead.request(cargo.inputs(count)) for count in counts]
        try:
            stream = tried(self._connection, requests, check, lambda error: self._on_lost(self, error))
        except UnsupportedError as error:
            log.info("requests go as single calls, this server has no stream: %s", error)
            return None
        except EngineError as error:
            if not self.is_alive():  # it is the server that has gone, not only its stream
                raise EngineAwayError(str(error)) from None
            log.warning("requests go as single calls, the server's stream is not to be relied on: %s", error)
            return None
        log.info("%s: requests go over one stream", self.url)
        return stream

    def _answer_to(self, cargo: Cargo, count: int = 1) -> Message:
        try:
            return self._connection.infer_and_wait(self._letterhead.request(cargo.inputs(count)), UNHURRIED_PATIENCE_S)
        except TooLateError as error:
            raise EngineAwayError(str(error)) from None


def _metadata(answer: Message) -> ModelMetadata:
    def tensors(described: Sequence[Message]) -> tuple[TensorMetadata, ...]:
        return tuple(TensorMetadata(each.name, each.datatype, tuple(each.shape)) for each in described)

    return ModelMetadata(answer.name, tuple(answer.versions), answer.platform, tensors(answer.inputs), tensors(answer.outputs))


def _some(labels: Sequence[str]) -> str:
    return ", ".join(labels[:3]) + (f" and {len(labels) - 3} more" if len(labels) > 3 else "")
