"""Requests made of requests that were granted, each with one field that is not as it was."""

from google.protobuf.descriptor import FieldDescriptor as Field

from suite import copy

INTEGERS = {
    Field.TYPE_INT64: (-(2**63), 2**63 - 1),
    Field.TYPE_INT32: (-(2**31), 2**31 - 1),
    Field.TYPE_SINT64: (-(2**63), 2**63 - 1),
    Field.TYPE_UINT64: (2**64 - 1,),
    Field.TYPE_UINT32: (2**32 - 1,),
}


def mutated(request, values):
    """For each field, one request for each of its wrong values: (path, request). Goes into every message that is set,
    and one level into those that are not. The id of the request is made new unless it is the field."""
    for path, change in places(request.DESCRIPTOR, request, values):
        changed = copy(request)
        change(changed)
        if "request_id" in changed.DESCRIPTOR.fields_by_name and path != "request_id":
            changed.request_id = ""
        yield path, changed


def places(descriptor, message, values, depth=0):
    """(path, what sets a wrong value there) for each field below a message; `message` is None where it is not set."""
    for field in descriptor.fields:
        if field.type == Field.TYPE_MESSAGE:
            yield from within(field, message, values, depth)
            continue
        for value in values(field):
            if not field.is_repeated:
                yield field.name, setter(field.name, value)
                continue
            held = len(getattr(message, field.name)) if message is not None else 0
            yield f"{field.name}[{held}]", appender(field.name, value)


def within(field, message, values, depth):
    held = getattr(message, field.name) if message is not None else None
    if field.is_repeated:
        for index, item in enumerate(held or []):
            for path, change in places(field.message_type, item, values, depth + 1):
                yield f"{field.name}[{index}].{path}", inside_item(field.name, index, change)
        return
    is_set = message is not None and message.HasField(field.name)
    if not is_set and depth > 0:
        return
    for path, change in places(
        field.message_type, held if is_set else None, values, depth + 1 if not is_set else depth
    ):
        yield f"{field.name}.{path}", inside(field.name, change)


def setter(name, value):
    return lambda message: setattr(message, name, value)


def appender(name, value):
    return lambda message: getattr(message, name).append(value)


def inside(name, change):
    def apply(message):
        getattr(message, name).SetInParent()
        change(getattr(message, name))

    return apply


def inside_item(name, index, change):
    return lambda message: change(getattr(message, name)[index])


def texts(value):
    """Wrong values for texts alone."""
    return lambda field: [value] if field.type == Field.TYPE_STRING else []


def extremes(field):
    """What no caller should send, for every kind of field."""
    if field.type == Field.TYPE_STRING:
        return ["x" * 100_000]
    if field.type == Field.TYPE_ENUM:
        return [9999]
    return INTEGERS.get(field.type, ())
