//! The figures that loyalty reports of itself, over the organisations that the caller may read.

use guanxi_kernel::Call;
use guanxi_runtime::Figures;
use guanxi_store::{Database, Result, Session, dialect, time};
use sea_orm::{FromQueryResult, PaginatorTrait, Value};

use super::entities::members;
use super::rows;

#[derive(FromQueryResult)]
struct Totals {
    earned: i64,
    reversed: i64,
    held: i64,
    deficit: i64,
}

#[derive(FromQueryResult)]
struct Open {
    active: i64,
    pending: i64,
}

/// `members`, `points_earned`, `points_active`, `points_pending`, `points_reversed`. Active points are what balances
/// are: held ones included, less what is owed.
///
/// # Errors
/// The database's.
pub async fn summary(db: Database, call: Call) -> Result<Figures> {
    let reader = db.reader(&call);
    let members = reader.find::<members::Entity>().count(reader.connection()).await?;
    let organizations = call.caller.organizations.readable();
    let slugs: Option<Vec<String>> =
        organizations.map(|list| list.iter().map(|organization| organization.slug().to_owned()).collect());
    let of = |at: usize| -> (String, Option<Value>) {
        slugs.as_ref().map_or_else(
            || ("1 = 1".to_owned(), None),
            |slugs| {
                let (condition, value) = dialect::any_text(db.backend(), "a.organization", at, slugs);
                (condition, Some(value))
            },
        )
    };
    let sum = |what: &str, name: &str| format!("CAST(COALESCE(SUM({what}), 0) AS bigint) AS {name}");
    let (readable, value) = of(1);
    let sql = format!(
        "SELECT {}, {}, {}, {} FROM accounts a WHERE {readable}",
        sum("earned", "earned"),
        sum("reversed", "reversed"),
        sum("held_points", "held"),
        sum("deficit", "deficit"),
    );
    let totals = rows::<Totals>(reader.connection(), sql, value.into_iter().collect()).await?.pop();
    let (readable, value) = of(2);
    let sql = format!(
        "SELECT {}, {} FROM lots l JOIN accounts a ON a.root_id = l.root_id WHERE l.live AND {readable}",
        sum(
            "CASE WHEN l.active_from <= $1 AND (l.expires_at IS NULL OR l.expires_at > $1) THEN l.open_points ELSE 0 END",
            "active",
        ),
        sum(
            "CASE WHEN (l.active_from IS NULL OR l.active_from > $1) AND (l.expires_at IS NULL OR l.expires_at > $1) \
             THEN l.open_points ELSE 0 END",
            "pending",
        ),
    );
    let now: Value = time::to_column(reader.now()).into();
    let values = std::iter::once(now).chain(value).collect();
    let open = rows::<Open>(reader.connection(), sql, values).await?.pop();
    let totals = totals.unwrap_or(Totals { earned: 0, reversed: 0, held: 0, deficit: 0 });
    let open = open.unwrap_or(Open { active: 0, pending: 0 });
    Ok(Figures::new()
        .integer("members", i64::try_from(members).unwrap_or(i64::MAX))
        .integer("points_earned", totals.earned)
        .integer("points_active", open.active + totals.held - totals.deficit)
        .integer("points_pending", open.pending)
        .integer("points_reversed", totals.reversed))
}
