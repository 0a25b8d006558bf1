//! Programs: made, shown, changed.

use guanxi_client::{Error, request_id};
use guanxi_contracts::loyalty::v1::*;
use prost_types::FieldMask;

use crate::support::*;

guanxi_testkit::matrix! {
    setup();

    async fn a_program_reads_back_as_it_was_made(env: &Env) {
        let mut asked = expiring_program(30);
        asked.earning_rules.push(EarningRule {
            id: "double".into(),
            categories: vec!["tv".into()],
            multiplier: Some(Multiplier { factor_milli: 2_000 }),
            ..EarningRule::default()
        });
        asked.earning_rules.iter_mut().for_each(|rule| rule.trigger = RuleTrigger::Order.into());
        let made = create(&env.client(), "gold", asked.clone()).await;
        assert_eq!((made.name.as_str(), made.organization.as_str()), ("programs/gold", "organizations/default"));
        assert_eq!((&made.expiry, &made.earning_rules), (&asked.expiry, &asked.earning_rules));
        let request = GetProgramRequest { name: "programs/gold".into() };
        let read = env.client().loyalty().programs().get_program(request).await.unwrap().into_inner();
        assert_eq!(read.program, Some(made));
    }

    async fn a_program_is_made_once_and_the_same_request_gets_the_same_answer(env: &Env) {
        let request =
            CreateProgramRequest { request_id: request_id(), program_id: "gold".into(), program: Some(program()) };
        let mut programs = env.client().loyalty().programs();
        let first = programs.create_program(request.clone()).await.unwrap().into_inner();
        assert_eq!(programs.create_program(request.clone()).await.unwrap().into_inner(), first);
        let mut other = request.clone();
        other.program.as_mut().unwrap().display_name = "Other".into();
        assert_eq!(reason(programs.create_program(other.clone()).await), "REQUEST_ID_REUSED");
        other.request_id = request_id();
        assert_eq!(reason(programs.create_program(other).await), "ALREADY_EXISTS");
    }

    async fn an_update_changes_what_its_mask_names_and_knows_a_stale_etag(env: &Env) {
        let made = create(&env.client(), "gold", program()).await;
        let changed = Program { display_name: "New".into(), auto_enroll: false, ..made.clone() };
        let request = UpdateProgramRequest {
            request_id: request_id(),
            program: Some(changed),
            update_mask: Some(FieldMask { paths: vec!["display_name".into()] }),
        };
        let mut programs = env.client().loyalty().programs();
        let updated = programs.update_program(request.clone()).await.unwrap().into_inner().program.unwrap();
        assert_eq!((updated.display_name.as_str(), updated.auto_enroll), ("New", true));
        assert_ne!(updated.etag, made.etag);
        let stale = UpdateProgramRequest { request_id: request_id(), ..request.clone() };
        assert_eq!(reason(programs.update_program(stale).await), "ETAG_MISMATCH");
        let paths = vec!["currency_code".into()];
        let fixed = UpdateProgramRequest {
            request_id: request_id(),
            update_mask: Some(FieldMask { paths }),
            ..request
        };
        let error = Error::from(programs.update_program(fixed).await.expect_err("it cannot change"));
        assert_eq!(error.violations[0].field, "update_mask");
    }

    async fn terms_that_contradict_themselves_are_refused_field_by_field(env: &Env) {
        let mut wrong = program();
        wrong.time_zone = "Mars/Olympus".into();
        wrong.earning_rules.push(wrong.earning_rules[0].clone());
        let request =
            CreateProgramRequest { request_id: request_id(), program_id: "gold".into(), program: Some(wrong.clone()) };
        let mut programs = env.client().loyalty().programs();
        let error = Error::from(programs.create_program(request).await.expect_err("it is refused"));
        let fields: Vec<_> = error.violations.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(fields, ["program.time_zone", "program.earning_rules[1].id"]);
        wrong.earning_rules[1].multiplier = Some(Multiplier { factor_milli: 1 });
        wrong.expiry = Some(ExpiryPolicy::default());
        let request =
            CreateProgramRequest { request_id: request_id(), program_id: "gold".into(), program: Some(wrong) };
        let error = Error::from(programs.create_program(request).await.expect_err("it is refused"));
        let fields: Vec<_> = error.violations.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(fields, ["program.earning_rules[1]", "program.expiry"]);
    }

    async fn programs_are_listed_in_pages(env: &Env) {
        for id in ["c", "a", "b"] {
            create(&env.client(), id, program()).await;
        }
        let mut programs = env.client().loyalty().programs();
        let mut request = ListProgramsRequest { page_size: 2, page_token: String::new() };
        let first = programs.list_programs(request.clone()).await.unwrap().into_inner();
        request.page_token = first.next_page_token.clone();
        let second = programs.list_programs(request).await.unwrap().into_inner();
        let names: Vec<_> = first.programs.iter().chain(&second.programs).map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["programs/a", "programs/b", "programs/c"]);
        assert_eq!((first.programs.len(), second.next_page_token.as_str()), (2, ""));
    }

    async fn a_changed_rule_earns_from_then_on(env: &Env) {
        let member = member(env, program()).await;
        earn(&env.client(), &member, "1", 10).await;
        let mut changed = program();
        changed.name = "programs/test".into();
        changed.earning_rules[0].per_amount = Some(PerAmount { points: 3, step_minor: 100, ..PerAmount::default() });
        let request =
            UpdateProgramRequest { request_id: request_id(), program: Some(changed), update_mask: None };
        env.client().loyalty().programs().update_program(request).await.unwrap();
        let request = earning(&member, "2", vec![line(1, 1_000)]);
        let earned = env.client().loyalty().points().earn_points(request).await.unwrap().into_inner();
        assert_eq!((earned.points, balance(&env.client(), &member).await.balance), (30, 40));
    }
}
