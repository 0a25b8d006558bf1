"""The calls as a client of another language makes them: stubs made from `proto/`, found on PYTHONPATH.

An interceptor on every channel writes down which method was called with which outcome, and keeps the first request of
each method that was granted: what comes later is made of it.
"""

import base64
import collections
import hashlib
import hmac
import importlib
import json
import pathlib
import time
from types import SimpleNamespace

import grpc

# How long one call may take. Nothing is to hang.
PATIENCE = 20.0


def package(name):
    """All messages, enum values and stubs of a package, in one namespace."""
    space = SimpleNamespace()
    root = pathlib.Path(list(importlib.import_module("guanxi").__path__)[0])
    folder = root.parent / name.replace(".", "/")
    for file in sorted(folder.glob("*_pb2*.py")):
        module = importlib.import_module(f"{name}.{file.stem}")
        vars(space).update(
            {key: value for key, value in vars(module).items() if key[0].isupper() and key != "DESCRIPTOR"}
        )
        for service in getattr(module, "DESCRIPTOR", SimpleNamespace(services_by_name={})).services_by_name.values():
            for method in service.methods:
                METHODS[method.input_type.full_name] = method
    return space


# Every method by the full name of its request.
METHODS = {}
common = package("guanxi.common.v1")
customer = package("guanxi.customer.v1")
loyalty = package("guanxi.loyalty.v1")
logistics = package("guanxi.logistics.v1")
feedback = package("guanxi.feedback.v1")
PACKAGES = {"common": common, "customer": customer, "loyalty": loyalty, "logistics": logistics, "feedback": feedback}


def path(method):
    """A method as the wire names it."""
    return f"/{method.containing_service.full_name}/{method.name}"


def is_rejected(response):
    """Whether an answer within a stream says that its element was not taken."""
    outcome = response.DESCRIPTOR.fields_by_name.get("outcome")
    if outcome is not None and outcome.enum_type is not None:
        value = outcome.enum_type.values_by_number.get(response.outcome)
        return value is not None and value.name.endswith("_REJECTED")
    return "error_response" in response.DESCRIPTOR.fields_by_name and response.HasField("error_response")


class Record:
    """Which methods were called, and what came of it."""

    def __init__(self):
        self.outcomes = collections.defaultdict(collections.Counter)
        self.granted = {}

    def add(self, method, outcome, request=None):
        """One call, or one element of a stream, and its outcome: a gRPC code's name, or REJECTED."""
        self.outcomes[method][outcome] += 1
        if outcome == "OK" and request is not None and method not in self.granted:
            self.granted[method] = type(request).FromString(request.SerializeToString())

    def was_granted(self, method):
        return self.outcomes[method]["OK"] > 0

    def was_refused(self, method):
        return any(outcome not in ("OK", "CANCELLED") for outcome in self.outcomes[method])


class Answers:
    """The answers of a stream. What each comes to is recorded."""

    def __init__(self, call, method, record, sent):
        self._call, self._method, self._record, self._sent = call, method, record, sent
        self._read = 0

    def __iter__(self):
        return self

    def __next__(self):
        try:
            answer = next(self._call)
        except StopIteration:
            if self._read == 0:
                self._record.add(self._method, "OK", self._request())
            raise
        except grpc.RpcError as error:
            self._record.add(self._method, error.code().name)
            raise
        request = self._request()
        self._read += 1
        self._record.add(self._method, "REJECTED" if is_rejected(answer) else "OK", request)
        return answer

    def _request(self):
        return self._sent[min(self._read, len(self._sent) - 1)] if self._sent else None

    def __getattr__(self, name):
        return getattr(self._call, name)


class CallDetails(
    collections.namedtuple("CallDetails", "method timeout metadata credentials wait_for_ready compression"),
    grpc.ClientCallDetails,
):
    """A call with a token and a deadline."""


class Recorder(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor, grpc.StreamStreamClientInterceptor):
    """Adds the token and a deadline to every call, and writes its outcome down."""

    def __init__(self, record, token):
        self._record, self._token = record, token

    def _with(self, details):
        metadata = list(details.metadata or [])
        if self._token:
            metadata.append(("authorization", f"Bearer {self._token}"))
        return CallDetails(details.method, details.timeout or PATIENCE, metadata, details.credentials, None, None)

    def intercept_unary_unary(self, continuation, client_call_details, request):
        call = continuation(self._with(client_call_details), request)
        self._record.add(client_call_details.method, call.code().name, request)
        return call

    def intercept_unary_stream(self, continuation, client_call_details, request):
        call = continuation(self._with(client_call_details), request)
        return Answers(call, client_call_details.method, self._record, [request])

    def intercept_stream_stream(self, continuation, client_call_details, request_iterator):
        sent = []

        def kept():
            for request in request_iterator:
                sent.append(request)
                yield request

        call = continuation(self._with(client_call_details), kept())
        return Answers(call, client_call_details.method, self._record, sent)


class Connection:
    """The ways to all services, with one token or none."""

    def __init__(self, endpoints, token=None, record=None):
        self.endpoints, self.token, self.record = endpoints, token, record or Record()
        self._channels = {}

    def channel(self, service):
        """The channel to a service: one for each endpoint."""
        target = self.endpoints.get(service) or self.endpoints[""]
        if target not in self._channels:
            plain = grpc.insecure_channel(target.removeprefix("http://"))
            self._channels[target] = grpc.intercept_channel(plain, Recorder(self.record, self.token))
        return self._channels[target]

    def way(self, request, of=None):
        """The method that takes this request, and the stub's callable of it. `of` names the service where the package
        does not."""
        method = METHODS[request.DESCRIPTOR.full_name]
        name = method.containing_service.full_name.split(".")[1]
        stub = getattr(PACKAGES[name], f"{method.containing_service.name}Stub")
        return method, getattr(stub(self.channel(of or named_by(request, name))), method.name)

    def services(self):
        """The services that have an endpoint."""
        return [
            name
            for name in ("customer", "loyalty", "logistics", "feedback")
            if name in self.endpoints or "" in self.endpoints
        ]


def named_by(request, package_name):
    """The service that a request goes to: its package, or what a common request names."""
    if package_name != "common":
        return package_name
    name = getattr(request, "service", "") or getattr(request, "name", "").removeprefix("services/").split("/")[0]
    return name if name in PACKAGES and name != "common" else "customer"


def token(key, subject="python", scope="*", organizations=("*",), seconds=3600):
    """A token of HS256 as RFC 7519 has it."""

    def part(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    claims = {"sub": subject, "exp": int(time.time()) + seconds, "scope": scope, "organizations": list(organizations)}
    head = part(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
    signed = head + b"." + part(json.dumps(claims).encode())
    return (signed + b"." + part(hmac.new(key, signed, hashlib.sha256).digest())).decode()
