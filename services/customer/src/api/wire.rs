//! Customers and identifiers between the contracts and the domain.

use guanxi_contracts::customer::v1::{self as pb, CustomerState, IdentifierType, RejectedField, Rejection};
use guanxi_contracts::time::to_proto;
use guanxi_kernel::{Access, Call, Kind, OrganizationId, Refused};
use guanxi_rpc::convert;

use crate::domain::customer::Customer;
use crate::domain::edge::Edge;
use crate::domain::identifier::{Identifier, IdentifierKind, RawIdentifier, Reader};
use crate::domain::phone::Region;
use crate::domain::profile::{BirthDate, PersonName, PostalAddress, Profile};

/// The kind that a contract's type names. The contract's rules let no other value through.
pub fn kind(value: i32, field: &str) -> Result<IdentifierKind, Refused> {
    match IdentifierType::try_from(value) {
        Ok(IdentifierType::Phone) => Ok(IdentifierKind::Phone),
        Ok(IdentifierType::Email) => Ok(IdentifierKind::Email),
        Ok(IdentifierType::Card) => Ok(IdentifierKind::Card),
        Ok(IdentifierType::ExternalId) => Ok(IdentifierKind::ExternalId),
        Ok(IdentifierType::Unspecified) | Err(_) => {
            Err(Refused::invalid(field, "enum.defined_only", format!("{value} is not a type of identifier")))
        }
    }
}

/// An identifier as it was written.
///
/// # Errors
/// INVALID_ARGUMENT, with the field under `field`.
pub fn raw_identifier(message: &pb::Identifier, field: &str) -> Result<RawIdentifier, Refused> {
    let kind = kind(message.r#type, &format!("{field}.type"))?;
    Ok(RawIdentifier { kind, source: message.source.clone(), value: message.value.clone() })
}

/// An identifier that recognises a customer.
///
/// # Errors
/// INVALID_ARGUMENT, with the field under `field`, where it recognises nobody.
pub fn recognised(
    reader: &Reader,
    raw: &RawIdentifier,
    region: Option<Region>,
    field: &str,
) -> Result<Identifier, Refused> {
    reader
        .recognise(raw, region)
        .map_err(|fault| Refused::invalid(format!("{field}.{}", fault.part()), fault.rule(), fault.to_string()))
}

/// An identifier, normalised.
pub fn identifier(identifier: &Identifier) -> pb::Identifier {
    let kind = match identifier.kind {
        IdentifierKind::Phone => IdentifierType::Phone,
        IdentifierKind::Email => IdentifierType::Email,
        IdentifierKind::Card => IdentifierType::Card,
        IdentifierKind::ExternalId => IdentifierType::ExternalId,
    };
    pb::Identifier { r#type: kind.into(), value: identifier.value.clone(), source: identifier.source.clone() }
}

/// An identity edge.
pub fn edge(edge: &Edge, of: &Identifier) -> pb::IdentityEdge {
    pb::IdentityEdge {
        customer: edge.owner.to_string(),
        identifier: Some(identifier(of)),
        valid_from_time: Some(to_proto(edge.valid_from)),
        valid_to_time: edge.valid_to.map(to_proto),
        last_seen_time: Some(to_proto(edge.last_seen)),
        source: edge.source.clone(),
        rule: edge.rule.clone(),
        score_permille: 1_000,
        create_time: Some(to_proto(edge.create_time)),
    }
}

/// A declared profile.
///
/// # Errors
/// INVALID_ARGUMENT with every field that is wrong, under `customer.`.
pub fn profile(message: &pb::Customer) -> Result<Profile, Refused> {
    let address = message.address.clone().unwrap_or_default();
    let birth_date = birth_date(&message.birth_date, "customer.birth_date")?;
    Ok(Profile {
        name: PersonName {
            display: message.display_name.clone(),
            given: message.given_name.clone(),
            family: message.family_name.clone(),
        },
        birth_date: BirthDate(birth_date),
        address: postal_address(address),
        language: message.language_code.clone(),
    })
}

/// A date of birth; an error does not repeat it.
///
/// # Errors
/// INVALID_ARGUMENT for `field` where it is not a date.
pub fn birth_date(text: &str, field: &str) -> Result<Option<guanxi_kernel::civil::Date>, Refused> {
    convert::optional_date(text, field)
        .map_err(|_| Refused::invalid(field, "DATE_MALFORMED", "is not a date, YYYY-MM-DD"))
}

/// A postal address.
pub fn postal_address(message: pb::Address) -> PostalAddress {
    PostalAddress {
        region: message.region_code,
        postal_code: message.postal_code,
        administrative_area: message.administrative_area,
        locality: message.locality,
        lines: message.address_lines,
    }
}

/// A customer, with what it is recognised by now.
pub fn customer(customer: &Customer, identifiers: &[Identifier]) -> pb::Customer {
    let profile = &customer.profile;
    let address = (profile.address != PostalAddress::default()).then(|| pb::Address {
        region_code: profile.address.region.clone(),
        postal_code: profile.address.postal_code.clone(),
        administrative_area: profile.address.administrative_area.clone(),
        locality: profile.address.locality.clone(),
        address_lines: profile.address.lines.clone(),
    });
    let state = if customer.delete_time.is_some() { CustomerState::Deleted } else { CustomerState::Active };
    pb::Customer {
        name: customer.id.to_string(),
        organization: customer.organization.to_string(),
        display_name: profile.name.shown(),
        given_name: profile.name.given.clone(),
        family_name: profile.name.family.clone(),
        birth_date: profile.birth_date.0.map(|date| date.to_string()).unwrap_or_default(),
        address,
        language_code: profile.language.clone(),
        state: state.into(),
        identifiers: identifiers.iter().take(64).map(identifier).collect(),
        create_time: Some(to_proto(customer.create_time)),
        update_time: Some(to_proto(customer.update_time)),
        delete_time: customer.delete_time.map(to_proto),
        etag: customer.etag(),
    }
}

/// The organisation in which something is looked up: the one named, else the caller's only one, else the default.
///
/// # Errors
/// NOT_FOUND where the caller may not read it.
pub fn readable_organization(call: &Call, named: &str) -> Result<OrganizationId, Refused> {
    let access = &call.caller.organizations;
    let organization = match (convert::organization(named, "organization")?, &**access) {
        (Some(named), _) => named,
        (None, Access::Some(list)) if list.len() == 1 => {
            list.keys().next().cloned().unwrap_or_else(OrganizationId::default_organization)
        }
        (None, _) => OrganizationId::default_organization(),
    };
    if access.may_read(&organization) {
        Ok(organization)
    } else {
        Err(Refused::not_found("organization", organization))
    }
}

/// The answer to an element that was not taken; a fault that is not the element's ends the stream instead, so that the
/// client sends it again.
///
/// # Errors
/// The refusal, where it is not about the element.
pub fn rejection(refused: Refused) -> Result<Rejection, Refused> {
    match refused.kind() {
        Kind::Unavailable
        | Kind::DeadlineExceeded
        | Kind::ResourceExhausted
        | Kind::Internal
        | Kind::Unauthenticated => Err(refused),
        _ => Ok(Rejection {
            reason: refused.reason().to_owned(),
            message: refused.message().to_owned(),
            fields: refused
                .field_violations()
                .iter()
                .map(|violation| RejectedField {
                    field: violation.field.clone(),
                    rule: violation.rule.clone(),
                    description: violation.description.clone(),
                })
                .collect(),
        }),
    }
}
