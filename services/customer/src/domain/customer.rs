//! The customer: made, declared anew, deleted, brought back. Its profile is what its records come to.

use guanxi_kernel::name::CustomerId;
use guanxi_kernel::{FieldMask, OrganizationId, Refusal, Refused, Timestamp, Violation};
use thiserror::Error;

use super::identifier::IdentifierKind;
use super::profile::{PersonName, Profile, Stated};
use super::source_record::{Basis, OWN_SOURCE, SourceRecord};

/// The paths that an update may change, as in the contract's Customer.
pub const CHANGEABLE: [&str; 6] =
    ["display_name", "given_name", "family_name", "birth_date", "address", "language_code"];

/// A customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// Who.
    pub id: CustomerId,
    /// Whose.
    pub organization: OrganizationId,
    /// What its records come to.
    pub profile: Profile,
    /// One more with every change, from 1.
    pub version: i64,
    /// When it became known here.
    pub create_time: Timestamp,
    /// When it last changed.
    pub update_time: Timestamp,
    /// When it was deleted.
    pub delete_time: Option<Timestamp>,
}

/// Why a customer was not made or changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CustomerError {
    /// The etag is of another version.
    #[error("{0} was changed since it was read")]
    Stale(CustomerId),
    /// It is deleted.
    #[error("{0} is deleted: undelete it first")]
    Deleted(CustomerId),
    /// It is not deleted.
    #[error("{0} is not deleted")]
    NotDeleted(CustomerId),
    /// An identifier is another customer's.
    #[error("identifiers[{at}], a {kind}, is another customer's")]
    IdentifierTaken {
        /// Which of the identifiers sent.
        at: usize,
        /// Its kind.
        kind: IdentifierKind,
        /// Whose it is.
        owner: CustomerId,
    },
    /// Values that contradict the rules.
    #[error("{} fields are wrong", .0.len())]
    Invalid(Vec<Violation>),
}

impl Refusal for CustomerError {
    fn refusal(&self) -> Refused {
        match self {
            Self::Stale(id) => Refused::stale_etag(id),
            Self::Deleted(id) => Refused::precondition("CUSTOMER_DELETED", self.to_string()).with("customer", id),
            Self::NotDeleted(id) => {
                Refused::precondition("CUSTOMER_NOT_DELETED", self.to_string()).with("customer", id)
            }
            Self::IdentifierTaken { at, kind, owner } => Refused::precondition("IDENTIFIER_TAKEN", self.to_string())
                .with("index", at)
                .with("type", kind)
                .with("customer", owner),
            Self::Invalid(violations) => Refused::violations(violations.clone()),
        }
    }
}

impl Customer {
    /// A customer who is known from `now` on.
    pub fn new(id: CustomerId, organization: OrganizationId, profile: Profile, now: Timestamp) -> Self {
        Self { id, organization, profile, version: 1, create_time: now, update_time: now, delete_time: None }
    }

    /// What tells one version of the customer from another.
    pub fn etag(&self) -> String {
        format!("{:x}-{:x}", self.id.uuid().as_u64_pair().1 >> 32, self.version)
    }

    /// Refuses where `etag` is not empty and not the customer's.
    ///
    /// # Errors
    /// [`CustomerError::Stale`].
    pub fn check_etag(&self, etag: &str) -> Result<(), CustomerError> {
        if etag.is_empty() || etag == self.etag() { Ok(()) } else { Err(CustomerError::Stale(self.id)) }
    }

    /// Takes over a profile; says which paths changed. The version is the caller's to make.
    pub fn assume(&mut self, profile: Profile) -> Vec<&'static str> {
        let paths = self.profile.difference(&profile);
        self.profile = profile;
        paths
    }

    /// Makes a new version.
    pub fn touch(&mut self, now: Timestamp) {
        self.version += 1;
        self.update_time = now;
    }

    /// Deletes it.
    ///
    /// # Errors
    /// [`CustomerError::Stale`], [`CustomerError::Deleted`].
    pub fn delete(&mut self, etag: &str, now: Timestamp) -> Result<(), CustomerError> {
        self.check_etag(etag)?;
        if self.delete_time.is_some() {
            return Err(CustomerError::Deleted(self.id));
        }
        self.delete_time = Some(now);
        self.touch(now);
        Ok(())
    }

    /// Brings it back.
    ///
    /// # Errors
    /// [`CustomerError::Stale`], [`CustomerError::NotDeleted`].
    pub fn undelete(&mut self, etag: &str, now: Timestamp) -> Result<(), CustomerError> {
        self.check_etag(etag)?;
        if self.delete_time.take().is_none() {
            return Err(CustomerError::NotDeleted(self.id));
        }
        self.touch(now);
        Ok(())
    }

    /// The record of what a caller declares, in the fields of `mask`. The parts of a name that the mask does not name
    /// stay as they are, since a name survives as one block.
    ///
    /// # Errors
    /// [`CustomerError::Stale`], [`CustomerError::Deleted`], [`CustomerError::Invalid`].
    pub fn declare(
        &self,
        declared: &Profile,
        mask: &FieldMask,
        etag: &str,
        now: Timestamp,
    ) -> Result<SourceRecord, CustomerError> {
        self.check_etag(etag)?;
        if self.delete_time.is_some() {
            return Err(CustomerError::Deleted(self.id));
        }
        check_declared(declared, now)?;
        let part = |path, new: &String, old: &String| if mask.has(path) { new.clone() } else { old.clone() };
        let (new, old) = (&declared.name, &self.profile.name);
        let name =
            ["display_name", "given_name", "family_name"].iter().any(|path| mask.has(path)).then(|| PersonName {
                display: part("display_name", &new.display, &old.display),
                given: part("given_name", &new.given, &old.given),
                family: part("family_name", &new.family, &old.family),
            });
        let stated = Stated {
            name,
            birth_date: mask.has("birth_date").then_some(declared.birth_date),
            address: mask.has("address").then(|| declared.address.clone()),
            language: mask.has("language_code").then(|| declared.language.clone()),
        };
        Ok(own_record(self.id, stated, now))
    }
}

/// The record of a customer's first declared profile. What is empty is not said.
///
/// # Errors
/// [`CustomerError::Invalid`].
pub fn first_record(id: CustomerId, declared: Profile, now: Timestamp) -> Result<SourceRecord, CustomerError> {
    check_declared(&declared, now)?;
    Ok(own_record(id, said(declared), now))
}

/// What a profile says, where an empty block says nothing.
pub fn said(profile: Profile) -> Stated {
    Stated {
        name: Some(profile.name).filter(|name| *name != PersonName::default()),
        birth_date: Some(profile.birth_date).filter(|date| date.0.is_some()),
        address: Some(profile.address).filter(|address| *address != Default::default()),
        language: Some(profile.language).filter(|language| !language.is_empty()),
    }
}

/// Checks what somebody declares against the time at which he does.
///
/// # Errors
/// [`CustomerError::Invalid`] where the birth date is yet to come.
pub fn check_declared(declared: &Profile, now: Timestamp) -> Result<(), CustomerError> {
    if declared.birth_date.is_future(now) {
        return Err(CustomerError::Invalid(vec![Violation {
            field: "customer.birth_date".into(),
            rule: "BIRTH_DATE_FUTURE".into(),
            description: "is after today".into(),
        }]));
    }
    Ok(())
}

fn own_record(id: CustomerId, stated: Stated, now: Timestamp) -> SourceRecord {
    SourceRecord {
        source: OWN_SOURCE.to_owned(),
        external_id: id.uuid().to_string(),
        event_time: now,
        basis: Basis::Declared,
        region: String::new(),
        stated,
        claims: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::survivorship::{SourceRanks, view};
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    fn named(given: &str, family: &str) -> Profile {
        let name = PersonName { given: given.into(), family: family.into(), ..PersonName::default() };
        Profile { name, language: "zh".into(), ..Profile::default() }
    }

    fn customer() -> (Customer, SourceRecord) {
        let id = CustomerId::new();
        let record = first_record(id, named("Xiaoming", "Wang"), at(1)).expect("good");
        let profile = view([&record], &SourceRanks::default());
        (Customer::new(id, OrganizationId::default_organization(), profile, at(1)), record)
    }

    #[test]
    fn an_update_changes_what_the_mask_names_and_keeps_the_rest_of_the_name() {
        let (mut customer, first) = customer();
        let mask = FieldMask::parse(&["given_name", "language_code"], &CHANGEABLE).expect("a mask");
        let second = customer.declare(&named("Ming", "ignored").cleared(), &mask, "", at(2)).expect("good");
        let changed = customer.assume(view([&first, &second], &SourceRanks::default()));
        assert_eq!(changed, ["display_name", "given_name", "language_code"]);
        assert_eq!(customer.profile.name.shown(), "Ming Wang");
        assert_eq!(customer.profile.language, "");
    }

    impl Profile {
        fn cleared(mut self) -> Self {
            self.language.clear();
            self
        }
    }

    #[test]
    fn a_stale_etag_is_refused_and_an_empty_one_is_not_checked() {
        let (mut customer, _) = customer();
        let read = customer.etag();
        customer.touch(at(2));
        assert_eq!(customer.delete(&read, at(3)), Err(CustomerError::Stale(customer.id)));
        assert_eq!(customer.delete("", at(3)), Ok(()));
    }

    #[test]
    fn a_customer_is_deleted_once_and_comes_back_once() {
        let (mut customer, _) = customer();
        customer.delete("", at(2)).expect("deletes");
        assert_eq!(customer.delete("", at(3)), Err(CustomerError::Deleted(customer.id)));
        let mask = FieldMask::parse::<&str>(&[], &CHANGEABLE).expect("a mask");
        assert_eq!(customer.declare(&Profile::default(), &mask, "", at(3)), Err(CustomerError::Deleted(customer.id)));
        customer.undelete("", at(4)).expect("undeletes");
        assert_eq!(customer.undelete("", at(5)), Err(CustomerError::NotDeleted(customer.id)));
        assert_eq!((customer.version, customer.delete_time), (3, None));
    }

    #[test]
    fn a_birth_date_in_the_future_is_refused() {
        let future = Profile {
            birth_date: super::super::profile::BirthDate(Some("2030-01-01".parse().expect("a date"))),
            ..Profile::default()
        };
        let error = first_record(CustomerId::new(), future, at(0)).expect_err("is in the future");
        assert_eq!(error.refusal().field_violations()[0].rule, "BIRTH_DATE_FUTURE");
    }
}
