//! Members: enrolled once, shown, listed by customer and program.

use guanxi_client::{Error, request_id};
use guanxi_contracts::loyalty::events::v1::MemberEnrolled;
use guanxi_contracts::loyalty::v1::*;

use crate::support::*;

guanxi_testkit::matrix! {
    setup();

    async fn a_customer_is_enrolled_once(env: &Env) {
        let name = member(env, program()).await;
        let request = EnrollMemberRequest {
            request_id: request_id(),
            program: "programs/test".into(),
            customer: customer(1).to_string(),
            enroll_time: None,
            referral_code: String::new(),
            card_number: String::new(),
        };
        let mut members = env.client().loyalty().members();
        let again = Error::from(members.enroll_member(request.clone()).await.expect_err("he is a member"));
        assert_eq!((again.reason.as_str(), again.code), ("ALREADY_EXISTS", tonic::Code::AlreadyExists));
        let read = members.get_member(GetMemberRequest { name: name.clone() }).await.unwrap().into_inner();
        assert_eq!(read.member.map(|member| member.customer), Some(customer(1).to_string()));
        let nowhere = EnrollMemberRequest { program: "programs/none".into(), ..request };
        assert_eq!(reason(members.enroll_member(nowhere).await), "NOT_FOUND");
        env.settle().await;
        let told = env.events_of::<MemberEnrolled>("loyalty").await;
        assert_eq!(told.into_iter().map(|told| told.member).collect::<Vec<_>>(), [name]);
    }

    async fn members_are_found_by_customer_and_by_program(env: &Env) {
        for program_id in ["a", "b"] {
            create(&env.client(), program_id, program()).await;
            for who in 1..=3 {
                enroll(&env.client(), program_id, customer(who)).await;
            }
        }
        let mut members = env.client().loyalty().members();
        let of = ListMembersRequest { customer: customer(2).to_string(), ..ListMembersRequest::default() };
        let found = members.list_members(of).await.unwrap().into_inner().members;
        let mut programs: Vec<_> = found.iter().map(|member| member.program.as_str()).collect();
        programs.sort_unstable();
        assert_eq!(programs, ["programs/a", "programs/b"]);
        let mut of =
            ListMembersRequest { program: "programs/a".into(), page_size: 2, ..ListMembersRequest::default() };
        let first = members.list_members(of.clone()).await.unwrap().into_inner();
        of.page_token = first.next_page_token;
        let second = members.list_members(of).await.unwrap().into_inner();
        assert_eq!((first.members.len(), second.members.len(), second.next_page_token.as_str()), (2, 1, ""));
    }
}
