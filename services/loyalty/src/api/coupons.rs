//! CouponService.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use futures::{StreamExt, stream};
use guanxi_contracts::common::v1::{Job, JobState};
use guanxi_contracts::loyalty::v1::*;
use guanxi_contracts::server::loyalty_v1::coupon_service_server::CouponService;
use guanxi_contracts::time::to_proto;
use guanxi_contracts::{Message, Mutation};
use guanxi_kernel::name::MemberId;
use guanxi_kernel::{Call, Kind, PageRequest, Refuse, Refused, Timestamp, Uuid};
use guanxi_rpc::{Answers, answer, answer_each, check, convert, open, write};
use guanxi_runtime::Jobs;
use guanxi_store::{Database, Session};
use tonic::{Request, Response, Status, Streaming};

use super::reply;
use super::wire::coupon as wire;
use crate::domain::coupon::batch::{Batch, BatchId};
use crate::domain::coupon::book::Book;
use crate::domain::coupon::code::{BEARER_BITS, CodeText, CouponId, OWNED_BITS, Pattern};
use crate::domain::coupon::redemption::{Redeem, name, parse_name};
use crate::domain::coupon::refused::IssueError;
use crate::domain::coupon::{Coupon as Code, order_key};
use crate::domain::program::ProgramId;
use crate::jobs::CREATE_COUPONS;
use crate::store::coupons::book::Needs;
use crate::store::coupons::codes::Filter;
use crate::store::coupons::queue::{Ask, Command, Import, Outcome, Queue};
use crate::store::coupons::{batches, book, codes};
use crate::store::{kin, programs};

/// Elements of one stream that are on their way at once.
const IN_FLIGHT: usize = 256;
/// Coupons of one answer of an export.
const EXPORTED: i64 = 2_000;

/// Serves coupons.
#[derive(Debug, Clone)]
pub struct Coupons {
    db: Database,
    queue: Queue,
    jobs: Jobs,
}

impl Coupons {
    /// Over this database; redemptions go through this queue, codes are made by jobs.
    pub fn new(db: &Database, queue: &Queue, jobs: &Jobs) -> Self {
        Self { db: db.clone(), queue: queue.clone(), jobs: jobs.clone() }
    }

    async fn submit<M: Mutation, R: Message + Default>(
        &self,
        call: &Call,
        method: &'static str,
        root: Uuid,
        message: &M,
        ask: Ask,
    ) -> Result<R, Refused> {
        let write = write(method, root, message)?;
        reply(&self.queue.submit(call, root, Some(write), ask).await?)
    }

    async fn import(
        &self,
        call: Call,
        index: i64,
        message: ImportCouponsRequest,
    ) -> Result<ImportCouponsResponse, Refused> {
        let answered = async {
            check(&message)?;
            let (batch, text, member, expire_time) = convert::all((
                convert::name::<BatchId>(&message.batch, "batch"),
                message.code.parse::<CodeText>().refuse_in("code"),
                convert::optional_name::<MemberId>(&message.member, "member"),
                convert::instant(message.expire_time.as_ref(), "expire_time"),
            ))?;
            let root = batch.uuid();
            let command = Command::Import(Import { batch, text, member, expire_time });
            reply::<ImportCouponsResponse>(
                &self.queue.submit(&call, root, None, Ask { command, reply: imported }).await?,
            )
        };
        match answered.await {
            Ok(answer) => Ok(ImportCouponsResponse { index, kept_count: 1, ..answer }),
            Err(refused) => rejected(index, refused),
        }
    }

    /// Coupons as messages, with their batches.
    async fn shown(&self, call: &Call, found: &[Code]) -> Result<Vec<Coupon>, Refused> {
        let reader = self.db.reader(call);
        let keys: std::collections::BTreeSet<Uuid> = found.iter().map(|coupon| coupon.batch.uuid()).collect();
        let batches = batches::load(reader.connection(), &keys.into_iter().collect::<Vec<_>>()).await?;
        let shown = found
            .iter()
            .filter_map(|coupon| Some(wire::coupon(coupon, batches.get(&coupon.batch.uuid())?, reader.now())));
        Ok(shown.collect())
    }
}

#[tonic::async_trait]
impl CouponService for Coupons {
    async fn create_coupon_batch(
        &self,
        request: Request<CreateCouponBatchRequest>,
    ) -> Result<Response<CreateCouponBatchResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let given = convert::required(message.coupon_batch.as_ref(), "coupon_batch")?;
            let (id, program) = convert::all((
                BatchId::from_slug(&message.coupon_batch_id).refuse_in("coupon_batch_id"),
                convert::name::<ProgramId>(&given.program, "coupon_batch.program"),
            ))?;
            let write = write("CouponService/CreateCouponBatch", id.uuid(), &message)?;
            let (id, program) = (&id, &program);
            let written = self.db.command(&call, &write, |tx| async move {
                let program = programs::read(&*tx, program).await?;
                tx.may_write(program.organization.slug())?;
                if batches::exists(&tx, id).await? {
                    return Err(Refused::exists("coupon_batch", id).into());
                }
                let terms = wire::terms(given, &program, tx.now())?;
                let (organization, zone) = (program.organization.clone(), program.zone.clone());
                let batch = Batch::create(id.clone(), organization, zone, terms, tx.now()).refuse()?;
                batches::insert(&tx, &batch).await?;
                Ok(CreateCouponBatchResponse { coupon_batch: Some(wire::batch(&batch)) }.encode_to_vec())
            });
            reply(&written.await?)
        })
        .await
    }

    async fn get_coupon_batch(
        &self,
        request: Request<GetCouponBatchRequest>,
    ) -> Result<Response<GetCouponBatchResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let batch = batches::read(&self.db.reader(&call), &convert::name(&message.name, "name")?).await?;
            Ok(GetCouponBatchResponse { coupon_batch: Some(wire::batch(&batch)) })
        })
        .await
    }

    async fn list_coupon_batches(
        &self,
        request: Request<ListCouponBatchesRequest>,
    ) -> Result<Response<ListCouponBatchesResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let page = PageRequest::parse(message.page_size, &message.page_token, &["ListCouponBatches"])?;
            let after = page.after.as_ref().and_then(|key| key.first()).map(String::as_str);
            let mut found = batches::page(&self.db.reader(&call), after, u64::from(page.size) + 1).await?;
            let next_page_token = super::cut(&mut found, &page, |batch| batch.id.slug().to_owned());
            Ok(ListCouponBatchesResponse { coupon_batches: found.iter().map(wire::batch).collect(), next_page_token })
        })
        .await
    }

    async fn create_coupons(
        &self,
        request: Request<CreateCouponsRequest>,
    ) -> Result<Response<CreateCouponsResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let members = message.members.iter().enumerate();
            let members = members.map(|(at, name)| convert::name::<MemberId>(name, &format!("members[{at}]")));
            let (id, members, expire_time) = convert::all((
                convert::name::<BatchId>(&message.batch, "batch"),
                convert::each::<_, Vec<MemberId>>(members),
                convert::instant(message.expire_time.as_ref(), "expire_time"),
            ))?;
            if (message.count > 0) != members.is_empty() {
                Err(Refused::invalid("count", "EXACTLY_ONE", "exactly one of count, members must be given"))?;
            }
            let needed = if members.is_empty() { BEARER_BITS } else { OWNED_BITS };
            Pattern::new(&message.pattern, needed).refuse()?;
            let write = write("CouponService/CreateCoupons", id.uuid(), &message)?;
            let (id, members, asked) = (&id, &members, &message);
            let written = self.db.command(&call, &write, |tx| async move {
                let batch = batches::read(&*tx, id).await?;
                tx.may_write(batch.organization.slug())?;
                fits(&batch, expire_time, tx.now())?;
                let keys: Vec<Uuid> = members.iter().map(|member| member.uuid()).collect();
                let known = book::holders(tx.conn(), &keys).await?;
                let foreign = members
                    .iter()
                    .find(|member| known.get(member).is_none_or(|holder| holder.organization != batch.organization));
                if let Some(foreign) = foreign {
                    return Err(Refused::not_found("member", foreign).into());
                }
                let id = self.jobs.start(&tx, CREATE_COUPONS, Some(&batch.organization), asked.encode_to_vec()).await?;
                let job = Job {
                    name: self.jobs.name(id),
                    kind: CREATE_COUPONS.to_owned(),
                    state: JobState::Pending.into(),
                    create_time: Some(to_proto(tx.now())),
                    ..Job::default()
                };
                Ok(CreateCouponsResponse { job: Some(job) }.encode_to_vec())
            });
            let written = written.await?;
            self.jobs.wake();
            reply(&written)
        })
        .await
    }

    type ExportCouponsStream = Answers<ExportCouponsResponse>;

    async fn export_coupons(
        &self,
        request: Request<ExportCouponsRequest>,
    ) -> Result<Response<Self::ExportCouponsStream>, Status> {
        let (call, message) = open(request);
        let found = answer(async {
            batches::read(&self.db.reader(&call), &convert::name(&message.batch, "batch")?).await.map_err(Refused::from)
        });
        let batch = found.await?.into_inner();
        let state = (self.db.clone(), call, batch, 0);
        let pages = stream::try_unfold(state, |(db, call, batch, after)| async move {
            let answered = answer(async {
                let reader = db.reader(&call);
                let found = codes::made_after(reader.connection(), &batch.id, after, EXPORTED).await?;
                let now = reader.now();
                let coupons = found.iter().map(|coupon| wire::coupon(coupon, &batch, now)).collect();
                Ok((found.last().map(|last| last.number), ExportCouponsResponse { coupons }))
            });
            let (last, page) = answered.await?.into_inner();
            Ok(last.map(|last| (page, (db, call, batch, last))))
        });
        Ok(Response::new(pages.boxed()))
    }

    type ImportCouponsStream = Answers<ImportCouponsResponse>;

    async fn import_coupons(
        &self,
        request: Request<Streaming<ImportCouponsRequest>>,
    ) -> Result<Response<Self::ImportCouponsStream>, Status> {
        let this = Arc::new(self.clone());
        let next = AtomicI64::new(0);
        let answers = answer_each(request, IN_FLIGHT, move |call, message| {
            let (this, index) = (Arc::clone(&this), next.fetch_add(1, Ordering::Relaxed));
            async move { this.import(call, index, message).await }
        })?;
        // Answers come in the order of the elements, so that each one can say how many there were by then.
        let counted = answers.into_inner().scan((0, 0), |(kept, rejected), answer| {
            let answer = answer.map(|mut answer| {
                *kept += answer.kept_count;
                *rejected += answer.rejected_count;
                (answer.kept_count, answer.rejected_count) = (*kept, *rejected);
                answer
            });
            std::future::ready(Some(answer))
        });
        Ok(Response::new(counted.boxed()))
    }

    async fn get_coupon(&self, request: Request<GetCouponRequest>) -> Result<Response<GetCouponResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let id: CouponId = convert::name(&message.name, "name")?;
            let coupon = codes::read(&self.db.reader(&call), id).await?;
            Ok(GetCouponResponse { coupon: self.shown(&call, &[coupon]).await?.pop() })
        })
        .await
    }

    async fn list_coupons(
        &self,
        request: Request<ListCouponsRequest>,
    ) -> Result<Response<ListCouponsResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let state = message.state.to_string();
            let asked = ["ListCoupons", &message.batch, &message.member, &state];
            let (batch, member, page) = convert::all((
                convert::optional_name::<BatchId>(&message.batch, "batch"),
                convert::optional_name::<MemberId>(&message.member, "member"),
                PageRequest::parse(message.page_size, &message.page_token, &asked),
            ))?;
            let reader = self.db.reader(&call);
            let members = match member {
                Some(member) => Some(kin::same(reader.connection(), member).await?),
                None => None,
            };
            let filter = Filter { batch, members, state: wire::state(message.state()) };
            let after = page.after.as_ref().and_then(|key| {
                let (root, generation) = key.first()?.split_once('/')?;
                Some((Uuid::try_parse(root).ok()?, generation.parse().ok()?))
            });
            let mut found = codes::page(&reader, &filter, after, u64::from(page.size) + 1).await?;
            let next_page_token = super::cut(&mut found, &page, Code::subject);
            Ok(ListCouponsResponse { coupons: self.shown(&call, &found).await?, next_page_token })
        })
        .await
    }

    async fn validate_coupons(
        &self,
        request: Request<ValidateCouponsRequest>,
    ) -> Result<Response<ValidateCouponsResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let organization = readable(&call, &message.organization)?;
            let given = wire::Given {
                member: &message.member,
                store: &message.store,
                purchase: message.purchase.as_ref(),
                items: &message.items,
                tenders: &message.tenders,
            };
            let cart = given.cart(organization)?;
            let reader = self.db.reader(&call);
            let needs = Needs { carts: vec![&cart], ..Needs::default() };
            let book = book::read(reader.connection(), &needs, reader.now()).await?;
            let evaluation = book.evaluate(&cart, reader.now()).refuse()?;
            let verdicts = wire::verdicts(&cart, &book, &evaluation);
            Ok(ValidateCouponsResponse { verdicts, totals: Some(wire::totals(&evaluation)) })
        })
        .await
    }

    async fn redeem_coupons(
        &self,
        request: Request<RedeemCouponsRequest>,
    ) -> Result<Response<RedeemCouponsResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let organization = call.organization(convert::organization(&message.organization, "organization")?)?;
            let given = wire::Given {
                member: &message.member,
                store: &message.store,
                purchase: message.purchase.as_ref(),
                items: &message.items,
                tenders: &message.tenders,
            };
            let (order, cart) = convert::all((convert::name(&message.order, "order"), given.cart(organization)))?;
            let root = order_key(&cart.organization, &order);
            let bought = message.purchase.iter().flat_map(|purchase| &purchase.lines);
            let lines = bought.map(|line| (line.line, line.quantity)).collect();
            let command = Command::Redeem(Redeem { order, cart, lines, partial: message.partial });
            let ask = Ask { command, reply: redeemed };
            self.submit(&call, "CouponService/RedeemCoupons", root, &message, ask).await
        })
        .await
    }

    async fn rollback_redemption(
        &self,
        request: Request<RollbackRedemptionRequest>,
    ) -> Result<Response<RollbackRedemptionResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let malformed = || {
                let description = format!("{:?} is no name of a redemption", message.name);
                Refused::invalid("name", "NAME_MALFORMED", description)
            };
            let (root, number) = parse_name(&message.name).ok_or_else(malformed)?;
            let ask = Ask { command: Command::RollBack(root, number), reply: rolled_back };
            self.submit(&call, "CouponService/RollbackRedemption", root, &message, ask).await
        })
        .await
    }
}

/// The organisation whose coupons are looked at: the one named, else the caller's own.
pub(super) fn readable(call: &Call, named: &str) -> Result<guanxi_kernel::OrganizationId, Refused> {
    match convert::organization(named, "organization")? {
        Some(named) if call.caller.organizations.may_read(&named) => Ok(named),
        Some(named) => Err(Refused::not_found("organization", named)),
        None => {
            let only = call.caller.organizations.readable().filter(|list| list.len() == 1);
            let only = only.and_then(|list| list.first().map(|only| (*only).clone()));
            Ok(only.unwrap_or_else(guanxi_kernel::OrganizationId::default_organization))
        }
    }
}

/// Refuses an expiry that the batch cannot give, before a job finds out.
fn fits(batch: &Batch, asked: Option<Timestamp>, now: Timestamp) -> Result<(), Refused> {
    let latest = batch.terms.expire_time;
    if now >= latest {
        return Err(IssueError::BatchExpired(latest).into());
    }
    match asked {
        Some(asked) if asked > latest || asked <= now || asked <= batch.terms.start_time => {
            Err(IssueError::ExpiryOutOfBatch { asked, latest }.into())
        }
        _ => Ok(()),
    }
}

fn redeemed(book: &Book, command: &Command, outcome: Outcome, now: Timestamp) -> Vec<u8> {
    let (Outcome::Redeemed(evaluation, root, number), Command::Redeem(redeem)) = (outcome, command) else {
        unreachable!("an order comes to a redemption")
    };
    RedeemCouponsResponse {
        redemption: name(root, number),
        verdicts: wire::verdicts(&redeem.cart, book, &evaluation),
        totals: Some(wire::totals(&evaluation)),
        redeem_time: Some(to_proto(now)),
    }
    .encode_to_vec()
}

fn rolled_back(_: &Book, _: &Command, outcome: Outcome, _: Timestamp) -> Vec<u8> {
    let Outcome::RolledBack(redemption) = outcome else { unreachable!("a rollback comes to what was redeemed") };
    RollbackRedemptionResponse {
        coupon_count: i32::try_from(redemption.uses.len()).unwrap_or(i32::MAX),
        discount_minor: redemption.uses.iter().map(|used| used.taken.sum()).sum(),
    }
    .encode_to_vec()
}

fn imported(book: &Book, _: &Command, outcome: Outcome, now: Timestamp) -> Vec<u8> {
    let Outcome::Issued(id, generation) = outcome else { unreachable!("an import comes to a coupon") };
    let coupon = book.coupons.get(&(id, generation));
    let coupon = coupon.and_then(|coupon| Some(wire::coupon(coupon, book.batches.get(&coupon.batch.uuid())?, now)));
    let outcome = CouponImportOutcome::Kept.into();
    ImportCouponsResponse { coupon, outcome, ..ImportCouponsResponse::default() }.encode_to_vec()
}

/// The answer to an element that was refused.
///
/// # Errors
/// A refusal that is not the element's own, such as a database that is away: the stream ends.
fn rejected(index: i64, refused: Refused) -> Result<ImportCouponsResponse, Refused> {
    match refused.kind() {
        Kind::InvalidArgument
        | Kind::NotFound
        | Kind::PermissionDenied
        | Kind::AlreadyExists
        | Kind::FailedPrecondition => {}
        _ => return Err(refused),
    }
    let violation = |violation: &guanxi_kernel::Violation| ImportViolation {
        field: violation.field.clone(),
        rule: violation.rule.clone(),
        description: violation.description.clone(),
    };
    Ok(ImportCouponsResponse {
        index,
        reason: refused.reason().to_owned(),
        violations: refused.field_violations().iter().map(violation).collect(),
        rejected_count: 1,
        outcome: CouponImportOutcome::Rejected.into(),
        ..ImportCouponsResponse::default()
    })
}
