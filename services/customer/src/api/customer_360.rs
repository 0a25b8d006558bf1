//! GetCustomer360: what all services know, asked of all at once. Who does not answer in time costs its part only.

use std::time::{Duration, Instant};

use guanxi_contracts::customer::v1::{
    CaseStanding, Customer360, GetCustomer360Request, GetCustomer360Response, LoyaltyStanding, MissingPart,
    OrderStanding, ShipmentStanding,
};
use guanxi_contracts::feedback::v1::case_service_client::CaseServiceClient;
use guanxi_contracts::feedback::v1::{CaseCauseKind, CaseState, ListCasesRequest};
use guanxi_contracts::logistics::v1::shipment_service_client::ShipmentServiceClient;
use guanxi_contracts::logistics::v1::{ListShipmentsRequest, TrackingStatus};
use guanxi_contracts::loyalty::v1::member_service_client::MemberServiceClient;
use guanxi_contracts::loyalty::v1::points_service_client::PointsServiceClient;
use guanxi_contracts::loyalty::v1::{GetBalanceRequest, ListExpiringRequest, ListMembersRequest, Member};
use guanxi_kernel::name::CustomerId;
use guanxi_kernel::{Call, Refused};
use guanxi_rpc::status::code_name;
use guanxi_rpc::{Failure, Transport, convert};
use guanxi_store::{Database, Session, StoreError};
use tonic::{Code, Status};

use super::customers::{Customers, shown};
use super::{order_wire, wire};
use crate::store::identity::When;
use crate::store::{customers, identity, orders};

/// How many items of a kind are shown.
const SHOWN: i32 = 20;
/// How many orders are shown.
const ORDERS: u64 = 5;
/// How many edges are shown.
const EDGES: u64 = 64;

impl Customers {
    pub(super) async fn view(
        &self,
        call: &Call,
        message: GetCustomer360Request,
    ) -> Result<GetCustomer360Response, Refused> {
        let id: CustomerId = convert::name(&message.name, "name")?;
        let patience = patience(self.patience, call);
        let (own, loyalty, shipments, cases) = tokio::join!(
            own(&self.db, call, id),
            timely(patience, loyalty(self.peers.for_call("loyalty", call), id)),
            timely(patience, shipments(self.peers.for_call("logistics", call), id)),
            timely(patience, cases(self.peers.for_call("feedback", call), id)),
        );
        let mut view = own?;
        view.loyalty = part(loyalty, "loyalty", "loyalty", &mut view.missing);
        view.open_shipments = part(shipments, "open_shipments", "logistics", &mut view.missing);
        view.open_cases = part(cases, "open_cases", "feedback", &mut view.missing);
        Ok(GetCustomer360Response { customer_360: Some(view) })
    }
}

/// How long to wait for the others: as set, and no longer than leaves time to answer.
fn patience(set: Duration, call: &Call) -> Duration {
    call.deadline.map_or(set, |end| set.min(end.saturating_duration_since(Instant::now()) * 3 / 4))
}

async fn timely<T>(patience: Duration, asked: impl Future<Output = Result<T, Status>>) -> Result<T, Failure> {
    match tokio::time::timeout(patience, asked).await {
        Ok(answered) => answered.map_err(Failure::from),
        Err(_) => {
            let message = format!("did not answer within {} ms", patience.as_millis());
            Err(Failure::from(Status::new(Code::DeadlineExceeded, message)))
        }
    }
}

fn part<T: Default>(answered: Result<T, Failure>, part: &str, service: &str, missing: &mut Vec<MissingPart>) -> T {
    answered.unwrap_or_else(|failure| {
        missing.push(MissingPart {
            part: part.to_owned(),
            service: service.to_owned(),
            code: code_name(failure.code).to_owned(),
            reason: failure.reason,
            message: failure.message,
        });
        T::default()
    })
}

async fn own(db: &Database, call: &Call, id: CustomerId) -> Result<Customer360, StoreError> {
    let reader = db.reader(call);
    let customer = customers::get(&reader, id).await?;
    let mut edges = identity::list(&reader, id, When::At(reader.now()), None, EDGES).await?;
    edges.reverse();
    let edges = edges.iter().map(|row| Ok(wire::edge(&identity::edge(row), &identity::identifier(row)?)));
    let standing = orders::standing(&reader, id, ORDERS).await?;
    Ok(Customer360 {
        customer: Some(shown(&reader, &customer).await?),
        identity_edges: edges.collect::<Result<_, StoreError>>()?,
        orders: Some(OrderStanding {
            order_count: standing.count,
            values: standing.values.into_iter().map(convert::to_money).collect(),
            first_order_time: convert::to_instant(standing.first),
            last_order_time: convert::to_instant(standing.last),
            latest_orders: standing
                .latest
                .iter()
                .map(|latest| order_wire::order(&latest.order, latest.total_minor, latest.state))
                .collect(),
        }),
        ..Customer360::default()
    })
}

async fn loyalty(loyalty: Transport, id: CustomerId) -> Result<Vec<LoyaltyStanding>, Status> {
    let asked = ListMembersRequest { customer: id.to_string(), page_size: SHOWN, ..ListMembersRequest::default() };
    let members = MemberServiceClient::new(loyalty.clone()).list_members(asked).await?.into_inner().members;
    futures::future::try_join_all(members.into_iter().map(|member| standing(loyalty.clone(), member))).await
}

async fn standing(loyalty: Transport, member: Member) -> Result<LoyaltyStanding, Status> {
    let mut points = PointsServiceClient::new(loyalty);
    let mut expiring = points.clone();
    let (balance, expiring) = tokio::try_join!(
        points.get_balance(GetBalanceRequest { member: member.name.clone(), ..GetBalanceRequest::default() }),
        expiring.list_expiring(ListExpiringRequest { member: member.name.clone(), ..ListExpiringRequest::default() }),
    )?;
    let balance = balance.into_inner().balance.unwrap_or_default();
    let next = expiring.into_inner().expiring.into_iter().next();
    Ok(LoyaltyStanding {
        member: member.name,
        program: member.program,
        available_points: balance.available,
        pending_points: balance.pending,
        held_points: balance.held,
        enroll_time: member.enroll_time,
        next_expire_time: next.as_ref().and_then(|next| next.expires_at),
        next_expire_points: next.map_or(0, |next| next.points),
    })
}

async fn shipments(logistics: Transport, id: CustomerId) -> Result<Vec<ShipmentStanding>, Status> {
    let filter = format!(
        "customer = \"{id}\" AND status != DELIVERED AND status != RETURNED AND status != CANCELLED AND status != LOST"
    );
    let asked = ListShipmentsRequest { filter, page_size: SHOWN, ..ListShipmentsRequest::default() };
    let found = ShipmentServiceClient::new(logistics).list_shipments(asked).await?.into_inner().shipments;
    let open = found.into_iter().map(|shipment| ShipmentStanding {
        status: spelled(shipment.status().as_str_name(), TrackingStatus::Unspecified.as_str_name()),
        shipment: shipment.name,
        order: shipment.order,
        promised_date: shipment.original_promise.map(|promise| promise.promised_date).unwrap_or_default(),
        update_time: shipment.update_time,
        current_promised_date: shipment.promise.map(|promise| promise.promised_date).unwrap_or_default(),
    });
    Ok(open.collect())
}

async fn cases(feedback: Transport, id: CustomerId) -> Result<Vec<CaseStanding>, Status> {
    let filter = format!("customer = \"{id}\" AND state != SOLVED AND state != CLOSED");
    let asked = ListCasesRequest { filter, page_size: SHOWN, ..ListCasesRequest::default() };
    let found = CaseServiceClient::new(feedback).list_cases(asked).await?.into_inner().cases;
    let open = found.into_iter().map(|case| CaseStanding {
        causes: case
            .causes
            .iter()
            .map(|cause| spelled(cause.kind().as_str_name(), CaseCauseKind::Unspecified.as_str_name()))
            .collect(),
        state: spelled(case.state().as_str_name(), CaseState::Unspecified.as_str_name()),
        case: case.name,
        order: case.order,
        create_time: case.create_time,
    });
    Ok(open.collect())
}

/// The name of an enum's value without the enum's own, which the name of its zero shows.
fn spelled(value: &str, zero: &str) -> String {
    let prefix = zero.strip_suffix("UNSPECIFIED").unwrap_or_default();
    value.strip_prefix(prefix).unwrap_or(value).to_owned()
}
