"""What is to go wrong in the local cloud, and when: a plan of faults, and the words that vendors use. Pure.

A fault in text is OPERATION[:N][@TYPE][=EFFECT], as in

create:2                            the second create fails, whatever it makes
create@DatabaseInstance=quota       the first create of a database instance is over the quota
update@gcp:cloudrunv2/service:Service
create:3=slow:2s                    done at once, and answered after two seconds
create:3=stalled:2s                 done after two seconds, if somebody is still there to hear of it
create=killed-after                 the provider dies once the thing exists, and before anybody is told
create@AlertPolicy=metric-not-found:5s    404 until the metric that it names is five seconds old

Each strikes once, but for the last one. A type is a whole token, or what stands after its last colon.
"""

from __future__ import annotations

import json
import re
import threading
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeVar

from typing_extensions import override

from plimsoll.units import format_seconds, parse_duration

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plimsoll.localcloud.wire import Properties

MAX_SECONDS: Final = 600
"""The longest wait: as long as a new metric may take to be known (terraform-provider-google#11102)."""

METRIC: Final = "gcp:logging/metric:Metric"


class Operation(StrEnum):
    """What a provider is asked to do, and may fail at."""

    CREATE = "create"
    READ = "read"
    UPDATE = "update"
    DELETE = "delete"


class Effect(StrEnum):
    """How it goes wrong."""

    FAILS = "fails"
    """The vendor is out of order, for this once."""
    QUOTA = "quota"
    SLOW = "slow"
    """Done, and answered late."""
    STALLED = "stalled"
    """Done late; not at all where whoever asked has gone meanwhile."""
    KILLED_BEFORE = "killed-before"
    """The provider's process ends before it has done anything."""
    KILLED_AFTER = "killed-after"
    """The provider's process ends when it is done, and tells nobody."""
    METRIC_NOT_FOUND = "metric-not-found"
    """404 for as long as the log-based metric that it names is new."""


TIMED: Final = frozenset({Effect.SLOW, Effect.STALLED, Effect.METRIC_NOT_FOUND})

FORM: Final = re.compile(
    r"(?P<operation>[^:@=]+)(?::(?P<nth>[^@=]*))?(?:@(?P<type>[^=]*))?"
    r"(?:=(?P<effect>[^:]*)(?::(?P<seconds>.*))?)?"
)


_Word = TypeVar("_Word", Operation, Effect)


class FaultError(Exception):
    """A text is no fault: why, and what one looks like. No full stop at the end."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: the `nth` time (from 1) that `operation` is asked for, of `type` ("" for any).

    `seconds` is 0 but for the effects that are `TIMED`. `str()` is the text form.
    """

    operation: Operation
    nth: int = 1
    type: str = ""
    effect: Effect = Effect.FAILS
    seconds: Decimal = Decimal(0)

    @override
    def __str__(self) -> str:
        nth = f":{self.nth}" if self.nth > 1 else ""
        type_ = f"@{self.type}" if self.type else ""
        after = f":{format_seconds(self.seconds)}" if self.effect in TIMED else ""
        return f"{self.operation}{nth}{type_}={self.effect}{after}"

    def is_of(self, operation: Operation, type_: str) -> bool:
        """Whether it may strike this operation on a resource of this type."""
        return operation is self.operation and self.type in {"", type_, type_.rpartition(":")[2]}


def parse_fault(text: str) -> Fault:
    """A fault from its text form. Raises FaultError."""
    found = FORM.fullmatch(text.strip())
    if found is None:
        raise _no_fault(text, "it is not of that form")
    operation = _one_of(Operation, text, found["operation"], "an operation")
    effect = _one_of(Effect, text, found["effect"] or Effect.FAILS, "an effect")
    nth = 1
    if found["nth"] is not None:
        if not re.fullmatch(r"[1-9][0-9]{0,5}", found["nth"]):
            raise _no_fault(
                text, f"{found['nth']!r} is no number from 1, to say which {operation} it strikes"
            )
        nth = int(found["nth"])
    if swapped := re.fullmatch(r"([^:]+):(\d+)", found["type"] or ""):
        right = f"{operation}:{swapped[2]}@{swapped[1]}"
        raise _no_fault(text, f"the number stands before the type: write {right}={effect}")
    if found["type"] is not None and not re.fullmatch(r"[\w:/.-]+", found["type"]):
        raise _no_fault(text, f"{found['type']!r} is no type of a resource")
    if effect is Effect.METRIC_NOT_FOUND and (nth, operation) != (1, Operation.CREATE):
        raise _no_fault(
            text, f"{effect} is of every create while a metric is new: write create[@TYPE]={effect}:2s"
        )
    return Fault(operation, nth, found["type"] or "", effect, _seconds(text, effect, found["seconds"]))


def _seconds(text: str, effect: Effect, written: str | None) -> Decimal:
    if (effect in TIMED) != (written is not None):
        wanted = f"{effect} says for how long: {effect}:2s" if effect in TIMED else f"{effect} takes no time"
        raise _no_fault(text, wanted)
    if written is None:
        return Decimal(0)
    try:
        seconds = parse_duration(written)
    except ValueError as error:
        raise _no_fault(text, str(error)) from None
    if seconds > MAX_SECONDS:
        raise _no_fault(
            text, f"{written} is longer than {MAX_SECONDS} s, which is what a cloud may take at most"
        )
    return seconds


def _one_of(words: type[_Word], text: str, written: str, kind: str) -> _Word:
    try:
        return words(written)
    except ValueError:
        raise _no_fault(text, f"{written!r} is not {kind}: {', '.join(words)}") from None


def _no_fault(text: str, why: str) -> FaultError:
    return FaultError(
        f"{text!r} is no fault: {why}. A fault is OPERATION[:N][@TYPE][=EFFECT], such as create:2, "
        "create@DatabaseInstance=quota or update=slow:2s"
    )


class Faults:
    """The faults of one local cloud, and how far each has come. Thread-safe."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._lock = threading.Lock()
        self._metrics: dict[str, float] = {}
        self.arm(faults)

    def arm(self, faults: Iterable[Fault]) -> None:
        """Let these strike from now on, counted from here, and no others."""
        with self._lock:
            self._faults = tuple(dict.fromkeys(faults))
            self._seen = dict.fromkeys(self._faults, 0)
            self._struck: list[tuple[Fault, str]] = []
            self._over: set[Fault] = set()

    def lift(self) -> None:
        """Let what has struck strike no more: a metric is known by now. The others go on counting."""
        with self._lock:
            self._over = {fault for fault, _ in self._struck}

    def strike(
        self, operation: Operation, urn: str, type_: str, inputs: Properties, now: float
    ) -> Fault | None:
        """The fault that strikes this operation, if one does. It is counted. `now` is in seconds."""
        with self._lock:
            of_this = [fault for fault in self._faults if fault.is_of(operation, type_)]
            for fault in of_this:
                self._seen[fault] += 1
            struck = next((fault for fault in of_this if self._strikes(fault, inputs, now)), None)
            if struck is not None:
                self._struck.append((struck, urn.rpartition("::")[2]))
            return struck

    def _strikes(self, fault: Fault, inputs: Properties, now: float) -> bool:
        if fault in self._over:
            return False
        if fault.effect is Effect.METRIC_NOT_FOUND:
            return self._names_new_metric(inputs, now - float(fault.seconds))
        # Later, where another one struck in its place.
        return self._seen[fault] >= fault.nth and all(fault != one for one, _ in self._struck)

    def _names_new_metric(self, inputs: Properties, since: float) -> bool:
        named = set(re.findall(r"logging\.googleapis\.com/user/([\w./%-]+)", json.dumps(inputs)))
        return any(made > since and name in named for name, made in self._metrics.items())

    def metric_made(self, name: str, now: float) -> None:
        """Take note of a log-based metric that exists from now on."""
        with self._lock:
            self._metrics[name] = now

    @property
    def struck(self) -> tuple[tuple[Fault, str], ...]:
        """Each fault that has struck, and the name of the resource that it struck, in order."""
        with self._lock:
            return tuple(self._struck)

    @property
    def unmet(self) -> tuple[Fault, ...]:
        """The faults that have not struck: nothing of the kind was done so often."""
        struck = {fault for fault, _ in self.struck}
        return tuple(fault for fault in self._faults if fault not in struck)


_GERUNDS: Final = {
    Operation.CREATE: "creating",
    Operation.READ: "reading",
    Operation.UPDATE: "updating",
    Operation.DELETE: "deleting",
}

GONE: Final = "error reading from server: EOF"
"""What the engine hears of a provider whose process ends in the middle of a call; gRPC's own words."""


_GOOGLE: Final = "Error {doing} {name}: googleapi: Error"
_VERCEL: Final = "Error {doing} {name}: unexpected error:"
_SAID: Final = {
    ("gcp", Effect.QUOTA): (
        f"{_GOOGLE} 429: Quota exceeded for quota metric 'Write requests' and limit 'Write requests per "
        "minute'., rateLimitExceeded"
    ),
    ("gcp", Effect.FAILS): f"{_GOOGLE} 503: The service is currently unavailable., backendError",
    ("gcp", Effect.METRIC_NOT_FOUND): (
        f"{_GOOGLE} 404: Cannot find metric that matches the filter. If a metric was created recently, it "
        "could take up to 10 minutes to become available. Please try again soon., notFound"
    ),
    ("vercel", Effect.QUOTA): f"{_VERCEL} rate_limited (429) - Too many requests, please try again later",
    ("vercel", Effect.FAILS): (
        f"{_VERCEL} internal_server_error (500) - An unexpected internal error occurred"
    ),
}


def words(fault: Fault, type_: str) -> str:
    """What the provider says when a fault strikes: Google's and Vercel's words, with code and reason."""
    said = _SAID.get((type_.partition(":")[0], fault.effect), "Error {doing} {name}: {effect}")
    return said.format(
        doing=_GERUNDS[fault.operation], name=type_.rpartition(":")[2], effect=fault.effect.value
    )
