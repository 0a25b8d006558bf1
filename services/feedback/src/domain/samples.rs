//! What the tests of the domain are made of.

use guanxi_kernel::name::{CaseId, CustomerId};
use guanxi_kernel::{OrderName, OrganizationId, Timestamp, Uuid};

use crate::domain::case::{self, Case, CaseKind, CaseState};
use crate::domain::invitation::Invitation;
use crate::domain::name::{InvitationId, SurveyId};
use crate::domain::order::{Delivery, Order};
use crate::domain::response::{Answer, Submission, Value};
use crate::domain::review::{self, ReviewKey, Stars, Submitted};
use crate::domain::survey::{self, Question, QuestionId, QuestionKind, Survey, Trigger};

pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).expect("in range")
}

pub fn organization() -> OrganizationId {
    OrganizationId::default_organization()
}

pub fn customer() -> CustomerId {
    CustomerId(Uuid::from_u128(7))
}

pub fn order() -> OrderName {
    OrderName::new("olist", "77120").expect("a name")
}

pub fn order_of(sellers: &[&str]) -> Order {
    Order {
        name: order(),
        organization: organization(),
        customer: customer(),
        cancelled: false,
        shipments: Order::expected(&order(), sellers.iter().copied()),
    }
}

pub fn delivery(seller: &str, on_time: Option<bool>) -> Delivery {
    Delivery { shipment: order().shipment(seller), delivered: at(100), on_time }
}

pub fn case(state: CaseState) -> Case {
    let content = case::Content {
        kind: CaseKind::Question,
        subject: "where is it".into(),
        description: "I wait".into(),
        customer: Some(customer()),
        order: None,
    };
    let mut case = Case::open(CaseId(Uuid::from_u128(1)), organization(), content, at(0));
    case.state = state;
    case
}

pub fn submitted(external_id: &str, subject: &str, stars: i32) -> Submitted {
    Submitted {
        key: ReviewKey {
            source: "olist".into(),
            external_id: external_id.into(),
            subject: subject.parse().expect("a subject"),
        },
        organization: organization(),
        content: review::Content {
            customer: None,
            stars: Stars::new(stars).expect("1 to 5"),
            title: String::new(),
            text: String::new(),
        },
        review_time: None,
    }
}

pub fn question(id: &str, kind: QuestionKind) -> Question {
    Question::new(id, kind, "?", false).expect("a question")
}

pub fn content(questions: &[Question]) -> survey::Content {
    survey::Content { display_name: "a".into(), questions: questions.to_vec(), time_zone: "Asia/Shanghai".into() }
}

pub fn survey(questions: &[Question]) -> Survey {
    let id = SurveyId::from_slug("delivery").expect("a slug");
    Survey::create(id, organization(), Trigger::Delivered, content(questions), at(0)).expect("a survey")
}

pub fn invitation() -> Invitation {
    let survey = survey(&[question("nps", QuestionKind::Nps)]);
    Invitation::new(InvitationId(Uuid::from_u128(9)), &survey, customer(), at(0))
}

pub fn answer(question: &str, number: i32) -> Answer {
    Answer { question: QuestionId::new(question).expect("an id"), value: Value::Number(number) }
}

pub fn words(question: &str, text: &str) -> Answer {
    Answer { question: QuestionId::new(question).expect("an id"), value: Value::Text(text.into()) }
}

pub fn submission(answers: &[Answer]) -> Submission {
    Submission { answers: answers.to_vec(), answer_time: None }
}
