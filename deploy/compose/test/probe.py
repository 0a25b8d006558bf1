"""Calls all four services at a steady pace, whatever happens to them, and notes what came of each call: what a caller
sees who does not try again. Reads only, so that no figure moves."""

import collections
import threading
import time

import grpc
from google.rpc import error_details_pb2, status_pb2
from guanxi.common.v1 import admin_service_pb2, admin_service_pb2_grpc
from guanxi.customer.v1 import organization_service_pb2, organization_service_pb2_grpc
from guanxi.feedback.v1 import case_service_pb2, case_service_pb2_grpc
from guanxi.logistics.v1 import shipment_service_pb2, shipment_service_pb2_grpc
from guanxi.loyalty.v1 import program_service_pb2, program_service_pb2_grpc

# A cheap read of each service's database.
READS = {
    "customer": (organization_service_pb2_grpc.OrganizationServiceStub, "ListOrganizations",
                 organization_service_pb2.ListOrganizationsRequest(page_size=1)),
    "loyalty": (program_service_pb2_grpc.ProgramServiceStub, "ListPrograms",
                program_service_pb2.ListProgramsRequest(page_size=1)),
    "logistics": (shipment_service_pb2_grpc.ShipmentServiceStub, "ListShipments",
                  shipment_service_pb2.ListShipmentsRequest(page_size=1)),
    "feedback": (case_service_pb2_grpc.CaseServiceStub, "ListCases", case_service_pb2.ListCasesRequest(page_size=1)),
}
# Ten calls a second of each service, each with a second to be answered.
EVERY, PATIENCE = 0.1, 1.0
# A connection that broke is tried again soon: services come back within seconds here.
OPTIONS = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.min_reconnect_backoff_ms", 100),
           ("grpc.max_reconnect_backoff_ms", 500)]

Call = collections.namedtuple("Call", "began service failure")


class Probe:
    """The calls, from `with` to its end."""

    def __init__(self, ports, token):
        self._metadata = [("authorization", f"Bearer {token}")]
        self._channels = {name: grpc.insecure_channel(f"127.0.0.1:{port}", OPTIONS) for name, port in ports.items()}
        self._reads = {}
        for name, (stub, method, request) in READS.items():
            self._reads[name] = (getattr(stub(self._channels[name]), method), request)
        self._calls, self._lock, self._over = [], threading.Lock(), threading.Event()
        self._well = {}
        self._thread = threading.Thread(target=self._call, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()
        for channel in self._channels.values():
            channel.close()

    def _call(self):
        due = time.monotonic()
        while not self._over.wait(max(0.0, due - time.monotonic())):
            due += EVERY
            for name, (read, request) in self._reads.items():
                began = time.monotonic()
                call = read.future(request, timeout=PATIENCE, metadata=self._metadata)
                call.add_done_callback(lambda call, name=name, began=began: self._note(call, name, began))

    def _note(self, call, name, began):
        failure = None if call.code() == grpc.StatusCode.OK else why(call)
        with self._lock:
            self._calls.append(Call(began, name, failure))
            if failure is None:
                self._well[name] = max(began, self._well.get(name, 0.0))

    def all_well_since(self, instant):
        """Whether every service has answered a call that was made after this instant."""
        with self._lock:
            return all(self._well.get(name, 0.0) > instant for name in self._reads)

    def between(self, begin, end):
        """The calls that were made in a time."""
        with self._lock:
            return [call for call in self._calls if begin <= call.began < end]

    def figures(self):
        """The figures of `report summary`, or None where a service does not answer."""
        figures = {}
        for name, channel in self._channels.items():
            request = admin_service_pb2.GetSummaryRequest(service=name)
            try:
                answer = admin_service_pb2_grpc.AdminServiceStub(channel).GetSummary(
                    request, timeout=5.0, metadata=self._metadata
                )
            except grpc.RpcError:
                return None
            for summary in answer.services:
                figures |= {figure.name: figure.integer for figure in summary.figures}
        return figures


def why(call):
    """The code of a call that failed, with the reason that the service gave, where one did."""
    for key, value in call.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            for detail in status_pb2.Status.FromString(value).details:
                info = error_details_pb2.ErrorInfo()
                if detail.Unpack(info):
                    return f"{call.code().name} {info.reason}"
    return call.code().name
