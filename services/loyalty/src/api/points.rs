//! PointsService.

use std::collections::{BTreeMap, BTreeSet};

use guanxi_contracts::loyalty::v1::*;
use guanxi_contracts::server::loyalty_v1::points_service_server::PointsService;
use guanxi_contracts::time::to_proto;
use guanxi_contracts::{Message, Mutation};
use guanxi_kernel::name::MemberId;
use guanxi_kernel::{Call, OrderName, PageRequest, Refuse, Refused, Timestamp, Uuid, Violation, natural_id, new_id};
use guanxi_rpc::{answer, convert, open, write};
use guanxi_store::{Database, Session};
use jiff::SignedDuration;
use tonic::{Request, Response, Status};

use super::wire::{ledger as wire, outcome, posting, purchase};
use super::{past, reply};
use crate::domain::adjusting::{Adjust, Asked};
use crate::domain::award;
use crate::domain::balance::{Balance, expiring};
use crate::domain::cap::Standing;
use crate::domain::earning::{Occasion, earning};
use crate::domain::entry::{EntryKind, HoldId, OrderId};
use crate::domain::hold::{DEFAULT_TTL, PlaceHold};
use crate::domain::ledger::{Book, Command};
use crate::domain::linking::{Linked, chains};
use crate::domain::points::Points as Amount;
use crate::domain::program::ProgramId;
use crate::domain::returns::{Extent, Return, ReturnedLine, Source};
use crate::domain::reward;
use crate::domain::spending::{Earn, Spend};
use crate::domain::transfer::Transfer;
use crate::store::batches::{self, PostAll};
use crate::store::ledger::{Post, Queue};
use crate::store::programs::{self, Programs};
use crate::store::{
    accounts, adjustments, budgets, customers, earned as kept, entries, kin, member_orders, occasions, reading,
    sources, tenure, tiers, transfers,
};

/// Serves points.
#[derive(Debug, Clone)]
pub struct Points {
    db: Database,
    queue: Queue,
    batches: batches::Queue,
    programs: Programs,
}

impl Points {
    /// Over this database and these programs; changes go through these queues.
    pub fn new(db: &Database, queue: &Queue, batches: &batches::Queue, programs: &Programs) -> Self {
        Self { db: db.clone(), queue: queue.clone(), batches: batches.clone(), programs: programs.clone() }
    }

    /// Has a command decided with those that wait beside it, and answers once it is committed.
    fn submit<M: Mutation, R: Message + Default>(
        &self,
        call: &Call,
        method: &'static str,
        message: &M,
        post: Post,
    ) -> impl Future<Output = Result<R, Refused>> + Send + use<M, R> {
        let root = post.member.uuid();
        let submitted = write(method, root, message).map(|write| self.queue.submit(call, root, Some(write), post));
        async move { reply(&submitted?.await?) }
    }

    fn now(&self) -> Timestamp {
        self.db.clock().now()
    }
}

#[tonic::async_trait]
impl PointsService for Points {
    async fn estimate_earning(
        &self,
        request: Request<EstimateEarningRequest>,
    ) -> Result<Response<EstimateEarningResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let (id, bought, member, order, effective_time) = convert::all((
                convert::name::<ProgramId>(&message.program, "program"),
                purchase::purchase(message.purchase.as_ref()),
                convert::optional_name::<MemberId>(&message.member, "member"),
                convert::optional_name::<OrderName>(&message.order, "order"),
                convert::instant(message.effective_time.as_ref(), "effective_time"),
            ))?;
            let reader = self.db.reader(&call);
            let connection = reader.connection();
            programs::read(&reader, &id).await?;
            let program = self.programs.load(connection, [&id]).await?.remove(&id);
            let program = program.ok_or_else(|| Refused::not_found("program", &id))?;
            let (mut standing, mut facts) = (Standing::default(), None);
            if let Some(member) = member {
                let mut account = accounts::read(&reader, member).await?;
                if account.program != id {
                    return Err(Refused::invalid("member", "MEMBER_NOT_PROGRAMS", format!("{member} is not of {id}")));
                }
                let now = reader.now();
                let at = effective_time.unwrap_or(now);
                if account.kin.is_none() {
                    tiers::attach(connection, &mut account, &program, at).await?;
                    if program.asks_of_customers() {
                        let of = BTreeSet::from([account.customer]);
                        account.told =
                            customers::told(connection, &of).await?.remove(&account.customer).unwrap_or_default();
                    }
                    if program.asks_tenure() {
                        account.tenure = tenure::load(connection, &[member.uuid()]).await?.remove(&member.uuid());
                    }
                    facts = Some(account.facts_at(&program, at, now));
                    standing =
                        kept::standings(connection, &[member.uuid()]).await?.remove(&member.uuid()).unwrap_or_default();
                } else {
                    let sides = kin::sides(&reader, account).await?;
                    let mut book =
                        Book { accounts: sides.into_iter().map(|one| (one.member, one)).collect(), ..Book::default() };
                    tiers::attach_all(connection, &mut book.accounts, &program).await?;
                    if program.asks_of_customers() {
                        customers::attach(connection, &mut book, &BTreeSet::from([member])).await?;
                    }
                    let roots: Vec<Uuid> = book.accounts.keys().map(|member| member.uuid()).collect();
                    if program.asks_tenure() {
                        let mut tenures = tenure::load(connection, &roots).await?;
                        book.accounts.values_mut().for_each(|one| one.tenure = tenures.remove(&one.member.uuid()));
                    }
                    kept::standings(connection, &roots).await?.values().for_each(|one| standing.join(one));
                    facts = book.joint_facts(member, &program, at, now);
                }
            }
            let campaigns: Vec<_> = program.campaigns.iter().map(|campaign| campaign.id.clone()).collect();
            let budgets = budgets::read(connection, &campaigns).await?;
            let occasion = Occasion {
                purchase: &bought,
                source: order.as_ref().map(OrderName::source).unwrap_or_default(),
                effective_time: effective_time.unwrap_or_else(|| reader.now()),
                member: facts,
            };
            let earning = earning(&program, &occasion, &standing, &budgets).refuse()?;
            let explanation = Some(purchase::explanation(&earning.explanation));
            Ok(EstimateEarningResponse { points: earning.points.get(), explanation })
        })
        .await
    }

    async fn earn_points(&self, request: Request<EarnPointsRequest>) -> Result<Response<EarnPointsResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let (member, order, purchase, effective_time) = convert::all((
                convert::name(&message.member, "member"),
                order(&message.order),
                purchase::purchase(message.purchase.as_ref()),
                past(message.effective_time.as_ref(), "effective_time", self.now()),
            ))?;
            let command = Command::Earn(Earn { order, purchase, effective_time });
            self.submit(
                &call,
                "PointsService/EarnPoints",
                &message,
                Post { member, command, reply: |m, c, o| outcome::earned(m, c, o).encode_to_vec() },
            )
            .await
        })
        .await
    }

    async fn spend_points(
        &self,
        request: Request<SpendPointsRequest>,
    ) -> Result<Response<SpendPointsResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let (member, order, order_amount) = convert::all((
                convert::name(&message.member, "member"),
                optional_order(&message.order),
                convert::money(message.order_amount.as_ref(), "order_amount"),
            ))?;
            let points = Amount::new(message.points);
            let command = Command::Spend(Spend { points, order, clamp: message.clamp, order_amount });
            self.submit(
                &call,
                "PointsService/SpendPoints",
                &message,
                Post { member, command, reply: |m, c, o| outcome::spent(m, c, o).encode_to_vec() },
            )
            .await
        })
        .await
    }

    async fn place_hold(&self, request: Request<PlaceHoldRequest>) -> Result<Response<PlaceHoldResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let (member, order) =
                convert::all((convert::name(&message.member, "member"), optional_order(&message.order)))?;
            let ttl = message.ttl.as_ref().map_or(DEFAULT_TTL, |ttl| SignedDuration::new(ttl.seconds, ttl.nanos));
            let hold = PlaceHold { id: HoldId(new_id()), points: Amount::new(message.points), order, ttl };
            let post = Post {
                member,
                command: Command::PlaceHold(hold),
                reply: |m, c, o| outcome::placed(m, c, o).encode_to_vec(),
            };
            self.submit(&call, "PointsService/PlaceHold", &message, post).await
        })
        .await
    }

    async fn capture_hold(
        &self,
        request: Request<CaptureHoldRequest>,
    ) -> Result<Response<CaptureHoldResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let (member, hold) = hold_name(&message.name)?;
            let command = Command::CaptureHold(hold, message.points.map(Amount::new));
            self.submit(
                &call,
                "PointsService/CaptureHold",
                &message,
                Post { member, command, reply: |m, c, o| outcome::captured(m, c, o).encode_to_vec() },
            )
            .await
        })
        .await
    }

    async fn void_hold(&self, request: Request<VoidHoldRequest>) -> Result<Response<VoidHoldResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let (member, hold) = hold_name(&message.name)?;
            let post = Post {
                member,
                command: Command::VoidHold(hold),
                reply: |m, c, o| outcome::voided(m, c, o).encode_to_vec(),
            };
            self.submit(&call, "PointsService/VoidHold", &message, post).await
        })
        .await
    }

    async fn return_order(
        &self,
        request: Request<ReturnOrderRequest>,
    ) -> Result<Response<ReturnOrderResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let (member, order, effective_time, lines) = convert::all((
                convert::name(&message.member, "member"),
                order(&message.order),
                past(message.effective_time.as_ref(), "effective_time", self.now()),
                returned_lines(&message.lines),
            ))?;
            let return_id = message.return_id.clone();
            let command = Command::Return(Return { order, return_id, lines, effective_time, source: Source::Asked });
            self.submit(
                &call,
                "PointsService/ReturnOrder",
                &message,
                Post { member, command, reply: |m, c, o| outcome::returned(m, c, o).encode_to_vec() },
            )
            .await
        })
        .await
    }

    async fn adjust_points(
        &self,
        request: Request<AdjustPointsRequest>,
    ) -> Result<Response<AdjustPointsResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let (member, expires_at) = convert::all((
                convert::name(&message.member, "member"),
                convert::instant(message.expire_time.as_ref(), "expire_time"),
            ))?;
            let AdjustPointsRequest { points, goodwill, clamp, .. } = message;
            let asked = Asked { points, goodwill, expires_at, clamp };
            let adjust = Adjust::new(asked, message.reason.clone(), posting::subject(&call), self.now()).refuse()?;
            let post = Post {
                member,
                command: Command::Adjust(adjust),
                reply: |m, c, o| outcome::adjusted(m, c, o).encode_to_vec(),
            };
            self.submit(&call, "PointsService/AdjustPoints", &message, post).await
        })
        .await
    }

    async fn transfer_points(
        &self,
        request: Request<TransferPointsRequest>,
    ) -> Result<Response<TransferPointsResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let (member, to) = convert::all((
                convert::name(&message.member, "member"),
                convert::name(&message.to_member, "to_member"),
            ))?;
            let command = Command::Transfer(Transfer { to, points: Amount::new(message.points) });
            let post = Post { member, command, reply: |m, c, o| outcome::transferred(m, c, o).encode_to_vec() };
            self.submit(&call, "PointsService/TransferPoints", &message, post).await
        })
        .await
    }

    async fn batch_post(&self, request: Request<BatchPostRequest>) -> Result<Response<BatchPostResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let links: Vec<Linked<'_>> = message
                .commands
                .iter()
                .map(|command| Linked {
                    key: &command.key,
                    with: Some(&*command.linked_with).filter(|w| !w.is_empty()),
                })
                .collect();
            let chains = chains(&links).refuse()?;
            let items = posting::items(&message.commands, &call, self.now())?;
            let root = natural_id("batch-post", [message.request_id.as_str()]);
            let write = write("PointsService/BatchPost", root, &message)?;
            let batch = PostAll { items, chains, reply: posting::reply };
            reply(&self.batches.submit(&call, root, Some(write), batch).await?)
        })
        .await
    }

    async fn get_balance(&self, request: Request<GetBalanceRequest>) -> Result<Response<GetBalanceResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let (member, as_of, known_at) = convert::all((
                convert::name::<MemberId>(&message.member, "member"),
                convert::instant(message.as_of.as_ref(), "as_of"),
                convert::instant(message.known_at.as_ref(), "known_at"),
            ))?;
            let reader = self.db.reader(&call);
            let now = reader.now();
            let at = as_of.unwrap_or(now);
            let accounts = if known_at.is_none() && at >= now {
                reading::accounts_of(&reader, member).await?
            } else {
                reading::accounts_as_known(&reader, member, at, known_at.unwrap_or(now)).await?
            };
            let balances = accounts.iter().map(|account| account.balance(at));
            let balance = Some(wire::balance(&balances.fold(Balance::default(), Balance::plus)));
            Ok(GetBalanceResponse { balance, as_of: Some(to_proto(at)) })
        })
        .await
    }

    async fn list_entries(
        &self,
        request: Request<ListEntriesRequest>,
    ) -> Result<Response<ListEntriesResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let asked = ["ListEntries", &message.member, &message.order];
            let (member, order, page) = convert::all((
                convert::name::<MemberId>(&message.member, "member"),
                convert::optional_name::<OrderName>(&message.order, "order"),
                PageRequest::parse(message.page_size, &message.page_token, &asked),
            ))?;
            let reader = self.db.reader(&call);
            let account = accounts::read(&reader, member).await?;
            if account.kin.is_some() {
                let sides: Vec<MemberId> = kin::sides(&reader, account).await?.iter().map(|side| side.member).collect();
                return entries_of(&reader, &sides, order.as_ref(), &page).await;
            }
            let before = page.after.as_ref().and_then(|key| key.first()?.parse().ok());
            let order = order.as_ref().map(OrderId::from);
            let connection = reader.connection();
            let mut found = entries::page(connection, member.uuid(), order, before, page.size + 1).await?;
            let next_page_token = super::cut(&mut found, &page, |entry| entry.number.to_string());
            let orders: BTreeSet<Uuid> = found.iter().filter_map(|entry| Some(entry.order?.0)).collect();
            let orders: Vec<(Uuid, Uuid)> = orders.into_iter().map(|order| (member.uuid(), order)).collect();
            let records = member_orders::load(connection, &orders).await?;
            let named: BTreeMap<_, _> =
                records.iter().map(|(_, order, record)| (*order, record.order.clone())).collect();
            let notes = adjustments::notes(connection, member.uuid(), &found).await?;
            let others = transfers::others(connection, member.uuid(), &found).await?;
            let sources = sources::named(connection, member.uuid(), &found).await?;
            let told = wire::Told { orders: &named, notes: &notes, others: &others, sources: &sources };
            let mut entries: Vec<_> = found.iter().map(|entry| wire::entry(member, entry, &told)).collect();
            if message.explain {
                let records: BTreeMap<_, _> = records.iter().map(|(_, order, record)| (*order, record)).collect();
                let mut occasions = occasions::given(connection, member.uuid(), &found).await?;
                for (entry, shown) in found.iter().zip(&mut entries).filter(|(entry, _)| entry.kind == EntryKind::Earn)
                {
                    if let Some(record) = entry.order.and_then(|order| records.get(&order)) {
                        shown.explanation = Some(purchase::explanation(&record.explanation()));
                    }
                    shown.occasion = occasions.remove(&entry.number).unwrap_or_default();
                }
            }
            Ok(ListEntriesResponse { entries, next_page_token })
        })
        .await
    }

    async fn list_expiring(
        &self,
        request: Request<ListExpiringRequest>,
    ) -> Result<Response<ListExpiringResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let (member, until) = convert::all((
                convert::name(&message.member, "member"),
                convert::instant(message.until.as_ref(), "until"),
            ))?;
            let reader = self.db.reader(&call);
            let expiring = expiring(&reading::accounts_of(&reader, member).await?, reader.now(), until);
            let points = expiring.last().map_or(0, |last| last.cumulative.get());
            Ok(ListExpiringResponse { expiring: expiring.iter().map(wire::expiring).collect(), points })
        })
        .await
    }
}

/// The entries of several members who are one person, the newest first.
async fn entries_of<S: Session>(
    reader: &S,
    members: &[MemberId],
    order: Option<&OrderName>,
    page: &PageRequest,
) -> Result<ListEntriesResponse, Refused> {
    let connection = reader.connection();
    let behind = page.after.as_ref().and_then(|key| key.first()).and_then(|key| {
        let mut parts = key.split('/');
        let at = Timestamp::from_microsecond(parts.next()?.parse().ok()?).ok()?;
        Some((at, Uuid::try_parse(parts.next()?).ok()?, parts.next()?.parse().ok()?))
    });
    let roots: Vec<Uuid> = members.iter().map(|member| member.uuid()).collect();
    let mut found = entries::page_of(connection, &roots, order.map(OrderId::from), behind, page.size + 1).await?;
    let next_page_token = super::cut(&mut found, page, |(member, entry)| {
        format!("{}/{member}/{}", entry.create_time.as_microsecond(), entry.number)
    });
    let orders: BTreeSet<(Uuid, Uuid)> = found.iter().filter_map(|(one, entry)| Some((*one, entry.order?.0))).collect();
    let named = member_orders::load(connection, &orders.into_iter().collect::<Vec<_>>()).await?;
    let named: BTreeMap<_, _> = named.into_iter().map(|(_, order, record)| (order, record.order)).collect();
    let (mut notes, mut others, mut given) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for member in members {
        let own: Vec<_> =
            found.iter().filter(|(one, _)| *one == member.uuid()).map(|(_, entry)| entry.clone()).collect();
        notes.insert(member.uuid(), adjustments::notes(connection, member.uuid(), &own).await?);
        others.insert(member.uuid(), transfers::others(connection, member.uuid(), &own).await?);
        given.insert(member.uuid(), sources::named(connection, member.uuid(), &own).await?);
    }
    let entries = found.iter().map(|(member, entry)| {
        let (notes, others, sources) = (&notes[member], &others[member], &given[member]);
        wire::entry(MemberId(*member), entry, &wire::Told { orders: &named, notes, others, sources })
    });
    Ok(ListEntriesResponse { entries: entries.collect(), next_page_token })
}

/// An order. What rewards cost and awards give has names of its own, which only those use.
pub(super) fn order(name: &str) -> Result<OrderName, Refused> {
    let order: OrderName = convert::name(name, "order")?;
    if order.source() == reward::SOURCE {
        return Err(Refused::invalid("order", "SOURCE_RESERVED", "orders of this source are redemptions of rewards"));
    }
    if order.source() == award::SOURCE {
        return Err(Refused::invalid("order", "SOURCE_RESERVED", "orders of this source are awards"));
    }
    Ok(order)
}

pub(super) fn optional_order(name: &str) -> Result<Option<OrderName>, Refused> {
    if name.is_empty() { Ok(None) } else { order(name).map(Some) }
}

/// `members/{uuid}/holds/{uuid}`.
pub(super) fn hold_name(name: &str) -> Result<(MemberId, HoldId), Refused> {
    let malformed = || {
        let description = format!("{name:?} is not a name of the form members/{{uuid}}/holds/{{uuid}}");
        Refused::invalid("name", "NAME_MALFORMED", description)
    };
    let (member, hold) = name.split_once("/holds/").ok_or_else(malformed)?;
    let member = member.parse().map_err(|_| malformed())?;
    Ok((member, HoldId(convert::uuid(hold, "name").map_err(|_| malformed())?)))
}

fn returned_lines(lines: &[ReturnLine]) -> Result<Vec<ReturnedLine>, Refused> {
    let (mut read, mut wrong, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (at, line) in lines.iter().enumerate() {
        let mut violate = |rule: &str, description: String| {
            wrong.push(Violation { field: format!("lines[{at}]"), rule: rule.into(), description });
        };
        if !seen.insert(line.line) {
            violate("LINE_REPEATED", format!("line {} occurs twice", line.line));
        }
        match (line.quantity, line.amount_minor) {
            (quantity, 0) if quantity > 0 => {
                read.push(ReturnedLine { line: line.line, extent: Extent::Quantity(quantity) });
            }
            (0, amount) if amount > 0 => read.push(ReturnedLine { line: line.line, extent: Extent::Amount(amount) }),
            _ => violate("EXACTLY_ONE", "exactly one of quantity, amount_minor must be given".into()),
        }
    }
    if wrong.is_empty() { Ok(read) } else { Err(Refused::violations(wrong)) }
}
