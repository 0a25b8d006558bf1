//! Cards: a number identifies a member, and a lost one nobody.

use guanxi_client::request_id;
use guanxi_contracts::loyalty::events::v1::{CardAssigned, CardReplaced};
use guanxi_contracts::loyalty::v1::*;

use crate::merging::merged;
use crate::support::*;

pub fn assigning(member: &str, number: &str) -> AssignCardRequest {
    AssignCardRequest { request_id: request_id(), member: member.into(), number: number.into() }
}

pub fn replacing(member: &str, old: &str, number: &str) -> ReplaceCardRequest {
    ReplaceCardRequest {
        request_id: request_id(),
        member: member.into(),
        old_number: old.into(),
        number: number.into(),
        reason: CardEnd::Lost.into(),
    }
}

pub fn looking_up(number: &str) -> LookupCardRequest {
    LookupCardRequest { program: "programs/test".into(), number: number.into() }
}

guanxi_testkit::matrix! {
    setup();

    async fn a43_a_lost_card_is_replaced_and_its_history_kept(env: &Env) {
        let one = member(env, program()).await;
        let client = env.client();
        let mut members = client.loyalty().members();
        earn(&client, &one, "1", 40).await;
        let request = EnrollMemberRequest {
            request_id: request_id(),
            program: "programs/test".into(),
            customer: customer(2).to_string(),
            enroll_time: None,
            card_number: "6200 2222-abcd".into(),
            referral_code: String::new(),
        };
        let other = members.enroll_member(request).await.unwrap().into_inner().member.unwrap().name;
        let taken = assigning(&one, "62002222ABCD");
        assert_eq!(reason(members.assign_card(taken).await), "CARD_TAKEN");
        let assign = assigning(&one, "6200-1111");
        let card = members.assign_card(assign.clone()).await.unwrap().into_inner().card.unwrap();
        assert_eq!((card.number.as_str(), card.member.as_str()), ("62001111", one.as_str()));
        assert_eq!(members.assign_card(assign).await.unwrap().into_inner().card, Some(card), "the same request again");
        assert_eq!(reason(members.assign_card(assigning(&one, "62003333")).await), "CARD_HELD");
        assert_eq!(reason(members.assign_card(assigning(&one, "62/03")).await), "INVALID_ARGUMENT");
        let holder = members.lookup_card(looking_up("6200 1111")).await.unwrap().into_inner().member.unwrap();
        assert_eq!(holder.name, one);

        assert_eq!(reason(members.replace_card(replacing(&one, "62002222ABCD", "62004444")).await), "NOT_FOUND");
        assert_eq!(reason(members.replace_card(replacing(&one, "", "62002222ABCD")).await), "CARD_TAKEN");
        let replaced = members.replace_card(replacing(&one, "", "62004444")).await.unwrap().into_inner();
        assert_eq!(replaced.card.unwrap().number, "62004444");
        let blocked = replaced.blocked.unwrap();
        assert_eq!((blocked.number.as_str(), blocked.ended_by()), ("62001111", CardEnd::Lost));
        assert_eq!(reason(members.lookup_card(looking_up("62001111")).await), "CARD_BLOCKED");
        assert_eq!(reason(members.lookup_card(looking_up("99999999")).await), "NOT_FOUND");
        assert_eq!(reason(members.replace_card(replacing(&one, "62001111", "62005555")).await), "CARD_BLOCKED");
        assert_eq!(reason(members.replace_card(replacing(&other, "", "62001111")).await), "CARD_BLOCKED");
        let holder = members.lookup_card(looking_up("62004444")).await.unwrap().into_inner().member.unwrap();
        assert_eq!((holder.name.as_str(), balance(&client, &one).await.balance), (one.as_str(), 40));
        let list = ListCardsRequest { member: one.clone() };
        let cards = members.list_cards(list).await.unwrap().into_inner().cards;
        let history: Vec<_> = cards.iter().map(|card| (card.number.as_str(), card.end_time.is_some())).collect();
        assert_eq!(history, [("62004444", false), ("62001111", true)]);

        env.settle().await;
        let assigned = env.events_of::<CardAssigned>("loyalty").await;
        let mut numbers: Vec<_> = assigned.iter().map(|told| told.number.as_str()).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, ["62001111", "62002222ABCD"]);
        let told = env.events_of::<CardReplaced>("loyalty").await.remove(0);
        assert_eq!((told.old_number.as_str(), told.number.as_str(), told.member), ("62001111", "62004444", one.clone()));

        // Of one person with two cards both are valid, and either name replaces them.
        env.tell("customer", [merged(1, customer(1), customer(2))]).await;
        env.settle().await;
        let holder = members.lookup_card(looking_up("62002222abcd")).await.unwrap().into_inner().member.unwrap();
        assert_eq!(holder.name, one, "the name that goes on");
        members.replace_card(replacing(&one, "62002222ABCD", "62006666")).await.expect("it is his");
        let cards = members.list_cards(ListCardsRequest { member: other }).await.unwrap().into_inner().cards;
        assert_eq!(cards.len(), 4);
        env.verify().await;
    }
}
