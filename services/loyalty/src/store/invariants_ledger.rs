//! What must hold of the ledger besides what the replay of each account shows.

use guanxi_store::verify::{Checked, Invariant};
use guanxi_store::{Database, Result};
use sea_orm::FromQueryResult;

use super::rows;
use crate::domain::entry::{EntryKind, LedgerAccount};

/// Every invariant of the ledger.
pub(super) fn all() -> Vec<Invariant> {
    vec![Invariant::new("entries-are-of-known-kinds", |db| async move { known_kinds(&db).await })]
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
