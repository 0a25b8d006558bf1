"""What no caller should send, in every field of every request: it is answered, and never by INTERNAL or UNKNOWN."""

import base64
import json

import grpc

from mutations import extremes, mutated
from nul import granted, identified, of_request
from suite import Refusal, copy

# What a server may say of a request that is wrong. All else is a fault of its own.
FITTING = {
    *("OK", "INVALID_ARGUMENT", "NOT_FOUND", "ALREADY_EXISTS", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE"),
}


def requests(suite):
    """Texts of 100,000 characters, the largest and smallest numbers, enums of no meaning, and nothing at all."""
    for method, request in granted(suite, elements=False):
        service = of_request(method, request)
        for field, wrong in [*mutated(request, extremes), ("nothing", type(request)())]:
            _, call = suite.connection.way(wrong, service)
            code, refusal = "OK", ""
            try:
                answer = call(identified(wrong, field) if field != "nothing" else wrong)
                if method.server_streaming:
                    next(answer, None)
                    answer.cancel()
            except grpc.RpcError as error:
                refusal = Refusal(error)
                code = refusal.code
            if code not in FITTING:
                suite.fault(f"{method.full_name} with an odd {field}: {refusal}")
            elif refusal and not refusal.reason:
                suite.fault(f"{method.full_name} with an odd {field}: {refusal} has no ErrorInfo")


def elements(suite):
    """The same in every element of a stream: each is answered, and the stream ends well."""
    for method, request in granted(suite, elements=True):
        try:
            suite.tell([*(element for _, element in mutated(request, extremes)), type(request)()])
        except grpc.RpcError as error:
            suite.fault(f"{method.full_name} with odd elements: {Refusal(error)}")


def page_tokens(suite):
    """Tokens of real pages with another place in them: whoever opens one and writes into it gets no further."""
    for request, token in suite.tokens.values():
        opened = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        for key in (
            [],
            ["\u0000"] * len(opened["k"]),
            ["x"] * len(opened["k"]),
            [str(2**63)] * len(opened["k"]),
            ["1"] * 9,
        ):
            forged = copy(request)
            body = json.dumps({**opened, "k": key}).encode()
            forged.page_token = base64.urlsafe_b64encode(body).rstrip(b"=").decode()
            _, call = suite.connection.way(forged)
            try:
                call(forged)
            except grpc.RpcError as error:
                refusal = Refusal(error)
                suite.true(refusal.code in FITTING, f"{type(request).__name__} with a forged token {key}: {refusal}")
