//! Works out what the orders of the past would have earned under a draft of a rule, some members at a time.

use std::collections::BTreeMap;

use async_trait::async_trait;
use guanxi_contracts::Message;
use guanxi_contracts::loyalty::v1::BacktestRuleResult;
use guanxi_kernel::{Currency, OrganizationId, Uuid};
use guanxi_runtime::{Job, Progress, Step};
use guanxi_store::{Result, StoreError, Tx};
use serde::{Deserialize, Serialize};

use crate::domain::account::EarnedOrder;
use crate::domain::backtest::{Span, compare};
use crate::domain::program::{Program, ProgramId, Terms};
use crate::domain::tenure::Tenure;
use crate::store::{earned, member_orders, tenure};

/// The job's kind.
pub const BACKTEST_RULE: &str = "backtest-rule";

/// Members of one slice.
const SLICE: i64 = 100;

/// What is tested: the program's terms as they were when it was asked, and the same with the draft.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backtest {
    /// The program's slug.
    pub program: String,
    /// The money in which its orders are counted.
    pub currency: Currency,
    /// Its terms.
    pub terms: Terms,
    /// Its terms with the draft.
    pub drafted: Terms,
    /// Which orders count.
    pub span: Span,
}

impl Backtest {
    /// As a job's request.
    ///
    /// # Errors
    /// Where it does not encode.
    pub fn encode(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(StoreError::row)
    }

    /// The program as it is and as it would be.
    fn programs(&self, tx: &Tx) -> Result<[Program; 2]> {
        let id = ProgramId::from_slug(&self.program).map_err(StoreError::row)?;
        let program = |terms: &Terms| {
            let organization = OrganizationId::default_organization();
            Program::create(id.clone(), organization, self.currency, terms.clone(), tx.now()).map_err(StoreError::row)
        };
        Ok([program(&self.terms)?, program(&self.drafted)?])
    }
}

/// The job.
#[derive(Debug, Clone, Copy)]
pub struct BacktestRule;

#[async_trait]
impl Job for BacktestRule {
    fn kind(&self) -> &'static str {
        BACKTEST_RULE
    }

    /// The cursor is the last member, then the result so far.
    async fn step(&self, tx: &Tx, progress: &mut Progress) -> Result<Step> {
        let asked: Backtest = serde_json::from_slice(&progress.request).map_err(StoreError::row)?;
        let (after, mut result) = match progress.cursor.split_at_checked(16) {
            Some((after, so_far)) => (
                Uuid::from_slice(after).map_err(StoreError::row)?,
                BacktestRuleResult::decode(so_far).map_err(StoreError::row)?,
            ),
            None => (Uuid::nil(), BacktestRuleResult::default()),
        };
        let members = earned::members_after(tx.conn(), &asked.program, after, SLICE).await?;
        let Some(last) = members.last() else { return Ok(Step::found(&result)) };
        let [program, draft] = asked.programs(tx)?;
        let asks = program.asks_tenure() || draft.asks_tenure();
        let mut bought = member_orders::bought(tx.conn(), &members).await?;
        if asks {
            with_tenure(&program, &tenure::load(tx.conn(), &members).await?, &mut bought);
        }
        bought.retain(|(_, order)| asked.span.holds(order.effective_time));
        let keys: Vec<(Uuid, Uuid)> = bought.iter().map(|(member, order)| (*member, order.order.0)).collect();
        let records = member_orders::load(tx.conn(), &keys).await?;
        let mut records: BTreeMap<_, _> =
            records.into_iter().map(|(member, order, record)| ((member, order), record)).collect();
        let mut by_member = BTreeMap::<Uuid, Vec<_>>::new();
        for (member, order) in bought {
            let record = records.remove(&(member, order.order));
            by_member.entry(member).or_default().push((order, record));
        }
        for orders in by_member.into_values() {
            let found = compare(&program, &draft, orders, tx.now());
            result.members += 1;
            result.orders += found.orders;
            result.changed_members += i64::from(found.changed_orders > 0);
            result.changed_orders += found.changed_orders;
            result.points += found.points;
            result.draft_points += found.draft_points;
            result.points_difference = result.draft_points - result.points;
            result.liability_difference += found.liability;
            result.left_out += found.left_out;
        }
        progress.done += i64::try_from(members.len()).unwrap_or(0);
        progress.cursor = last.as_bytes().iter().copied().chain(result.encode_to_vec()).collect();
        Ok(Step::More)
    }
}

/// Tells every order what the rules of its time may not have asked for: its member's tenure, and his orders before it.
fn with_tenure(program: &Program, tenures: &BTreeMap<Uuid, Tenure>, bought: &mut [(Uuid, EarnedOrder)]) {
    bought.sort_by_key(|(member, order)| (*member, order.effective_time, order.order));
    let mut before = (Uuid::nil(), 0);
    for (member, order) in bought {
        before = if before.0 == *member { (*member, before.1 + 1) } else { (*member, 0) };
        let tenure = tenures.get(member).copied().unwrap_or_default();
        (order.member.tenure_days, order.member.orders) = (tenure.days(order.effective_time, &program.zone), before.1);
    }
}
