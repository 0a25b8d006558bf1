//! The codec that servers are generated with: protobuf, and the contract's rules checked before a handler sees the
//! message. One violation for each field, the first; a value is repeated unless the field is personal.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::LazyLock;

use prost_protovalidate::Validate;
use prost_reflect::{DescriptorPool, DynamicMessage, MapKey, ReflectMessage, Value};
use tonic::codec::{Codec, DecodeBuf, Decoder};
use tonic::{Code, Status};
use tonic_prost::ProstCodec;
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

/// What the codec needs to know of a message.
pub trait Guarded: Validate {
    /// Whether it is an element of a client's stream: such streams answer each element, bad ones too, so the codec lets
    /// them pass and the handler calls [`check`].
    const ELEMENT: bool;
    /// The message's full name.
    const NAME: &'static str;
}

/// One field of a message that breaks its rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The field's path.
    pub field: String,
    /// The rule's id, such as `string.min_len`.
    pub rule: String,
    /// The rule in words.
    pub description: String,
}

/// The domain of every `ErrorInfo`.
pub const ERROR_DOMAIN: &str = "guanxi";

/// Checks a message against its contract: the first broken rule of each field, in the order of the fields.
///
/// # Errors
/// The broken rules, at least one.
pub fn check<M: Guarded + prost::Message>(message: &M) -> Result<(), Vec<Broken>> {
    let mut broken = without_nul(message);
    let Err(error) = message.validate() else {
        return if broken.is_empty() { Ok(()) } else { Err(broken) };
    };
    let seen = Seen::new(M::NAME, message);
    for violation in error.violations() {
        let field = violation.field_path();
        if broken.iter().any(|earlier| earlier.field == field) {
            continue;
        }
        let description = match seen.as_ref().and_then(|seen| seen.value(&field)) {
            Some(value) => format!("{}, not {value}", violation.message()),
            None => violation.message().to_owned(),
        };
        broken.push(Broken { field, rule: violation.rule_id().to_owned(), description });
    }
    Err(broken)
}

/// The texts of a message that hold U+0000, which no database keeps. Encoded messages seldom hold a zero byte, so most are
/// looked through once, quickly.
fn without_nul<M: Guarded + prost::Message>(message: &M) -> Vec<Broken> {
    let mut found = Vec::new();
    if message.encode_to_vec().contains(&0)
        && let Some(Seen(message)) = Seen::new(M::NAME, message)
    {
        find_nul(&message, "", &mut found);
    }
    let broken = |field| Broken {
        field,
        rule: "string.no_nul".to_owned(),
        description: "must not contain the character U+0000".to_owned(),
    };
    found.into_iter().map(broken).collect()
}

/// Adds the paths of texts with U+0000. Keys of maps are shown by the map's own path.
fn find_nul(message: &DynamicMessage, above: &str, found: &mut Vec<String>) {
    let mut fields: Vec<_> = message.fields().collect();
    fields.sort_by_key(|(field, _)| field.number());
    for (field, value) in fields {
        let path = if above.is_empty() { field.name().to_owned() } else { format!("{above}.{}", field.name()) };
        match value {
            Value::List(items) => {
                for (at, item) in items.iter().enumerate() {
                    nul_in(item, &format!("{path}[{at}]"), found);
                }
            }
            Value::Map(entries) => {
                let in_key = |key: &MapKey| matches!(key, MapKey::String(key) if key.contains('\0'));
                let in_value = |value: &Value| {
                    let mut inner = Vec::new();
                    nul_in(value, &path, &mut inner);
                    !inner.is_empty()
                };
                if entries.iter().any(|(key, value)| in_key(key) || in_value(value)) {
                    found.push(path);
                }
            }
            value => nul_in(value, &path, found),
        }
    }
}

fn nul_in(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::String(text) if text.contains('\0') => found.push(path.to_owned()),
        Value::Message(message) => find_nul(message, path, found),
        _ => {}
    }
}

/// The status of a request whose fields break rules: every field at once.
pub fn invalid(broken: Vec<Broken>) -> Status {
    let first = broken.first().map_or_else(String::new, |b| format!(": {}: {}", b.field, b.description));
    let more = match broken.len() {
        0 | 1 => String::new(),
        n => format!(" (and {} more)", n - 1),
    };
    let mut details = ErrorDetails::new();
    details.set_error_info("INVALID_ARGUMENT", ERROR_DOMAIN, HashMap::new());
    details.set_bad_request(
        broken
            .into_iter()
            .map(|b| FieldViolation {
                field: b.field,
                description: b.description,
                reason: b.rule,
                ..Default::default()
            })
            .collect::<Vec<_>>(),
    );
    Status::with_error_details(Code::InvalidArgument, format!("invalid request{first}{more}"), details)
}

static POOL: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(crate::DESCRIPTORS).expect("the compiled descriptors decode"));

/// A message looked into by field paths, to say what a broken field held. Only made once something is wrong.
struct Seen(DynamicMessage);

impl Seen {
    fn new<M: prost::Message>(name: &str, message: &M) -> Option<Self> {
        let descriptor = POOL.get_message_by_name(name)?;
        DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice()).ok().map(Self)
    }

    /// The scalar at `path` as JSON would write it, cut to 80 characters; nothing where it is empty, not a scalar, or
    /// personal anywhere on the way.
    fn value(&self, path: &str) -> Option<String> {
        let mut current = Value::Message(self.0.clone());
        for segment in path.split('.') {
            let (name, index) = match segment.split_once('[') {
                Some((name, rest)) => (name, rest.strip_suffix(']')?.parse::<usize>().ok()),
                None => (segment, None),
            };
            let Value::Message(message) = &current else { return None };
            let field = message.descriptor().get_field_by_name(name)?;
            if crate::is_personal(message.descriptor().full_name(), name) {
                return None;
            }
            let value = message.get_field(&field).into_owned();
            current = match (value, index) {
                (Value::List(items), Some(index)) => items.get(index)?.clone(),
                (value, None) => value,
                _ => return None,
            };
        }
        let shown = match current {
            Value::String(text) if text.is_empty() => return None,
            Value::String(text) if text.chars().count() > 80 => {
                format!("{:?}…", text.chars().take(80).collect::<String>())
            }
            Value::String(text) => format!("{text:?}"),
            Value::Bool(value) => value.to_string(),
            Value::I32(value) | Value::EnumNumber(value) => value.to_string(),
            Value::I64(value) => value.to_string(),
            Value::U32(value) => value.to_string(),
            Value::U64(value) => value.to_string(),
            _ => return None,
        };
        Some(shown)
    }
}

/// The validating codec.
#[derive(Debug)]
pub struct Guard<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for Guard<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> Codec for Guard<T, U>
where
    T: prost::Message + Send + 'static,
    U: prost::Message + Default + Guarded + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = <ProstCodec<T, U> as Codec>::Encoder;
    type Decoder = GuardDecoder<<ProstCodec<T, U> as Codec>::Decoder>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstCodec::<T, U>::default().encoder()
    }

    fn decoder(&mut self) -> Self::Decoder {
        GuardDecoder(ProstCodec::<T, U>::default().decoder())
    }
}

/// Decodes, then checks.
#[derive(Debug)]
pub struct GuardDecoder<D>(D);

impl<D> Decoder for GuardDecoder<D>
where
    D: Decoder<Error = Status>,
    D::Item: prost::Message + Guarded,
{
    type Item = D::Item;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<D::Item>, Status> {
        let Some(message) = self.0.decode(buffer)? else { return Ok(None) };
        if !D::Item::ELEMENT {
            check(&message).map_err(invalid)?;
        }
        Ok(Some(message))
    }
}
