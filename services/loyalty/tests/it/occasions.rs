//! Occasions: birthdays, anniversaries and enrolments, at the till and by the clock alone.

use guanxi_client::{Client, Error, request_id};
use guanxi_contracts::customer::events::v1::{CustomerBirthday, CustomerCreated, CustomerFacts};
use guanxi_contracts::loyalty::v1::*;

use crate::sources::{born as born_on, told, updated};
use crate::support::*;

fn occasion(id: &str, kind: OccasionKind, points: i64) -> OccasionRule {
    OccasionRule { id: id.into(), display_name: id.to_uppercase(), kind: kind.into(), points, valid_for: None }
}

fn birthdays() -> Program {
    Program { occasions: vec![occasion("birthday", OccasionKind::Birthday, 88)], ..program() }
}

pub fn birthday(member: &str, month: i32, day: i32, source: BirthdaySource) -> SetBirthdayRequest {
    SetBirthdayRequest {
        request_id: request_id(),
        member: member.into(),
        birthday: Some(Birthday { month, day, source: source.into(), ..Birthday::default() }),
        time_zone: String::new(),
    }
}

async fn born(client: &Client, member: &str, month: i32, day: i32, source: BirthdaySource) {
    client.loyalty().members().set_birthday(birthday(member, month, day, source)).await.expect("it is noted");
}

pub fn checking_in(member: &str) -> CheckInRequest {
    CheckInRequest { request_id: request_id(), member: member.into(), store: "sh-1".into(), id_number: String::new() }
}

async fn check_in(client: &Client, member: &str) -> Vec<(String, String, bool)> {
    let answer = client.loyalty().members().check_in(checking_in(member)).await.expect("he is greeted");
    let said = answer.into_inner().celebrations.into_iter();
    said.map(|said| (said.rule, said.day, said.given_now)).collect()
}

fn said(of: &[(&str, &str, bool)]) -> Vec<(String, String, bool)> {
    of.iter().map(|(rule, day, now)| ((*rule).to_owned(), (*day).to_owned(), *now)).collect()
}

async fn points(client: &Client, member: &str) -> i64 {
    balance(client, member).await.balance
}

guanxi_testkit::matrix! {
    setup();

    async fn l24_a_birthday_is_greeted_at_the_till_and_gives_once(env: &Env) {
        env.clock().set(at("2026-12-01T04:00:00Z"));
        let member = member(env, birthdays()).await;
        let client = env.client();
        born(&client, &member, 2, 29, BirthdaySource::Member).await;
        env.clock().set(at("2027-02-27T15:59:59Z"));
        assert_eq!(check_in(&client, &member).await, []);
        // In Shanghai 28 February begins.
        env.clock().set(at("2027-02-27T16:00:00Z"));
        let request = checking_in(&member);
        let mut members = client.loyalty().members();
        let first = members.check_in(request.clone()).await.unwrap().into_inner();
        assert_eq!((first.celebrations.len(), first.celebrations[0].points), (1, 88));
        assert_eq!(members.check_in(request).await.unwrap().into_inner(), first, "the same request, the same answer");
        assert_eq!(check_in(&client, &member).await, said(&[("birthday", "2027-02-28", false)]));
        env.run_jobs().await;
        assert_eq!(points(&client, &member).await, 88);
        // The date is edited: the year is given all the same.
        born(&client, &member, 3, 1, BirthdaySource::Document).await;
        env.clock().set(at("2027-03-01T04:00:00Z"));
        assert_eq!(check_in(&client, &member).await, said(&[("birthday", "2027-03-01", false)]));
        assert_eq!(points(&client, &member).await, 88);
        env.verify().await;
    }

    async fn a_job_that_was_down_makes_up_for_every_year_once(env: &Env) {
        env.clock().set(at("2026-01-01T04:00:00Z"));
        let mut terms = birthdays();
        terms.occasions.push(occasion("welcome", OccasionKind::SignUp, 10));
        terms.occasions.push(occasion("year", OccasionKind::Anniversary, 5));
        let member = member(env, terms).await;
        let client = env.client();
        born(&client, &member, 6, 10, BirthdaySource::Member).await;
        env.run_jobs().await;
        env.clock().advance(jiff::SignedDuration::from_hours(1));
        env.run_jobs().await;
        assert_eq!(points(&client, &member).await, 10);
        env.clock().set(at("2028-06-10T04:00:00Z"));
        env.run_jobs().await;
        assert_eq!(points(&client, &member).await, 10 + 3 * 88 + 2 * 5);
        env.clock().advance(jiff::SignedDuration::from_hours(1));
        env.run_jobs().await;
        assert_eq!(points(&client, &member).await, 10 + 3 * 88 + 2 * 5);
        env.verify().await;
    }

    async fn a_date_told_late_pays_next_year_and_a_proven_one_at_once(env: &Env) {
        env.clock().set(at("2026-06-01T04:00:00Z"));
        let member = member(env, birthdays()).await;
        let client = env.client();
        born(&client, &member, 6, 10, BirthdaySource::Member).await;
        env.clock().set(at("2026-06-10T04:00:00Z"));
        assert_eq!(check_in(&client, &member).await, []);
        born(&client, &member, 6, 10, BirthdaySource::Document).await;
        assert_eq!(check_in(&client, &member).await, said(&[("birthday", "2026-06-10", true)]));
        let never = birthday(&member, 2, 30, BirthdaySource::Member);
        let refused = client.loyalty().members().set_birthday(never).await.expect_err("no year has it");
        let error = Error::from(refused);
        let violation = &error.violations[0];
        assert_eq!((violation.field.as_str(), violation.rule.as_str()), ("birthday.day", "DATE_NEVER"));
        env.verify().await;
    }

    async fn a_gift_may_expire_before_other_points_and_the_day_is_the_members_own(env: &Env) {
        env.clock().set(at("2026-01-01T04:00:00Z"));
        let mut terms = birthdays();
        terms.occasions[0].valid_for = Some(Period { count: 7, unit: PeriodUnit::Day.into() });
        let member = member(env, terms).await;
        let client = env.client();
        let there = SetBirthdayRequest {
            time_zone: "America/New_York".into(),
            ..birthday(&member, 6, 10, BirthdaySource::Member)
        };
        client.loyalty().members().set_birthday(there).await.unwrap();
        env.clock().set(at("2026-06-10T03:59:59Z"));
        assert_eq!(check_in(&client, &member).await, []);
        env.clock().set(at("2026-06-10T04:00:00Z"));
        assert_eq!(check_in(&client, &member).await, said(&[("birthday", "2026-06-10", true)]));
        env.clock().set(at("2026-06-17T15:59:59Z"));
        assert_eq!(points(&client, &member).await, 88);
        env.clock().set(at("2026-06-17T16:00:00Z"));
        assert_eq!(points(&client, &member).await, 0);
        env.run_jobs().await;
        env.verify().await;
    }

    async fn a_program_that_gets_an_occasion_does_not_make_up_for_what_was_before(env: &Env) {
        env.clock().set(at("2026-01-01T04:00:00Z"));
        let member = member(env, program()).await;
        let client = env.client();
        born(&client, &member, 2, 20, BirthdaySource::Member).await;
        env.clock().set(at("2026-03-01T04:00:00Z"));
        let mut terms = birthdays();
        terms.occasions.push(occasion("welcome", OccasionKind::SignUp, 10));
        let update = UpdateProgramRequest {
            request_id: request_id(),
            program: Some(Program { name: "programs/test".into(), ..terms }),
            update_mask: Some(prost_types::FieldMask { paths: vec!["occasions".into()] }),
        };
        let read = client.loyalty().programs().update_program(update).await.unwrap().into_inner().program.unwrap();
        assert_eq!(read.occasions.len(), 2);
        env.run_jobs().await;
        assert_eq!(points(&client, &member).await, 0);
        env.clock().set(at("2027-02-20T04:00:00Z"));
        env.run_jobs().await;
        assert_eq!(points(&client, &member).await, 88);
        env.verify().await;
    }

    async fn a41_an_id_that_is_shown_at_the_till_proves_the_birthday_and_is_kept_nowhere(env: &Env) {
        const NUMBER: &str = "11010519491231002X";
        env.clock().set(at("2026-12-31T04:00:00Z"));
        let member = member(env, birthdays()).await;
        let client = env.client();
        born(&client, &member, 3, 1, BirthdaySource::Member).await;
        let wrong = CheckInRequest { id_number: "110105194912310020".into(), ..checking_in(&member) };
        let error = Error::from(client.loyalty().members().check_in(wrong).await.expect_err("its check digit is wrong"));
        let violation = &error.violations[0];
        assert_eq!((violation.field.as_str(), violation.rule.as_str()), ("id_number", "ID_NUMBER_WRONG"));
        assert!(!format!("{error:?}").contains("110105194912310020"), "the number is personal");
        let shown = CheckInRequest { id_number: NUMBER.into(), ..checking_in(&member) };
        let mut members = client.loyalty().members();
        let first = members.check_in(shown.clone()).await.unwrap().into_inner();
        assert_eq!((first.celebrations.len(), first.celebrations[0].given_now), (1, true));
        assert_eq!(members.check_in(shown).await.unwrap().into_inner(), first, "the same request, the same answer");
        let again = CheckInRequest { id_number: NUMBER.into(), ..checking_in(&member) };
        let again = members.check_in(again).await.unwrap().into_inner();
        assert_eq!((again.celebrations.len(), again.celebrations[0].given_now), (1, false), "greeted, and given once");
        assert_eq!(points(&client, &member).await, 88);
        // Whoever says something else without a document changes nothing at the next one.
        env.clock().set(at("2027-12-31T04:00:00Z"));
        assert_eq!(check_in(&client, &member).await, said(&[("birthday", "2027-12-31", true)]));
        env.verify().await;
    }

    async fn a41_a_chinese_birthday_is_converted_year_by_year(env: &Env) {
        env.clock().set(at("2025-01-01T04:00:00Z"));
        let member = member(env, birthdays()).await;
        let client = env.client();
        // The tenth of the leap sixth month, which 2025 has and 2026 has not.
        let chinese = Birthday {
            month: 6,
            day: 10,
            source: BirthdaySource::Member.into(),
            calendar: Calendar::Chinese.into(),
            leap_month: true,
        };
        let request = SetBirthdayRequest { birthday: Some(chinese), ..birthday(&member, 6, 10, BirthdaySource::Member) };
        let kept = client.loyalty().members().set_birthday(request).await.unwrap().into_inner();
        assert_eq!(kept.birthday, Some(chinese));
        env.clock().set(at("2025-07-04T04:00:00Z"));
        assert_eq!(check_in(&client, &member).await, [], "the tenth of the sixth month before it");
        env.clock().set(at("2025-08-03T04:00:00Z"));
        assert_eq!(check_in(&client, &member).await, said(&[("birthday", "2025-08-03", true)]));
        env.clock().set(at("2026-12-01T04:00:00Z"));
        env.run_jobs().await;
        assert_eq!(points(&client, &member).await, 2 * 88);
        let gregorian = Birthday { calendar: Calendar::Gregorian.into(), ..chinese };
        let wrong = SetBirthdayRequest { birthday: Some(gregorian), ..birthday(&member, 6, 10, BirthdaySource::Member) };
        let error = Error::from(client.loyalty().members().set_birthday(wrong).await.expect_err("it has no leap months"));
        assert_eq!(error.violations[0].rule, "CALENDAR_CONTRADICTS");
        env.verify().await;
    }

    async fn a40_a_birthday_that_the_customer_service_tells_gives_once_to_members_new_and_old(env: &Env) {
        env.clock().set(at("2026-01-01T04:00:00Z"));
        let client = env.client();
        let birthday = OccasionRule {
            id: "birthday".into(),
            display_name: "Birthday".into(),
            kind: OccasionKind::Birthday.into(),
            points: 88,
            valid_for: None,
        };
        create(&client, "test", Program { occasions: vec![birthday], ..program() }).await;
        let old = enroll(&client, "test", customer(1)).await;
        env.tell("customer", [
            told(customer(2), 1, "2026-01-01T04:00:00Z", &CustomerCreated {
                customer: customer(2).to_string(),
                facts: Some(born_on(6, 10)),
            }),
            updated(customer(1), 3, "2026-01-01T04:00:00Z", born_on(6, 10)),
            updated(customer(1), 2, "2026-01-01T04:00:00Z", born_on(3, 3)),
        ]).await;
        env.settle().await;
        let new = enroll(&client, "test", customer(2)).await;
        env.clock().set(at("2026-06-10T04:00:00Z"));
        env.run_jobs().await;
        assert_eq!((points(&client, &old).await, points(&client, &new).await), (88, 88));
        // It is edited, and told again as after a merge or an import: the year is given.
        env.tell("customer", [updated(customer(1), 4, "2026-06-11T04:00:00Z", CustomerFacts {
            birthday: Some(CustomerBirthday { month: 12, day: 1, proven: true, ..Default::default() }),
            ..CustomerFacts::default()
        })]).await;
        env.settle().await;
        env.clock().set(at("2026-12-01T04:00:00Z"));
        env.run_jobs().await;
        assert_eq!(points(&client, &old).await, 88);
        env.clock().set(at("2027-12-01T04:00:00Z"));
        env.run_jobs().await;
        assert_eq!((points(&client, &old).await, points(&client, &new).await), (2 * 88, 2 * 88));
        env.verify().await;
    }
}
