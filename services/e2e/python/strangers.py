"""Tokens: who brings none, a wrong one, or one that does not reach so far is refused, whatever he calls."""

import grpc
from guanxi.common.v1 import options_pb2 as options

from nul import granted, of_request
from stubs import Connection, token
from suite import Refusal, copy, identify


def tokens(suite):
    """No token, one of another key, one that is over, and one without the scope, at every method."""
    if not suite.key:
        return
    expected = {
        "TOKEN_MISSING": None,
        "TOKEN_INVALID": token(b"another secret of thirty-two bytes"),
        "TOKEN_EXPIRED": token(suite.key, seconds=-3_600),
        "SCOPE_MISSING": token(suite.key, scope="loyalty.nothing"),
    }
    for reason, brought in expected.items():
        stranger = Connection(suite.connection.endpoints, brought)
        for method, request in every(suite):
            anonymous = method.GetOptions().Extensions[options.anonymous]
            code, refusal = called(stranger, method, request)
            if anonymous and reason != "TOKEN_INVALID" and reason != "TOKEN_EXPIRED":
                suite.same(code, "OK", f"{method.full_name}, open to anybody, with {reason}")
            elif not anonymous:
                wanted = "PERMISSION_DENIED" if reason == "SCOPE_MISSING" else "UNAUTHENTICATED"
                suite.same((code, refusal and refusal.reason), (wanted, reason), method.full_name)
                if reason == "SCOPE_MISSING" and refusal:
                    scope = method.GetOptions().Extensions[options.scope]
                    suite.true(
                        scope in refusal.metadata.values(), f"{method.full_name} does not name {scope}: {refusal}"
                    )


def strangers(suite):
    """Who may read another organisation only gets nothing of ours, and changes nothing."""
    if not suite.key:
        return
    stranger = Connection(suite.connection.endpoints, token(suite.key, organizations=["elsewhere:rw"]))
    for method, request in every(suite):
        if method.GetOptions().Extensions[options.anonymous]:
            continue
        asked = copy(request)
        if "request_id" in asked.DESCRIPTOR.fields_by_name:
            asked.request_id = ""
        code, answer = called(stranger, method, asked)
        ours = suite.tag.encode()
        if code == "OK" and not method.client_streaming:
            suite.true(ours not in answer, f"{method.full_name} shows a stranger what is ours")
        suite.true(code not in ("INTERNAL", "UNKNOWN"), f"{method.full_name} as a stranger: {code} {answer}")


def every(suite):
    yield from granted(suite, elements=False)
    yield from granted(suite, elements=True)


def called(connection, method, request):
    """The code of a call, with its refusal, or with what the answers hold."""
    identify(request := copy(request))
    _, call = connection.way(request, of_request(method, request))
    try:
        answer = call(iter([request])) if method.client_streaming else call(request)
        if not method.server_streaming:
            return "OK", answer.SerializeToString()
        first = next(answer, None)
        answer.cancel()
        return "OK", first.SerializeToString() if first is not None else b""
    except grpc.RpcError as error:
        return error.code().name, Refusal(error)
