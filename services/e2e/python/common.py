"""What every service has: JobService, EventService, AdminService, health, reflection."""

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from stubs import METHODS, loyalty
from stubs import common as pb
from suite import Refusal

SERVICES = ("customer", "loyalty", "logistics", "feedback")


def jobs(suite):
    """The job that checked the ledger is listed, has ended, and stays as it is."""
    listed = suite.pages(pb.ListJobsRequest(service="loyalty"), "jobs", 3)
    suite.true(suite.job in [job.name for job in listed], "the job is not in the list")
    times = [(job.create_time.seconds, job.create_time.nanos) for job in listed]
    suite.same(times, sorted(times, reverse=True), "the jobs, the newest first")
    job = suite.ask(pb.GetJobRequest(name=suite.job)).job
    suite.same((job.kind, job.state), ("verify-ledger", pb.JOB_STATE_SUCCEEDED), "the job")
    refusal = suite.refused(pb.CancelJobRequest(name=suite.job), "FAILED_PRECONDITION", "JOB_ENDED")
    suite.same(refusal.resource, ("job", suite.job), "which job has ended")
    none = suite.other("services/loyalty/jobs")
    for message in (pb.GetJobRequest, pb.WatchJobRequest, pb.CancelJobRequest):
        suite.invalid(message(name="jobs/7"), "name")
        suite.missing(message(name=none), "job", none)
    suite.invalid(
        pb.ListJobsRequest(service="x" * 33, page_size=-1, page_token="x" * 1025), "service", "page_size", "page_token"
    )
    suite.invalid(pb.ListJobsRequest(page_token="rubbish"), "page_token=PAGE_TOKEN_MALFORMED")
    suite.missing(pb.ListJobsRequest(service="nowhere"), "service", "services/nowhere")


def cancellation(suite):
    """A job ends when it is cancelled, unless it was quicker: then another is begun."""

    def cancelled():
        name = suite.ask(loyalty.VerifyLedgerRequest()).job.name
        try:
            return suite.ask(pb.CancelJobRequest(name=name)).job
        except grpc.RpcError as error:
            suite.same(Refusal(error).reason, "JOB_ENDED", "why a job was not cancelled")
            return None

    job = suite.until("a job is cancelled before it ends", cancelled)
    suite.true(job.state in (pb.JOB_STATE_CANCELLED, pb.JOB_STATE_RUNNING), f"the cancelled job is {job.state}")
    last = suite.ask(pb.WatchJobRequest(name=job.name))[-1].job
    suite.true(last.HasField("end_time"), "a job that was cancelled has not ended")


def events(suite):
    """Every event is numbered, and can be read again from any place."""
    heads = suite.ask(pb.ConfirmEventsRequest(service="customer", consumer=f"py-{suite.tag}")).heads
    found, numbers = [], {}
    for head in heads:
        replay = pb.ReplayEventsRequest(service="customer", partition=head.partition)
        envelopes = [one.event for one in suite.ask(replay)]
        numbers[head.partition] = [envelope.number for envelope in envelopes]
        found.extend(envelopes)
        suite.true(
            all(one.partition == head.partition and one.producer == "customer" for one in envelopes), "a stray event"
        )
        if envelopes:
            replay.epoch, replay.number = envelopes[0].epoch, envelopes[0].number
            suite.same(len(suite.ask(replay)), len(envelopes) - 1, "events after the first")
    for partition, given in numbers.items():
        suite.same(given, list(range(given[0], given[0] + len(given))) if given else [], f"the numbers of {partition}")
    kind = "guanxi.customer.events.v1.OrderRecorded"
    recorded = {event.key for event in found if event.type == kind and event.organization == suite.organization}
    suite.same(recorded, {suite.on_time, suite.late, suite.cancelled, suite.on_its_way}, "the recorded orders")
    positions = [pb.EventPosition(partition=head.partition, epoch=head.epoch, number=head.number) for head in heads]
    confirm = pb.ConfirmEventsRequest(service="customer", consumer=f"py-{suite.tag}", positions=positions)
    suite.same([head.partition for head in suite.ask(confirm).heads], [head.partition for head in heads], "the heads")

    suite.invalid(
        pb.ReplayEventsRequest(service="x" * 33, partition=-1, epoch=-1, number=-1),
        "service",
        "partition",
        "epoch",
        "number",
    )
    suite.missing(pb.ReplayEventsRequest(service="nowhere"), "service", "services/nowhere")
    suite.invalid(pb.ConfirmEventsRequest(service="x" * 33), "service", "consumer")
    suite.missing(pb.ConfirmEventsRequest(service="nowhere", consumer="x"), "service", "services/nowhere")
    negative = pb.ConfirmEventsRequest(service="customer", consumer="x")
    negative.positions.add(partition=-1)
    negative.positions.add(partition=-2)
    suite.invalid(negative, "positions[0].partition", "positions[1].partition")


def admin(suite):
    """The figures hold what the run did, no event is lost, and every invariant holds."""
    figures = {}
    for service in SERVICES:
        answer = suite.ask(pb.GetSummaryRequest(service=service)).services
        suite.same([one.service for one in answer], [service], "whose figures they are")
        figures.update({figure.name: figure.integer for figure in answer[0].figures})
    for name, least in {"customers": 4, "members": 4, "orders": 4, "delivered": 4, "reviews": 3, "cases": 2}.items():
        suite.true(figures.get(name, 0) >= least, f"{name} is {figures.get(name)}, at least {least} expected")

    def settled():
        flows = [flow for service in SERVICES for flow in suite.ask(pb.GetFlowLagRequest(service=service)).services]
        return flows if all(flow.outbox_waiting == 0 for flow in flows) else None

    for flow in suite.until("every event is published", settled):
        suite.same(flow.dead_letters, 0, f"dead letters of {flow.service}")
        suite.true(flow.heads, f"{flow.service} has no partitions")
    for service in SERVICES:
        items = suite.ask(pb.VerifyRequest(service=service))
        suite.same([item.violation for item in items if item.HasField("violation")], [], f"what is wrong in {service}")
        results = [item.result for item in items if item.HasField("result")]
        suite.true(results and all(result.violations == 0 for result in results), f"{service} checks nothing")
    for service in SERVICES:
        retried = suite.ask(pb.RetryDeadLettersRequest(service=service)).services
        suite.same([(one.service, one.handled, one.remaining) for one in retried], [(service, 0, 0)], "no dead letters")
    for message in (pb.GetSummaryRequest, pb.VerifyRequest, pb.GetFlowLagRequest, pb.RetryDeadLettersRequest):
        suite.invalid(message(service="x" * 33), "service=string.max_len")
        suite.missing(message(service="nowhere"), "service", "services/nowhere")


def health(suite):
    """Every service says that it serves, and nobody else does."""
    for service in SERVICES:
        stub = health_pb2_grpc.HealthStub(suite.connection.channel(service))
        own = {method.containing_service.full_name for method in METHODS.values()}
        for name in ["", *sorted(name for name in own if name.startswith(f"guanxi.{service}."))]:
            state = stub.Check(health_pb2.HealthCheckRequest(service=name)).status
            suite.same(state, health_pb2.HealthCheckResponse.SERVING, f"the health of {name or service}")
        watched = stub.Watch(health_pb2.HealthCheckRequest(service=""))
        suite.same(next(watched).status, health_pb2.HealthCheckResponse.SERVING, "the health that a watch begins with")
        watched.cancel()
    try:
        stub.Check(health_pb2.HealthCheckRequest(service="guanxi.Nobody"))
        suite.fault("a service that does not exist is healthy")
    except grpc.RpcError as error:
        suite.same(Refusal(error).code, "NOT_FOUND", "the health of nobody")


def reflection(suite):
    """The server describes its own services as `proto/` does."""
    described = set()
    for service in SERVICES:
        stub = reflection_pb2_grpc.ServerReflectionStub(suite.connection.channel(service))
        ask = reflection_pb2.ServerReflectionRequest
        listed = next(stub.ServerReflectionInfo(iter([ask(list_services="")]))).list_services_response.service
        described |= {one.name for one in listed}
        asked = sorted(name for name in described if name.startswith(f"guanxi.{service}.v1"))
        answers = list(stub.ServerReflectionInfo(iter([ask(file_containing_symbol=name) for name in asked])))
        suite.true(all(answer.HasField("file_descriptor_response") for answer in answers), f"{service} hides services")
    own = {method.containing_service.full_name for method in METHODS.values()}
    suite.same(own - described, set(), "services that reflection does not know")
    try:
        next(stub.ServerReflectionInfo(iter([ask(file_containing_symbol="guanxi.Nobody")])))
        suite.fault("a service that does not exist is described")
    except grpc.RpcError as error:
        suite.same(Refusal(error).code, "NOT_FOUND", "the description of nobody")


def unknown_method(suite):
    """A method that no service has is refused with the details that every refusal has."""
    call = suite.connection.channel("customer").unary_unary("/guanxi.customer.v1.CustomerService/Guess")
    try:
        call(b"")
        suite.fault("a method that does not exist was granted")
    except grpc.RpcError as error:
        suite.same(
            (Refusal(error).code, Refusal(error).reason), ("UNIMPLEMENTED", "METHOD_UNKNOWN"), "a method of nobody"
        )
