//! Cases that people open, answer and solve.

use guanxi_client::{Client, Error, request_id};
use guanxi_contracts::feedback::events::v1::{CaseOpened, CaseSolved};
use guanxi_contracts::feedback::v1::*;
use guanxi_kernel::name::CaseId;
use guanxi_store::sea_orm::{ConnectionTrait, Statement};
use guanxi_testkit::{Env, matrix};

use crate::support::*;

fn question() -> Case {
    Case {
        kind: CaseKind::Question.into(),
        subject: "Where is it?".into(),
        customer: customer().to_string(),
        order: order("1").to_string(),
        ..Case::default()
    }
}

async fn create(client: &Client, case: Case) -> Result<Case, Error> {
    let request = CreateCaseRequest { request_id: request_id(), case: Some(case) };
    Ok(answered(client.feedback().cases().create_case(request).await)?.case.expect("a case"))
}

async fn say(client: &Client, name: &str, author: CaseAuthor, next: CaseState) -> Result<ReplyToCaseResponse, Error> {
    let request = ReplyToCaseRequest {
        request_id: request_id(),
        name: name.into(),
        author: author.into(),
        text: "Hello".into(),
        next_state: next.into(),
    };
    answered(client.feedback().cases().reply_to_case(request).await)
}

async fn solve(client: &Client, name: &str, etag: &str) -> Result<Case, Error> {
    let request = SolveCaseRequest { request_id: request_id(), name: name.into(), etag: etag.into() };
    Ok(answered(client.feedback().cases().solve_case(request).await)?.case.expect("a case"))
}

async fn reopen(client: &Client, name: &str) -> Result<Case, Error> {
    let request = ReopenCaseRequest { request_id: request_id(), name: name.into(), etag: String::new() };
    Ok(answered(client.feedback().cases().reopen_case(request).await)?.case.expect("a case"))
}

async fn get(client: &Client, name: &str) -> Result<GetCaseResponse, Error> {
    answered(client.feedback().cases().get_case(GetCaseRequest { name: name.into() }).await)
}

/// Closes a case as a later release will, by its callback.
async fn close(env: &Env, name: &str) {
    let id: CaseId = name.parse().expect("a name");
    let db = env.database("feedback");
    let call = guanxi_kernel::Call::internal("test");
    db.slice(&call, |tx| async move {
        let sql = "UPDATE cases SET state = 'closed' WHERE root_id = $1";
        tx.conn().execute_raw(Statement::from_sql_and_values(tx.backend(), sql, [id.uuid().into()])).await?;
        Ok(())
    })
    .await
    .expect("is closed");
}

matrix! {
    setup();

    async fn a_case_is_opened_answered_solved_and_opened_again(env: &Env) {
        let client = env.client();
        let case = create(&client, question()).await.expect("a case");
        assert_eq!((case.state(), case.causes.len()), (CaseState::New, 0));
        let answer = say(&client, &case.name, CaseAuthor::Agent, CaseState::Pending).await.expect("is taken");
        assert_eq!(answer.case.expect("a case").state(), CaseState::Pending);
        let answer = say(&client, &case.name, CaseAuthor::Customer, CaseState::Unspecified).await.expect("is taken");
        assert_eq!(answer.case.expect("a case").state(), CaseState::Open, "a customer's message opens it again");
        let solved = solve(&client, &case.name, "").await.expect("can be solved");
        assert_eq!((solved.state(), solved.solve_time.is_some()), (CaseState::Solved, true));
        assert_eq!(reason(solve(&client, &case.name, "").await), "CASE_SOLVED");
        assert_eq!(reopen(&client, &case.name).await.expect("can be opened").state(), CaseState::Open);
        assert_eq!(reason(reopen(&client, &case.name).await), "CASE_NOT_SOLVED");
        let read = get(&client, &case.name).await.expect("a case");
        let authors: Vec<_> = read.messages.iter().map(CaseMessage::author).collect();
        assert_eq!(authors.len(), 2);
        assert!(authors.contains(&CaseAuthor::Agent) && authors.contains(&CaseAuthor::Customer));
        env.settle().await;
        assert_eq!(env.events_of::<CaseOpened>("feedback").await.len(), 1);
        assert_eq!(env.events_of::<CaseSolved>("feedback").await.len(), 1);
        env.verify().await;
    }

    async fn a_stale_etag_changes_nothing(env: &Env) {
        let client = env.client();
        let case = create(&client, question()).await.expect("a case");
        say(&client, &case.name, CaseAuthor::Agent, CaseState::Unspecified).await.expect("is taken");
        let refused = solve(&client, &case.name, &case.etag).await.expect_err("is stale");
        assert_eq!((refused.code, refused.reason.as_str()), (tonic::Code::Aborted, "ETAG_MISMATCH"));
        let read = get(&client, &case.name).await.expect("a case").case.expect("one");
        assert_eq!(solve(&client, &case.name, &read.etag).await.expect("is fresh").state(), CaseState::Solved);
    }

    async fn a_case_that_another_system_names_comes_in_once_and_a_repeat_updates_it(env: &Env) {
        let client = env.client();
        let intake = Case { source: "phone".into(), external_id: "77".into(), ..question() };
        let first = create(&client, intake.clone()).await.expect("a case");
        let again = create(&client, intake.clone()).await.expect("a case");
        assert_eq!(first, again);
        let changed = create(&client, Case { subject: "Where is it now?".into(), ..intake }).await.expect("a case");
        assert_eq!((&changed.name, changed.subject.as_str()), (&first.name, "Where is it now?"));
        let half = Case { source: "phone".into(), ..question() };
        assert_eq!(wrong_fields(create(&client, half).await), ["case.external_id"]);
        assert_eq!(cases(&client, "").await.len(), 1);
    }

    async fn a_reply_to_a_closed_case_makes_a_linked_one(env: &Env) {
        let client = env.client();
        let case = create(&client, question()).await.expect("a case");
        close(env, &case.name).await;
        assert_eq!(reason(solve(&client, &case.name, "").await), "CASE_CLOSED");
        assert_eq!(reason(reopen(&client, &case.name).await), "CASE_CLOSED");
        let next = say(&client, &case.name, CaseAuthor::Customer, CaseState::Unspecified).await.expect("is taken");
        let next = next.case.expect("a case");
        assert_eq!((next.follows.as_str(), next.state()), (case.name.as_str(), CaseState::New));
        assert_eq!(get(&client, &next.name).await.expect("a case").messages.len(), 1);
        assert_eq!(get(&client, &case.name).await.expect("a case").case.expect("one").state(), CaseState::Closed);
    }

    async fn cases_are_found_by_customer_order_and_state(env: &Env) {
        let client = env.client();
        for n in 0..5 {
            let case = create(&client, Case { order: order(&n.to_string()).to_string(), ..question() }).await;
            if n < 2 {
                solve(&client, &case.expect("a case").name, "").await.expect("can be solved");
            }
        }
        create(&client, Case { customer: String::new(), order: String::new(), ..question() }).await.expect("a case");
        let count = |filter: String| { let client = client.clone(); async move { cases(&client, &filter).await.len() } };
        assert_eq!(count(format!("customer = \"{}\"", customer())).await, 5);
        assert_eq!(count(format!("order = \"{}\"", order("3"))).await, 1);
        assert_eq!(count("state = SOLVED".into()).await, 2);
        assert_eq!(count(format!("customer = \"{}\" AND state = NEW OR state = OPEN", customer())).await, 3);
        assert_eq!(count("organization = \"organizations/default\"".into()).await, 6);
        assert_eq!(count("organization = \"organizations/elsewhere\"".into()).await, 0);
        let mut request = ListCasesRequest { page_size: 4, ..ListCasesRequest::default() };
        let first = answered(client.feedback().cases().list_cases(request.clone()).await).expect("a page");
        request.page_token = first.next_page_token;
        let second = answered(client.feedback().cases().list_cases(request).await).expect("a page");
        let mut names: Vec<_> = first.cases.into_iter().chain(second.cases).map(|case| case.name).collect();
        names.sort();
        names.dedup();
        assert_eq!((names.len(), second.next_page_token.as_str()), (6, ""));
    }

    async fn what_is_wrong_with_a_case_is_said_at_once(env: &Env) {
        let client = env.client();
        let wrong = Case { subject: " ".into(), customer: "x".into(), order: "y".into(), kind: 0, ..Case::default() };
        let fields = wrong_fields(create(&client, wrong).await);
        assert_eq!(fields, ["case.customer", "case.kind", "case.order", "case.subject"]);
        let case = create(&client, question()).await.expect("a case");
        let answer = say(&client, &case.name, CaseAuthor::Customer, CaseState::Pending).await;
        assert_eq!(wrong_fields(answer), ["next_state"], "only an agent says whose turn it is");
    }

    async fn a_stranger_finds_no_case(env: &Env) {
        let (client, stranger) = (env.client(), env.client_as("stranger", &["*"], &["elsewhere:rw"]));
        let case = create(&client, question()).await.expect("a case");
        assert_eq!(reason(get(&stranger, &case.name).await), "NOT_FOUND");
        assert_eq!(reason(solve(&stranger, &case.name, "").await), "NOT_FOUND");
        assert_eq!(reason(reopen(&stranger, &case.name).await), "NOT_FOUND");
        assert_eq!(reason(say(&stranger, &case.name, CaseAuthor::Agent, CaseState::Unspecified).await), "NOT_FOUND");
        assert!(cases(&stranger, "").await.is_empty());
        let reader = env.client_as("reader", &["*"], &["default:r"]);
        assert_eq!(get(&reader, &case.name).await.expect("may be read").case.expect("one").name, case.name);
        assert_eq!(reason(solve(&reader, &case.name, "").await), "ORGANIZATION_READ_ONLY");
    }

    async fn a_request_that_is_sent_again_opens_no_second_case(env: &Env) {
        let client = env.client();
        let request = CreateCaseRequest { request_id: request_id(), case: Some(question()) };
        let mut names = Vec::new();
        for _ in 0..2 {
            let answer = answered(client.feedback().cases().create_case(request.clone()).await).expect("a case");
            names.push(answer.case.expect("a case").name);
        }
        assert_eq!(names[0], names[1]);
        let other = CreateCaseRequest { case: Some(Case { subject: "Another".into(), ..question() }), ..request };
        assert_eq!(reason(answered(client.feedback().cases().create_case(other).await)), "REQUEST_ID_REUSED");
        assert_eq!(cases(&client, "").await.len(), 1);
    }
}
