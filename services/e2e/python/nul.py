"""U+0000 in any text of any request is refused, with the field that holds it: no database here can keep it."""

import grpc

from mutations import mutated, texts
from stubs import METHODS, named_by, path
from suite import Refusal, identify

NUL = "a\u0000b"


def granted(suite, elements):
    """The methods of one sort, each with a request of this run that was granted."""
    for method in sorted(METHODS.values(), key=lambda method: method.full_name):
        if method.client_streaming == elements and path(method) in suite.record.granted:
            yield method, suite.record.granted[path(method)]


def requests(suite):
    """Every text of every request."""
    for method, request in granted(suite, elements=False):
        for field, wrong in mutated(request, texts(NUL)):
            _, call = suite.connection.way(identified(wrong, field), of_request(method, request))
            try:
                answer = call(wrong)
                if method.server_streaming:
                    next(answer)
                suite.fault(f"{method.full_name} takes U+0000 in {field}")
            except grpc.RpcError as error:
                refusal = Refusal(error)
                if refusal.code != "INVALID_ARGUMENT" or field not in refusal.fields:
                    suite.fault(f"{method.full_name} with U+0000 in {field}: {refusal}")


def elements(suite):
    """Every text of every element of a stream: each is answered with what is wrong."""
    for method, request in granted(suite, elements=True):
        wrong = list(mutated(request, texts(NUL)))
        for (field, _), answer in zip(wrong, suite.tell(element for _, element in wrong)):
            rejection = answer.rejection if "rejection" in answer.DESCRIPTOR.fields_by_name else answer
            listed = rejection.fields if "fields" in rejection.DESCRIPTOR.fields_by_name else rejection.violations
            found = [violation.field for violation in listed]
            if rejection.reason != "INVALID_ARGUMENT" or field not in found:
                suite.fault(f"{method.full_name} with U+0000 in {field}: {rejection.reason or 'taken'} {found}")


def identified(request, field):
    """A request with an id, unless the id is the field that is wrong."""
    if field != "request_id":
        identify(request)
    return request


def of_request(method, request):
    """The service that the unchanged request goes to."""
    return named_by(request, method.containing_service.full_name.split(".")[1])
