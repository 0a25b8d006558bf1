//! `guanxi report member`: a member of a program as a person would want to read it: where he stands, what he has, and what
//! happened last, each in words.

use std::collections::BTreeSet;

use clap::Args;
use guanxi_client::contracts::loyalty::v1::{
    Balance, Coupon, Entry, EntryKind, Expiring, GetBalanceRequest, GetMemberRequest, GetProgramRequest,
    GetTierStandingRequest, ListCouponsRequest, ListEntriesRequest, ListExpiringRequest, ListMembersRequest,
    Member as Enrolled, Program, TierStanding,
};
use guanxi_client::contracts::time::from_proto;
use guanxi_client::{Client, Error};
use serde_json::{Value, json};

use crate::commands::show;
use crate::connection::Connection;
use crate::failed::{Done, Failed};
use crate::shown::say;

mod page;

use page::{explanation, page};

#[derive(Debug, Args)]
pub struct Member {
    /// members/{uuid}, customers/{uuid}, or what a source calls the customer: SOURCE:EXTERNAL_ID
    #[arg(value_name = "NAME|SOURCE:EXTERNAL_ID")]
    member: String,
    /// The organisation to look in, by its slug [default: every one that the token covers]
    #[arg(long, value_name = "SLUG")]
    organization: Option<String>,
    /// So many of the last entries, 1 to 1,000
    #[arg(long, value_name = "COUNT", default_value_t = 12, value_parser = clap::value_parser!(i32).range(1..=1_000))]
    entries: i32,
    /// A JSON list of what he is in each program, for programs
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

/// Everything that is told of a member.
#[derive(Debug, Default)]
struct Found {
    member: Enrolled,
    program: Program,
    standing: Option<TierStanding>,
    balance: Balance,
    expiring: Vec<Expiring>,
    coupons: Vec<Coupon>,
    holds: Vec<Placed>,
    entries: Vec<Entry>,
}

/// A hold that is not resolved.
#[derive(Debug, Clone, PartialEq)]
struct Placed {
    name: String,
    points: i64,
    order: String,
    until: Option<prost_types::Timestamp>,
}

/// The holds that these entries, newest first, place and do not resolve.
fn placed(entries: &[Entry]) -> Vec<Placed> {
    let mut resolved = BTreeSet::new();
    let mut found: Vec<Placed> = Vec::new();
    for entry in entries.iter().filter(|entry| !entry.hold.is_empty()) {
        match entry.kind() {
            EntryKind::Capture | EntryKind::Release => drop(resolved.insert(entry.hold.as_str())),
            EntryKind::Hold if !resolved.contains(entry.hold.as_str()) => {
                match found.iter_mut().find(|hold| hold.name == entry.hold) {
                    Some(hold) => hold.points += entry.points,
                    None => found.push(Placed {
                        name: entry.hold.clone(),
                        points: entry.points,
                        order: entry.order.clone(),
                        until: entry.expires_at,
                    }),
                }
            }
            _ => {}
        }
    }
    found
}

/// The answer to a call of loyalty's, tried again where that helps.
macro_rules! ask {
    ($client:expr, $service:ident.$method:ident, $request:expr) => {{
        let request = $request;
        let asked = || {
            let (mut service, request) = ($client.loyalty().$service(), request.clone());
            async move { service.$method(request).await }
        };
        $client.retry(asked).await
    }};
}

impl Member {
    /// Prints it.
    ///
    /// # Errors
    /// There is no such member, or nobody to ask.
    pub async fn run(self) -> Done {
        let client = self.connection.client()?;
        let mut all = Vec::new();
        for member in self.members(&client).await? {
            all.push(self.found(&client, member).await?);
        }
        if self.json {
            let all: Vec<Value> = all.iter().map(as_json).collect();
            say!("{}", serde_json::to_string_pretty(&all).expect("plain values encode"));
        } else if all.is_empty() {
            say!("{} is a member of no program", self.member);
        } else {
            say!("{}", all.iter().map(page).collect::<Vec<_>>().join("\n").trim_end());
        }
        Ok(())
    }

    /// Who is meant, in each program.
    async fn members(&self, client: &Client) -> Done<Vec<Enrolled>> {
        if self.member.starts_with("members/") {
            let request = GetMemberRequest { name: self.member.clone() };
            let answer = ask!(client, members.get_member, request);
            let answer = answer.map_err(|error| Failed::call("loyalty GetMember", &error))?;
            return Ok(answer.member.into_iter().collect());
        }
        let customer = show::named(client, &self.member, self.organization.as_deref()).await?;
        let request = ListMembersRequest { customer, ..ListMembersRequest::default() };
        let answer = ask!(client, members.list_members, request);
        Ok(answer.map_err(|error| Failed::call("loyalty ListMembers", &error))?.members)
    }

    async fn found(&self, client: &Client, member: Enrolled) -> Done<Found> {
        let name = member.name.clone();
        let failed = |call: &'static str| move |error: Error| Failed::call(call, &error);
        let request = GetProgramRequest { name: member.program.clone() };
        let program = ask!(client, programs.get_program, request).map_err(failed("loyalty GetProgram"))?;
        let program = program.program.unwrap_or_default();
        let standing = match &program.tiers {
            Some(_) => {
                let request = GetTierStandingRequest { member: name.clone() };
                let answer = ask!(client, members.get_tier_standing, request);
                answer.map_err(failed("loyalty GetTierStanding"))?.standing
            }
            None => None,
        };
        let request = GetBalanceRequest { member: name.clone(), ..GetBalanceRequest::default() };
        let balance = ask!(client, points.get_balance, request).map_err(failed("loyalty GetBalance"))?;
        let request = ListExpiringRequest { member: name.clone(), until: None };
        let expiring = ask!(client, points.list_expiring, request).map_err(failed("loyalty ListExpiring"))?;
        let request = ListCouponsRequest { member: name.clone(), page_size: 1_000, ..ListCouponsRequest::default() };
        let coupons = ask!(client, coupons.list_coupons, request).map_err(failed("loyalty ListCoupons"))?;
        // Holds are in the ledger alone: who has some has placed them not long ago.
        let balance = balance.balance.unwrap_or_default();
        let request = ListEntriesRequest {
            member: name,
            page_size: if balance.held > 0 { 1_000 } else { self.entries },
            explain: true,
            ..ListEntriesRequest::default()
        };
        let mut entries = ask!(client, points.list_entries, request).map_err(failed("loyalty ListEntries"))?.entries;
        let holds = if balance.held > 0 { placed(&entries) } else { Vec::new() };
        entries.truncate(usize::try_from(self.entries).unwrap_or(usize::MAX));
        Ok(Found {
            member,
            program,
            standing,
            balance,
            expiring: expiring.expiring,
            coupons: coupons.coupons,
            holds,
            entries,
        })
    }
}

/// The same for programs. Times are RFC 3339.
fn as_json(found: &Found) -> Value {
    let time = |at: Option<&prost_types::Timestamp>| at.and_then(from_proto).map(|at| at.to_string());
    let Found { member, program, balance, .. } = found;
    let standing = found.standing.as_ref().map(|standing| {
        json!({
            "tier": standing.tier,
            "since_time": time(standing.since_time.as_ref()),
            "until_time": time(standing.until_time.as_ref()),
            "granted": standing.granted,
            "counted": standing.counted,
            "next_tier": standing.next_tier,
            "needed_to_rise": standing.needed_to_rise,
            "needed_to_stay": standing.needed_to_stay,
            "falls_to": standing.falls_to,
            "fall_time": time(standing.fall_time.as_ref()),
        })
    });
    let expiring = found
        .expiring
        .iter()
        .map(|expiring| json!({ "expires_at": time(expiring.expires_at.as_ref()), "points": expiring.points }));
    let coupons = found.coupons.iter().map(|coupon| {
        json!({
            "code": coupon.code,
            "kind": coupon.kind().as_str_name(),
            "expire_time": time(coupon.expire_time.as_ref()),
            "state": coupon.state().as_str_name(),
            "batch": coupon.batch,
        })
    });
    let holds = found.holds.iter().map(|hold| {
        json!({ "name": hold.name, "points": hold.points, "order": hold.order, "until_time": time(hold.until.as_ref()) })
    });
    let entries = found.entries.iter().map(|entry| {
        json!({
            "name": entry.name,
            "kind": entry.kind().as_str_name(),
            "points": entry.points,
            "order": entry.order,
            "occasion": entry.occasion,
            "effective_time": time(entry.effective_time.as_ref()),
            "create_time": time(entry.create_time.as_ref()),
            "reason": entry.reason,
            "rules": entry.explanation.as_ref().map(explanation),
        })
    });
    json!({
        "member": member.name,
        "program": program.name,
        "customer": member.customer,
        "enroll_time": time(member.enroll_time.as_ref()),
        "standing": standing,
        "balance": {
            "balance": balance.balance,
            "available": balance.available,
            "pending": balance.pending,
            "held": balance.held,
            "deficit": balance.deficit,
        },
        "expiring": expiring.collect::<Vec<_>>(),
        "holds": holds.collect::<Vec<_>>(),
        "coupons": coupons.collect::<Vec<_>>(),
        "entries": entries.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use guanxi_client::contracts::loyalty::v1::{
        CouponKind, CouponState, ExpiryPolicy, Explanation, OccasionKind, OccasionRule, Redemption, RuleExplanation,
        RuleLine, Tier, TierBasis, TierPolicy,
    };
    use guanxi_client::contracts::time::to_proto;

    use super::*;

    fn at(text: &str) -> Option<prost_types::Timestamp> {
        Some(to_proto(text.parse().expect("an instant")))
    }

    pub(super) fn found() -> Found {
        let tier = |id: &str, name: &str| Tier { id: id.into(), display_name: name.into(), ..Tier::default() };
        let tiers = vec![tier("silver", "Silver"), tier("gold", "Gold")];
        let occasion = OccasionRule {
            id: "joined".into(),
            display_name: "Anniversary".into(),
            kind: OccasionKind::Anniversary.into(),
            points: 50,
            ..OccasionRule::default()
        };
        let line = RuleLine { base_minor: 17_099, points: 170, ..RuleLine::default() };
        let rule = RuleExplanation { rule: "base".into(), lines: vec![line], outcome: 1, ..RuleExplanation::default() };
        let entry = |kind: EntryKind, points| Entry {
            kind: kind.into(),
            points,
            effective_time: at("2026-11-02T00:00:00Z"),
            ..Entry::default()
        };
        Found {
            member: Enrolled {
                name: "members/1".into(),
                customer: "customers/1".into(),
                enroll_time: at("2026-06-18T00:00:00Z"),
                ..Enrolled::default()
            },
            program: Program {
                display_name: "Club".into(),
                currency_code: "CNY".into(),
                redemption: Some(Redemption { points: 100, minor_units: 100, ..Redemption::default() }),
                tiers: Some(TierPolicy { tiers, basis: TierBasis::Spend.into(), ..TierPolicy::default() }),
                expiry: Some(ExpiryPolicy::default()),
                occasions: vec![occasion],
                ..Program::default()
            },
            standing: Some(TierStanding {
                tier: "silver".into(),
                since_time: at("2026-07-01T00:00:00Z"),
                counted: 17_099,
                next_tier: "gold".into(),
                needed_to_rise: 2_901,
                needed_to_stay: 10_000,
                fall_time: at("2027-01-01T00:00:00Z"),
                ..TierStanding::default()
            }),
            balance: Balance { balance: 1_240, available: 1_215, pending: 300, held: 25, deficit: 0 },
            expiring: vec![Expiring { expires_at: at("2027-01-31T16:00:00Z"), points: 200, cumulative_points: 200 }],
            coupons: vec![Coupon {
                code: "WN-1".into(),
                kind: CouponKind::PercentOff.into(),
                expire_time: at("2026-12-31T16:00:00Z"),
                state: CouponState::Active.into(),
                batch: "couponBatches/winter".into(),
                ..Coupon::default()
            }],
            holds: vec![Placed {
                name: "members/1/holds/1".into(),
                points: 25,
                order: String::new(),
                until: at("2026-11-22T05:12:00Z"),
            }],
            entries: vec![
                Entry {
                    reason: "a late parcel".into(),
                    adjusted_by: "clerk".into(),
                    ..entry(EntryKind::AdjustGoodwill, 40)
                },
                Entry {
                    order: "orders/olist:77120".into(),
                    explanation: Some(Explanation { rules: vec![rule], ..Explanation::default() }),
                    active_from: at("2026-11-05T00:00:00Z"),
                    ..entry(EntryKind::Earn, 170)
                },
            ],
        }
    }

    #[test]
    fn holds_are_those_that_nothing_resolves() {
        let entry = |kind: EntryKind, hold: &str, points| Entry {
            kind: kind.into(),
            hold: hold.into(),
            points,
            ..Entry::default()
        };
        let newest_first = [
            entry(EntryKind::Hold, "b", 5),
            entry(EntryKind::Hold, "b", 7),
            entry(EntryKind::Release, "a", 30),
            entry(EntryKind::Spend, "", 9),
            entry(EntryKind::Hold, "a", 30),
        ];
        let found: Vec<_> = placed(&newest_first).into_iter().map(|hold| (hold.name, hold.points)).collect();
        assert_eq!(found, [("b".to_owned(), 12)]);
    }

    #[test]
    fn a_program_reads_the_same() {
        let read = as_json(&found());
        assert_eq!((&read["standing"]["tier"], &read["balance"]["held"]), (&json!("silver"), &json!(25)));
        assert_eq!(read["entries"][1]["rules"], json!(["base: 170 on 17,099 minor units"]));
        assert_eq!(read["coupons"][0]["expire_time"], json!("2026-12-31T16:00:00Z"));
    }
}
