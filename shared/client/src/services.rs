//! The generated clients, by service: `client.loyalty().points().earn_points(…)`.

use guanxi_contracts::common::v1 as common;
use guanxi_contracts::{customer, feedback, logistics, loyalty};
use guanxi_rpc::Transport;

use crate::Client;

use common::admin_service_client::AdminServiceClient;
use common::event_service_client::EventServiceClient;
use common::job_service_client::JobServiceClient;

/// Declares a service: its name, and the accessor and generated client of each of its gRPC services.
macro_rules! services {
    ($($service:ident $name:literal $handle:ident { $($accessor:ident: $package:ident::v1::$module:ident::$client:ident;)+ })+) => {
        impl Client {
            $(
                #[doc = concat!("The calls of the ", $name, " service.")]
                pub fn $service(&self) -> $handle {
                    $handle(self.to($name))
                }
            )+
        }

        $(
            #[doc = concat!("The calls of the ", $name, " service.")]
            #[derive(Debug, Clone)]
            pub struct $handle(Transport);

            impl $handle {
                $(
                    #[doc = concat!("`", stringify!($client), "`.")]
                    pub fn $accessor(&self) -> $package::v1::$module::$client<Transport> {
                        $package::v1::$module::$client::new(self.0.clone())
                    }
                )+
            }
        )+
    };
}

services! {
    customer "customer" Customer {
        customers: customer::v1::customer_service_client::CustomerServiceClient;
        identities: customer::v1::identity_service_client::IdentityServiceClient;
        orders: customer::v1::order_service_client::OrderServiceClient;
        organizations: customer::v1::organization_service_client::OrganizationServiceClient;
    }
    loyalty "loyalty" Loyalty {
        programs: loyalty::v1::program_service_client::ProgramServiceClient;
        members: loyalty::v1::member_service_client::MemberServiceClient;
        points: loyalty::v1::points_service_client::PointsServiceClient;
        ledger: loyalty::v1::ledger_service_client::LedgerServiceClient;
        campaigns: loyalty::v1::campaign_service_client::CampaignServiceClient;
        coupons: loyalty::v1::coupon_service_client::CouponServiceClient;
        gift_cards: loyalty::v1::gift_card_service_client::GiftCardServiceClient;
        rewards: loyalty::v1::reward_service_client::RewardServiceClient;
        challenges: loyalty::v1::challenge_service_client::ChallengeServiceClient;
        referrals: loyalty::v1::referral_service_client::ReferralServiceClient;
    }
    logistics "logistics" Logistics {
        shipments: logistics::v1::shipment_service_client::ShipmentServiceClient;
        tracking: logistics::v1::tracking_service_client::TrackingServiceClient;
    }
    feedback "feedback" Feedback {
        cases: feedback::v1::case_service_client::CaseServiceClient;
        reviews: feedback::v1::review_service_client::ReviewServiceClient;
        surveys: feedback::v1::survey_service_client::SurveyServiceClient;
        scores: feedback::v1::score_service_client::ScoreServiceClient;
    }
}

impl Client {
    /// `JobServiceClient` of one service (`loyalty`).
    pub fn jobs(&self, service: &str) -> JobServiceClient<Transport> {
        JobServiceClient::new(self.to(service))
    }

    /// `EventServiceClient` of one service (`loyalty`).
    pub fn events(&self, service: &str) -> EventServiceClient<Transport> {
        EventServiceClient::new(self.to(service))
    }

    /// `AdminServiceClient` of one service (`loyalty`).
    pub fn admin(&self, service: &str) -> AdminServiceClient<Transport> {
        AdminServiceClient::new(self.to(service))
    }
}
