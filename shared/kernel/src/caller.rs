//! Who calls, and what of whose data they may touch.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use crate::name::OrganizationId;
use crate::refusal::Refused;

/// Which organisations' data a caller may read and write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// Every organisation's: the retailer's own services, and development without authentication.
    All,
    /// Those named; `true` where writing is allowed too.
    Some(BTreeMap<OrganizationId, bool>),
}

impl Access {
    /// Access to read and write one organisation.
    pub fn only(organization: OrganizationId) -> Self {
        Self::Some(BTreeMap::from([(organization, true)]))
    }

    /// Whether `organization` may be read.
    pub fn may_read(&self, organization: &OrganizationId) -> bool {
        match self {
            Self::All => true,
            Self::Some(list) => list.contains_key(organization),
        }
    }

    /// Whether `organization` may be written.
    pub fn may_write(&self, organization: &OrganizationId) -> bool {
        match self {
            Self::All => true,
            Self::Some(list) => list.get(organization).copied().unwrap_or(false),
        }
    }

    /// The organisations to filter by, or `None` where there is nothing to filter.
    pub fn readable(&self) -> Option<Vec<&OrganizationId>> {
        match self {
            Self::All => None,
            Self::Some(list) => Some(list.keys().collect()),
        }
    }
}

/// An authenticated caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Who it is: the token's subject, or `development`.
    pub subject: Arc<str>,
    /// What it may call. A scope `a.b.write` is covered by itself, `a.b.*`, `a.*` and `*`.
    pub scopes: Arc<BTreeSet<String>>,
    /// Whose data it may touch.
    pub organizations: Arc<Access>,
}

impl Caller {
    /// A caller that may do everything: the service itself, and development without authentication.
    pub fn unlimited(subject: &str) -> Self {
        Self {
            subject: subject.into(),
            scopes: Arc::new(BTreeSet::from(["*".to_owned()])),
            organizations: Arc::new(Access::All),
        }
    }

    /// Whether the caller's scopes cover `scope`.
    pub fn has_scope(&self, scope: &str) -> bool {
        let covers = |held: &str| match held.strip_suffix('*') {
            Some("") => true,
            Some(prefix) => prefix.ends_with('.') && scope.starts_with(prefix),
            None => held == scope,
        };
        self.scopes.iter().any(|held| covers(held))
    }
}

/// One call as the layers of the server established it: caller, deadline, and where it stands in a trace.
#[derive(Debug, Clone)]
pub struct Call {
    /// Who calls.
    pub caller: Caller,
    /// When the caller stops waiting.
    pub deadline: Option<Instant>,
    /// The W3C trace context of the call, passed on with its events.
    pub traceparent: Option<Arc<str>>,
}

impl Call {
    /// A call that the service makes of itself (a job, an event handler, a test).
    pub fn internal(subject: &str) -> Self {
        Self { caller: Caller::unlimited(subject), deadline: None, traceparent: None }
    }

    /// The organisation that a new aggregate belongs to: the one named, else the only one that the caller may write,
    /// else the default one.
    ///
    /// # Errors
    /// NOT_FOUND where the caller may not even read the one named, PERMISSION_DENIED where it may only read it.
    pub fn organization(&self, named: Option<OrganizationId>) -> Result<OrganizationId, Refused> {
        let access = &self.caller.organizations;
        let organization = named.unwrap_or_else(|| match &**access {
            Access::Some(list) => {
                let mut writable = list.iter().filter(|(_, write)| **write).map(|(id, _)| id);
                match (writable.next(), writable.next()) {
                    (Some(only), None) => only.clone(),
                    _ => OrganizationId::default_organization(),
                }
            }
            Access::All => OrganizationId::default_organization(),
        });
        self.may_write(&organization)?;
        Ok(organization)
    }

    /// Refuses unless the caller may write `organization`'s data.
    ///
    /// # Errors
    /// NOT_FOUND where the caller may not even read it, PERMISSION_DENIED where it may only read it.
    pub fn may_write(&self, organization: &OrganizationId) -> Result<(), Refused> {
        let access = &self.caller.organizations;
        if access.may_write(organization) {
            Ok(())
        } else if access.may_read(organization) {
            Err(Refused::denied("ORGANIZATION_READ_ONLY", format!("{organization} may be read but not written"))
                .with("organization", organization))
        } else {
            Err(Refused::not_found("organization", organization))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(scopes: &[&str]) -> Caller {
        Caller { scopes: Arc::new(scopes.iter().map(|&s| s.to_owned()).collect()), ..Caller::unlimited("t") }
    }

    #[test]
    fn a_scope_is_covered_by_itself_and_by_the_wildcards_above_it() {
        for held in ["loyalty.points.write", "loyalty.points.*", "loyalty.*", "*"] {
            assert!(caller(&[held]).has_scope("loyalty.points.write"), "{held} does not cover it");
        }
        for held in ["loyalty.points.read", "loyalty.points", "loyal*", "customer.*", "loyalty.points.write.x"] {
            assert!(!caller(&[held]).has_scope("loyalty.points.write"), "{held} covers it");
        }
    }

    #[test]
    fn a_new_aggregate_goes_to_the_callers_only_organisation() {
        let hk = OrganizationId::from_slug("hk").expect("a slug");
        let mut call = Call::internal("t");
        call.caller.organizations = Arc::new(Access::only(hk.clone()));
        assert_eq!(call.organization(None), Ok(hk));
        let foreign = OrganizationId::from_slug("jp").expect("a slug");
        assert_eq!(call.organization(Some(foreign)).map_err(|r| r.kind()), Err(crate::Kind::NotFound));
    }
}
