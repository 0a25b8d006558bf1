"""What the tests say of a running suite: ask, and be granted or refused, with every detail of the refusal checked.

What is expected and does not happen is noted with its place, and the run goes on: one run shows every fault.
"""

import pathlib
import random
import time
import traceback
import uuid
from datetime import datetime, timedelta, timezone

import grpc
from google.rpc import error_details_pb2 as details_pb2
from grpc_status import rpc_status

from stubs import METHODS, PATIENCE, path


class Refusal:
    """A status with its details. `fields` maps the path of each wrong field to its rule."""

    def __init__(self, error):
        self.code, self.message = error.code().name, error.details()
        status = rpc_status.from_call(error)
        self.reason, self.domain, self.metadata = "", "", {}
        self.fields, self.resource, self.repeated = {}, None, []
        for detail in status.details if status is not None else []:
            for kind in (details_pb2.ErrorInfo, details_pb2.BadRequest, details_pb2.ResourceInfo):
                if detail.Is(kind.DESCRIPTOR):
                    message = kind()
                    detail.Unpack(message)
                    self._take(message)

    def _take(self, message):
        if isinstance(message, details_pb2.ErrorInfo):
            self.reason, self.domain, self.metadata = message.reason, message.domain, dict(message.metadata)
        elif isinstance(message, details_pb2.ResourceInfo):
            self.resource = (message.resource_type, message.resource_name)
        else:
            for violation in message.field_violations:
                if violation.field in self.fields:
                    self.repeated.append(violation.field)
                self.fields[violation.field] = violation.reason

    def __str__(self):
        return f"{self.code} {self.reason} {self.message!r} {self.fields or ''} {self.resource or ''}"


class Suite:
    """A running suite, and what was found wrong with it."""

    def __init__(self, connection):
        self.connection, self.record = connection, connection.record
        self.faults, self.tokens = [], {}
        self.now = datetime.now(timezone.utc)
        self.tag = uuid.uuid4().hex[:10]
        self.organization = f"organizations/py-{self.tag}"

    def fault(self, what):
        """Notes a fault, with the lines of the tests that led to it."""
        own = pathlib.Path(__file__).name
        frames = [frame for frame in traceback.extract_stack() if pathlib.Path(frame.filename).name != own]
        frames = [frame for frame in frames if pathlib.Path(frame.filename).parent == pathlib.Path(__file__).parent]
        places = " < ".join(f"{pathlib.Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames[-2:]))
        self.faults.append(f"{places}: {what}")

    def same(self, actual, expected, what=""):
        """Notes a fault unless both are equal."""
        if actual != expected:
            self.fault(f"{what} is {actual!r}, expected {expected!r}")

    def true(self, condition, what):
        """Notes a fault unless it holds."""
        if not condition:
            self.fault(what)

    # Calls that are granted.

    def ask(self, request, of=None):
        """The answer to a call that must be granted; all answers where they are a stream that ends."""
        identify(request)
        method, call = self.connection.way(request, of)
        answer = call(request)
        return list(answer) if method.server_streaming else answer

    def watch(self, request, timeout=PATIENCE):
        """The open stream of answers."""
        _, call = self.connection.way(request)
        return call(request, timeout=timeout)

    def tell(self, elements):
        """The answers to a stream of elements: one for each, in their order."""
        elements = list(elements)
        _, call = self.connection.way(elements[0])
        answers = list(call(iter(elements)))
        self.same([answer.index for answer in answers], list(range(len(elements))), "the order of the answers")
        return answers

    def pages(self, request, items, size=2):
        """Everything that a list holds, by pages of `size`: no page is larger, and nothing comes twice."""
        request = copy(request)
        request.page_size = size
        found, asked = [], 0
        while asked == 0 or request.page_token:
            answer = self.ask(request)
            page = list(getattr(answer, items))
            self.true(len(page) <= size, f"a page of {type(request).__name__} holds {len(page)}")
            found.extend(page)
            if answer.next_page_token:
                self.tokens[request.DESCRIPTOR.full_name] = (copy(request), answer.next_page_token)
            request.page_token = answer.next_page_token
            asked += 1
            if asked > 10_000:
                raise AssertionError(f"the pages of {type(request).__name__} do not end")
        keys = [item.SerializeToString() for item in found]
        self.same(len(set(keys)), len(keys), f"different items of {type(request).__name__}")
        return found

    def until(self, what, look):
        """What `look` gives once it gives something: events take a moment to reach the other services."""
        end = time.monotonic() + 30
        while True:
            found = look()
            if found:
                return found
            if time.monotonic() > end:
                raise AssertionError(f"{what}: has not happened in 30 s")
            time.sleep(0.02)

    def once(self, request, changed):
        """A request sent twice gets one answer; another body under its id is refused."""
        identify(request)
        changed = copy(changed)
        changed.request_id = request.request_id
        first = self.ask(request)
        self.same(self.ask(request), first, f"the answer to a repeated {type(request).__name__}")
        refusal = self.refused(changed, "INVALID_ARGUMENT", "REQUEST_ID_REUSED")
        self.same(refusal.metadata.get("request_id"), request.request_id, "the id in the refusal")
        return first

    # Calls that are refused.

    def refusal(self, request, of=None):
        """The refusal of a call, well-formed; a fault, and nothing, where it was granted."""
        name = METHODS[request.DESCRIPTOR.full_name].full_name
        try:
            method, call = self.connection.way(request, of)
            answer = call(iter([request])) if method.client_streaming else call(request)
            if method.server_streaming:
                list(answer)
        except grpc.RpcError as error:
            refusal = Refusal(error)
            self.true(refusal.reason and refusal.domain == "guanxi", f"{name}: {refusal} has no ErrorInfo of guanxi")
            self.same(refusal.repeated, [], f"{name}: fields that are named twice")
            return refusal
        self.fault(f"{name} was granted: {str(request)[:300]!r}")
        return None

    def refused(self, request, code, reason, of=None):
        """A call that is refused with this code and reason."""
        identify(request)
        refusal = self.refusal(request, of)
        if refusal and (refusal.code, refusal.reason) != (code, reason):
            self.fault(f"{type(request).__name__}: {refusal}, expected {code} {reason}")
        return refusal or Nothing()

    def missing(self, request, kind, name, of=None):
        """A call that is about something that does not exist, and says what."""
        refusal = self.refused(request, "NOT_FOUND", "NOT_FOUND", of)
        self.same(refusal.resource, (kind, name), f"{type(request).__name__}: the resource")

    def invalid(self, request, *fields, of=None):
        """A call with exactly these wrong fields, all said at once. `field=RULE` expects that rule too."""
        wanted = dict((field.split("=") + [None])[:2] for field in fields)
        if "request_id" not in wanted:
            identify(request)
        refusal = self.refusal(request, of)
        if refusal is None:
            return
        self.same((refusal.code, refusal.reason), ("INVALID_ARGUMENT",) * 2, f"{type(request).__name__}: {refusal}")
        self.compare(type(request).__name__, refusal.fields, wanted)

    def rejected(self, answer, reason, *fields):
        """An element that was answered with a rejection: its reason, and its wrong fields."""
        wanted = dict((field.split("=") + [None])[:2] for field in fields)
        rejection = answer.rejection if "rejection" in answer.DESCRIPTOR.fields_by_name else answer
        found = rejection.fields if "fields" in rejection.DESCRIPTOR.fields_by_name else rejection.violations
        self.same(rejection.reason, reason, f"the reason of {type(answer).__name__}")
        self.compare(type(answer).__name__, {field.field: field.rule for field in found}, wanted)

    def compare(self, name, found, wanted):
        """Notes a fault unless exactly the wanted fields were found, with their rules where those are wanted."""
        self.same(sorted(found), sorted(wanted), f"{name}: the wrong fields")
        for field, rule in wanted.items():
            if rule is not None and field in found:
                self.same(found[field], rule, f"{name}: the rule of {field}")

    # What the tests need again and again.

    def ago(self, **span):
        """A moment before the run began."""
        return self.now - timedelta(**span)

    def day(self, days):
        """A date so many days from today, as YYYY-MM-DD."""
        return (self.now + timedelta(days=days)).date().isoformat()

    def other(self, collection):
        """A name of a collection that nothing has."""
        return f"{collection}/{uuid.uuid4()}"

    def uncovered(self):
        """The methods of the contracts that were never granted, or never refused."""
        lacks = []
        for method in sorted(METHODS.values(), key=lambda method: method.full_name):
            if not self.record.was_granted(path(method)):
                lacks.append(f"{method.full_name} was never called with success")
            if not self.record.was_refused(path(method)):
                lacks.append(f"{method.full_name} was never called with an error")
        return lacks


class Nothing:
    """Stands for a refusal that did not come."""

    code = reason = message = ""
    resource, fields, metadata = None, {}, {}


def identify(request):
    """Gives a request an id where its message has one and it is empty."""
    if "request_id" in request.DESCRIPTOR.fields_by_name and not request.request_id:
        request.request_id = str(uuid.uuid4())


def copy(message):
    """The same message again."""
    return type(message).FromString(message.SerializeToString())


def phone():
    """A mobile number of mainland China that no other run has."""
    return f"139{random.SystemRandom().randrange(10**8):08d}"
