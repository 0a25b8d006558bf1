//! CustomerUpdated → the customer's birthday and zone are kept, and somebody looks at the days of the members that he is; a
//! profile that is complete gives what the rules say, once for each member.
//! Projection: an older version than is known changes nothing; a complete profile is an effect, applied once. Never parks.

use std::collections::BTreeMap;

use async_trait::async_trait;
use guanxi_contracts::customer::events::v1::{BirthdayCalendar, CustomerBirthday, CustomerFacts, CustomerUpdated};
use guanxi_kernel::name::CustomerId;
use guanxi_messaging::{Delivered, Handler, Meta, Outcome};
use guanxi_store::{Result, Tx};
use jiff::tz::TimeZone;

use super::hearing::{self, Happened, hear, programs_of_events};
use super::of;
use crate::domain::expiry::MonthDay;
use crate::domain::lunar::LunarDay;
use crate::domain::occasion::{Birthday, Day};
use crate::domain::source::Happening;
use crate::store::customers::{self, Days};
use crate::store::occasions;
use crate::store::programs::Programs;

/// Handles CustomerUpdated.
#[derive(Debug)]
pub struct FollowCustomers {
    programs: Programs,
}

impl FollowCustomers {
    /// Over these programs.
    pub fn new(programs: &Programs) -> Self {
        Self { programs: programs.clone() }
    }
}

#[async_trait]
impl Handler for FollowCustomers {
    type Event = CustomerUpdated;

    async fn handle(&self, tx: &Tx, events: &[Delivered<CustomerUpdated>]) -> Result<Vec<Outcome>> {
        let read = events.iter().map(|Delivered { event, meta }| {
            event.facts.as_ref().map(|facts| stated(&event.customer, facts, meta)).transpose()
        });
        keep(tx, &self.programs, read.collect()).await
    }
}

/// What is told of a customer, as it is at a version of him.
pub(super) struct Stated<'a> {
    customer: CustomerId,
    birthday: Option<Birthday>,
    time_zone: Option<String>,
    complete: bool,
    meta: &'a Meta,
}

pub(super) fn stated<'a>(customer: &str, facts: &CustomerFacts, meta: &'a Meta) -> Result<Stated<'a>, Outcome> {
    let customer = customer.parse().map_err(|error| Outcome::Dead(format!("customer: {error}")))?;
    let birthday = facts.birthday.as_ref().map(|birthday| {
        let day = day(birthday).filter(|day| day.exists());
        // Which day it was is personal.
        let day = day.ok_or_else(|| Outcome::Dead("birthday: no year has that day".to_owned()))?;
        Ok(Birthday { day, told: meta.occurred, proven: birthday.proven })
    });
    let zone = Some(&facts.time_zone).filter(|zone| !zone.is_empty());
    if zone.is_some_and(|zone| TimeZone::get(zone).is_err()) {
        return Err(Outcome::Dead("time_zone: it is no IANA zone".to_owned()));
    }
    let (birthday, time_zone) = (birthday.transpose()?, zone.cloned());
    Ok(Stated { customer, birthday, time_zone, complete: facts.profile_complete, meta })
}

fn day(told: &CustomerBirthday) -> Option<Day> {
    let (month, day) = (i8::try_from(told.month).ok()?, i8::try_from(told.day).ok()?);
    Some(match told.calendar() {
        BirthdayCalendar::Chinese => Day::Chinese(LunarDay { month, leap: told.leap_month, day }),
        BirthdayCalendar::Gregorian | BirthdayCalendar::Unspecified => Day::Gregorian(MonthDay { month, day }),
    })
}

/// Keeps what is newer than what is known, and lets somebody look at the days of those who are members.
pub(super) async fn keep(
    tx: &Tx,
    programs: &Programs,
    read: Vec<Result<Option<Stated<'_>>, Outcome>>,
) -> Result<Vec<Outcome>> {
    let told: Vec<&Stated<'_>> = read.iter().flatten().flatten().collect();
    if !told.is_empty() {
        let mut known = customers::days(tx.conn(), told.iter().map(|told| told.customer)).await?;
        let mut news = BTreeMap::new();
        for told in &told {
            let before = known.entry(told.customer.uuid()).or_default();
            if before.version >= told.meta.version {
                continue;
            }
            // The same day told again is no news: it was told when it was told first.
            let same = before
                .birthday
                .filter(|old| told.birthday.is_some_and(|new| (new.day, new.proven) == (old.day, old.proven)));
            let (birthday, time_zone) = (same.or(told.birthday), told.time_zone.clone());
            *before = Days { version: told.meta.version, birthday, time_zone };
            news.insert(told.customer, (told.meta.organization.clone(), before.clone()));
        }
        customers::keep_days(tx, &news).await?;
        let of_events = programs_of_events(tx, programs, told.iter().map(|told| told.meta)).await?;
        let members = news.iter().flat_map(|(customer, (organization, _))| {
            let celebrating = of(&of_events, organization).filter(|program| !program.terms.occasions.is_empty());
            celebrating.map(|program| program.id.member(*customer))
        });
        let members: Vec<_> = members.collect();
        if !members.is_empty() {
            occasions::note(tx, programs, &members, |_, _| ()).await?;
        }
        let mut complete = Vec::new();
        for told in told.iter().filter(|told| told.complete) {
            let Ok(name) = hearing::name(format!("{}/profile", told.customer)) else { continue };
            let (customer, happening, meta) = (told.customer, Happening::ProfileCompleted, told.meta);
            complete.push(Happened { customer, name, happening, meta });
        }
        hear(tx, programs, complete).await?;
    }
    Ok(read.into_iter().map(|read| read.err().unwrap_or(Outcome::Done)).collect())
}
