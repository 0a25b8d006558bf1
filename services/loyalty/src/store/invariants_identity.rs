//! What must hold of who is who: of members who are one person, of cards, and of those who were forgotten.

use std::collections::{BTreeMap, BTreeSet};

use guanxi_kernel::name::{CustomerId, MemberId};
use guanxi_kernel::{Call, Uuid};
use guanxi_store::verify::{Checked, Invariant};
use guanxi_store::{Result, Tx};
use sea_orm::FromQueryResult;

use super::entities::members::Model as MemberRow;
use super::{merges, of_roots, rows};
use crate::domain::person::persons;

/// Keys of kin that are checked in one transaction.
const PAGE: i64 = 200;

#[derive(FromQueryResult)]
struct Root {
    root_id: Uuid,
}

#[derive(FromQueryResult, Clone)]
struct Kin {
    root_id: Uuid,
    member: Uuid,
    program: String,
    customer: Uuid,
    survivor: Uuid,
}

/// Every invariant of identity.
pub(super) fn all() -> Vec<Invariant> {
    vec![
        Invariant::new("members-are-who-the-merges-say", |db| async move {
            let (mut checked, mut after, call) = (Checked::default(), Uuid::nil(), Call::internal("verify"));
            loop {
                let page = db.slice(&call, |tx| async move { check_page(&tx, after).await }).await?;
                checked.checked += page.checked;
                for (member, description) in page.faults {
                    checked.add(MemberId(member).to_string(), description);
                }
                match page.last {
                    Some(last) => after = last,
                    None => return Ok(checked),
                }
            }
        }),
        Invariant::sql(
            "members-have-one-valid-card",
            "SELECT COUNT(*) FROM member_cards",
            "SELECT 'program ' || program, 'a member with ' || CAST(COUNT(*) AS varchar(20)) || ' valid cards' \
             FROM member_cards WHERE end_time IS NULL GROUP BY program, member HAVING COUNT(*) > 1",
        ),
        Invariant::sql(
            "those-who-were-forgotten-have-nothing",
            "SELECT COUNT(*) FROM accounts WHERE erase_time IS NOT NULL",
            "SELECT 'program ' || a.program, 'a member who was forgotten has ' || \
             CAST(a.open_points + a.held_points AS varchar(20)) || ' points, days or a card' \
             FROM accounts a WHERE a.erase_time IS NOT NULL AND (a.open_points + a.held_points > 0 OR a.kin IS NOT NULL \
             OR EXISTS (SELECT 1 FROM member_occasions o WHERE o.root_id = a.root_id) \
             OR EXISTS (SELECT 1 FROM members m WHERE m.root_id = a.root_id AND m.erase_time IS NULL))",
        ),
    ]
}

#[derive(Default)]
struct Page {
    last: Option<Uuid>,
    checked: i64,
    faults: Vec<(Uuid, String)>,
}

/// Works out who is one person with whom after `after`, and compares.
async fn check_page(tx: &Tx, after: Uuid) -> Result<Page> {
    let sql = "SELECT DISTINCT root_id FROM member_kin WHERE root_id > $1 ORDER BY root_id LIMIT $2".to_owned();
    let keys = rows::<Root>(tx.conn(), sql, vec![after.into(), PAGE.into()]).await?;
    let keys: Vec<Uuid> = keys.into_iter().map(|row| row.root_id).collect();
    let mut page = Page { last: keys.last().copied(), ..Page::default() };
    let kin = of_roots::<Kin>(tx.conn(), "member_kin", &keys, "").await?;
    let members: Vec<Uuid> = kin.iter().map(|row| row.member).collect();
    let members = of_roots::<MemberRow>(tx.conn(), "members", &members, "").await?;
    let members: BTreeMap<Uuid, MemberRow> = members.into_iter().map(|row| (row.root_id, row)).collect();
    let customers: BTreeSet<CustomerId> = kin.iter().map(|row| CustomerId(row.customer)).collect();
    let circles = persons(&merges::around(tx.conn(), customers).await?);
    let person = |customer: Uuid| {
        let circle = circles.iter().find(|circle| circle.customers.contains(&CustomerId(customer)));
        circle.map_or(CustomerId(customer), |circle| circle.survivor)
    };
    for row in &kin {
        page.checked += 1;
        let Some(member) = members.get(&row.member) else {
            page.faults.push((row.member, "is kin and no member".to_owned()));
            continue;
        };
        let own = person(row.customer);
        let same = |other: &&Kin| other.program == row.program && person(other.customer) == own;
        // One of them stands for all, and nobody else does.
        let theirs: BTreeSet<Uuid> = kin.iter().filter(same).map(|other| other.survivor).collect();
        let others = kin.iter().filter(|other| other.program == row.program && !same(other));
        let strangers: BTreeSet<Uuid> = others.map(|other| other.survivor).collect();
        let merged_into = Some(row.survivor).filter(|survivor| *survivor != row.member);
        if theirs.len() != 1 || strangers.contains(&row.survivor) {
            page.faults.push((row.member, format!("is one with {}", MemberId(row.survivor))));
        } else if (member.kin, member.survivor, member.customer) != (Some(row.root_id), merged_into, own.uuid()) {
            let (kin, survivor) = (member.kin, member.survivor);
            page.faults.push((row.member, format!("keeps {kin:?} and {survivor:?}, is merged into {merged_into:?}")));
        }
    }
    Ok(page)
}
