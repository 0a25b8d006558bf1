//! What must hold of the ledger besides what the replay of each account shows.

use guanxi_store::verify::{Checked, Invariant};
use guanxi_store::{Database, Result};
use sea_orm::FromQueryResult;

use super::rows;
use crate::domain::entry::{EntryKind, LedgerAccount};

/// Every invariant of the ledger.
pub(super) fn all() -> Vec<Invariant> {
    vec![
        Invariant::new("entries-are-of-known-kinds", |db| async move { known_kinds(&db).await }),
        Invariant::sql(
            "adjustments-have-a-reason",
            "SELECT COUNT(*) FROM adjustments",
            "SELECT 'adjustment', 'of ' || CAST(a.points AS varchar(20)) || ' points, by its entries ' || \
             CAST(CAST(COALESCE(e.points, 0) AS bigint) AS varchar(20)) FROM adjustments a LEFT JOIN (SELECT root_id, \
             posting, SUM(CASE WHEN from_account = 'ADJUSTED' THEN points ELSE -points END) AS points FROM entries \
             WHERE from_account = 'ADJUSTED' OR to_account = 'ADJUSTED' GROUP BY root_id, posting) AS e \
             ON e.root_id = a.root_id AND e.posting = a.posting WHERE COALESCE(e.points, 0) <> a.points \
             UNION ALL SELECT 'entry', 'made by hand, and nothing says why' FROM entries e \
             WHERE (e.from_account = 'ADJUSTED' OR e.to_account = 'ADJUSTED') AND NOT EXISTS (SELECT 1 FROM adjustments a \
             WHERE a.root_id = e.root_id AND a.posting = e.posting)",
        ),
        Invariant::sql(
            "what-is-sent-is-received",
            "SELECT COUNT(*) FROM accounts WHERE sent > 0 OR received > 0",
            "SELECT 'program ' || program, 'sent ' || CAST(CAST(SUM(sent) AS bigint) AS varchar(20)) || ', received ' || \
             CAST(CAST(SUM(received) AS bigint) AS varchar(20)) FROM accounts GROUP BY program \
             HAVING SUM(sent) <> SUM(received)",
        ),
        Invariant::sql(
            "transfers-have-two-halves",
            "SELECT COUNT(*) FROM transfers",
            "SELECT 'transfer', t.way || ' ' || CAST(t.points AS varchar(20)) || ' points, by its entries ' || \
             CAST(CAST(COALESCE(e.points, 0) AS bigint) AS varchar(20)) || ', the other half ' || \
             COALESCE(CAST(o.points AS varchar(20)), 'missing') FROM transfers t LEFT JOIN (SELECT root_id, posting, \
             SUM(CASE WHEN to_account = 'TRANSIT' THEN points ELSE -points END) AS points FROM entries \
             WHERE from_account = 'TRANSIT' OR to_account = 'TRANSIT' GROUP BY root_id, posting) AS e \
             ON e.root_id = t.root_id AND e.posting = t.posting LEFT JOIN transfers o ON o.root_id = t.other \
             AND o.posting = t.other_posting AND o.other = t.root_id AND o.other_posting = t.posting AND o.way <> t.way \
             WHERE COALESCE(e.points, 0) <> CASE WHEN t.way = 'SENT' THEN t.points ELSE -t.points END \
             OR o.points IS NULL OR o.points <> t.points \
             UNION ALL SELECT 'entry', 'of a transfer that is not kept' FROM entries e \
             WHERE (e.from_account = 'TRANSIT' OR e.to_account = 'TRANSIT') AND NOT EXISTS (SELECT 1 FROM transfers t \
             WHERE t.root_id = e.root_id AND t.posting = e.posting)",
        ),
    ]
}

#[derive(FromQueryResult)]
struct Words {
    kind: String,
    from_account: String,
    to_account: String,
    entries: i64,
}

/// The schema does not list the words of the ledger; this release's enums do.
async fn known_kinds(db: &Database) -> Result<Checked> {
    let sql = "SELECT kind, from_account, to_account, COUNT(*) AS entries FROM entries \
               GROUP BY kind, from_account, to_account";
    let mut checked = Checked::default();
    for Words { kind, from_account, to_account, entries } in
        rows::<Words>(db.unfiltered(), sql.to_owned(), Vec::new()).await?
    {
        checked.checked += entries;
        let known = kind.parse::<EntryKind>().is_ok();
        let of_known = [&from_account, &to_account].into_iter().all(|word| word.parse::<LedgerAccount>().is_ok());
        if !(known && of_known) {
            let description = format!("{entries} entries of kind {kind} from {from_account} to {to_account}");
            checked.add("entries".to_owned(), description);
        }
    }
    Ok(checked)
}
