//! What every contract must declare, read from the compiled descriptors.

use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor, Value,
};

/// Calls that change nothing, by the first word of their names.
const READS: [&str; 12] = [
    "Get", "BatchGet", "List", "Lookup", "Search", "Watch", "Estimate", "Compare", "Replay", "Explain", "Export",
    "Validate",
];

/// Calls that change something and need no request id, and why.
const WITHOUT_REQUEST_ID: [(&str, &str); 3] = [
    ("guanxi.common.v1.AdminService.RetryDeadLetters", "an event is handled once however often it is offered"),
    ("guanxi.common.v1.JobService.CancelJob", "twice is the same as once"),
    ("guanxi.common.v1.EventService.ConfirmEvents", "a position is the same however often it is said"),
];

/// Names of fields that say something about a person, wherever they are.
const CONTACT: [&str; 14] = [
    "given_name",
    "family_name",
    "birth_date",
    "phone",
    "phone_number",
    "email",
    "email_address",
    "postal_address",
    "address",
    "address_lines",
    "recipient",
    "signed_by",
    "text",
    "comment",
];

/// Fields with such a name that say nothing about a person, and why.
const IMPERSONAL: [(&str, &str); 1] =
    [("guanxi.feedback.v1.SurveyQuestion.text", "what the retailer asks, not what a customer said")];

fn pool() -> DescriptorPool {
    DescriptorPool::decode(guanxi_contracts::DESCRIPTORS).expect("the compiled descriptors decode")
}

fn methods(pool: &DescriptorPool) -> Vec<MethodDescriptor> {
    let ours = pool.services().filter(|service| service.full_name().starts_with("guanxi."));
    ours.flat_map(|service| service.methods().collect::<Vec<_>>()).collect()
}

fn messages(pool: &DescriptorPool) -> Vec<MessageDescriptor> {
    pool.all_messages()
        .filter(|message| message.full_name().starts_with("guanxi.") && !message.is_map_entry())
        .collect()
}

fn is_read(method: &MethodDescriptor) -> bool {
    if method.full_name() == "guanxi.common.v1.AdminService.Verify" {
        return true; // It reads and reports; LedgerService.VerifyLedger starts a job.
    }
    READS.iter().any(|verb| {
        method.name().strip_prefix(verb).is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_uppercase))
    })
}

fn none(wrong: Vec<String>, rule: &str) {
    assert!(wrong.is_empty(), "{rule}:\n{}", wrong.join("\n"));
}

#[test]
fn every_method_declares_a_scope_or_that_anyone_may_call() {
    let wrong = guanxi_contracts::METHODS.iter().filter(|method| method.scope.is_empty() != method.anonymous);
    none(wrong.map(|method| method.path.to_owned()).collect(), "exactly one of scope and anonymous");
}

#[test]
fn a_scope_says_its_service_and_whether_it_reads_or_writes() {
    let pool = pool();
    let mut wrong = Vec::new();
    for method in methods(&pool) {
        let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
        let declared = guanxi_contracts::method(&path).expect("every method is in the table");
        let package = method.parent_service().parent_file().package_name().to_owned();
        let service = package.split('.').nth(1).unwrap_or_default().to_owned();
        let whose = service == "common" || declared.scope.starts_with(&format!("{service}."));
        let what = declared.scope.ends_with(if is_read(&method) { ".read" } else { ".write" });
        let confirms = path.ends_with("/ConfirmEvents"); // A reader's own account of what it has read.
        if !declared.anonymous && !(whose && (what || confirms)) {
            wrong.push(format!("{path}: {}", declared.scope));
        }
    }
    none(wrong, "a scope is SERVICE.RESOURCE.read or SERVICE.RESOURCE.write");
}

#[test]
fn every_mutation_carries_a_request_id_and_no_read_does() {
    let pool = pool();
    let mut wrong = Vec::new();
    for method in methods(&pool) {
        let request_id = method.input().get_field_by_name("request_id");
        let excepted = WITHOUT_REQUEST_ID.iter().any(|(name, _)| *name == method.full_name());
        let due = !is_read(&method) && !method.is_client_streaming() && !excepted;
        match request_id {
            Some(field) if due && !has_uuid_rule(&field) => {
                wrong.push(format!("{}: not checked to be a UUID", method.full_name()));
            }
            None if due => wrong.push(format!("{}: has none", method.full_name())),
            Some(_) if !due => wrong.push(format!("{}: has one, and needs none", method.full_name())),
            _ => {}
        }
    }
    none(wrong, "request_id on every unary mutation, and only there: elements of streams have natural keys");
}

fn has_uuid_rule(field: &FieldDescriptor) -> bool {
    rule(field, "string").and_then(|rules| rules.get_field_by_name("uuid").map(|v| v.as_bool() == Some(true)))
        == Some(true)
}

/// The message of `buf.validate` rules of one kind that a field has, such as `string`.
fn rule(field: &FieldDescriptor, kind: &str) -> Option<DynamicMessage> {
    let extension = field.parent_pool().get_extension_by_name("buf.validate.field")?;
    let options = field.options();
    if !options.has_extension(&extension) {
        return None;
    }
    let rules = options.get_extension(&extension).into_owned();
    let Value::Message(rules) = rules else { return None };
    rules.has_field_by_name(kind).then(|| rules.get_field_by_name(kind).map(|v| v.into_owned())).flatten().and_then(
        |value| match value {
            Value::Message(rules) => Some(rules),
            _ => None,
        },
    )
}

#[test]
fn every_contact_field_is_personal() {
    let pool = pool();
    let mut wrong = Vec::new();
    for message in messages(&pool) {
        for field in message.fields().filter(|field| CONTACT.contains(&field.name())) {
            let excepted = IMPERSONAL.iter().any(|(name, _)| *name == field.full_name());
            if !excepted && !guanxi_contracts::is_personal(message.full_name(), field.name()) {
                wrong.push(field.full_name().to_owned());
            }
        }
    }
    none(wrong, "say (guanxi.common.v1.personal) = true, or why not in IMPERSONAL");
}

#[test]
fn every_text_that_a_caller_sends_is_bounded() {
    let pool = pool();
    let mut wrong = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    let mut left: Vec<MessageDescriptor> = methods(&pool).into_iter().map(|method| method.input()).collect();
    while let Some(message) = left.pop() {
        if !message.full_name().starts_with("guanxi.") || !seen.insert(message.full_name().to_owned()) {
            continue;
        }
        for field in message.fields() {
            match field.kind() {
                Kind::Message(inner) => left.push(inner),
                Kind::String if !is_bounded(&field) => wrong.push(field.full_name().to_owned()),
                _ => {}
            }
        }
    }
    wrong.sort();
    none(wrong, "give max_len, or a pattern or format that bounds it");
}

fn is_bounded(field: &FieldDescriptor) -> bool {
    let of_elements = || match rule(field, "repeated")?.get_field_by_name("items")?.into_owned() {
        Value::Message(items) => match items.get_field_by_name("string")?.into_owned() {
            Value::Message(rules) => Some(rules),
            _ => None,
        },
        _ => None,
    };
    let rules = if field.is_list() { of_elements() } else { rule(field, "string") };
    let Some(rules) = rules else { return false };
    let bounds = ["max_len", "max_bytes", "len", "pattern", "uuid", "const", "in", "email"];
    bounds.iter().any(|bound| rules.has_field_by_name(bound))
}

/// The contracts in one line for each element: a change of them shows in review, here and in `buf breaking`.
#[test]
fn the_contracts_are_as_they_were_agreed() {
    let pool = pool();
    let mut lines = Vec::new();
    for method in methods(&pool) {
        let stream = |is: bool| if is { "stream " } else { "" };
        lines.push(format!(
            "rpc {}({}{}) {}{}",
            method.full_name(),
            stream(method.is_client_streaming()),
            method.input().full_name(),
            stream(method.is_server_streaming()),
            method.output().full_name(),
        ));
    }
    for message in messages(&pool) {
        for field in message.fields() {
            let kind = match field.kind() {
                Kind::Message(inner) => inner.full_name().to_owned(),
                Kind::Enum(inner) => inner.full_name().to_owned(),
                scalar => format!("{scalar:?}").to_lowercase(),
            };
            let sort = match (field.is_list(), field.is_map(), field.supports_presence()) {
                (true, ..) => "repeated ",
                (_, true, _) => "map ",
                (.., true) => "optional ",
                _ => "",
            };
            lines.push(format!("{} = {} {sort}{kind}", field.full_name(), field.number()));
        }
    }
    for values in pool.all_enums().filter(|values| values.full_name().starts_with("guanxi.")) {
        lines.extend(values.values().map(|value| format!("{} = {}", value.full_name(), value.number())));
    }
    lines.sort();
    insta::assert_snapshot!(lines.join("\n"));
}
