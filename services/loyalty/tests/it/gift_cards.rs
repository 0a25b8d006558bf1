//! Gift cards: paid in parts, never more than they hold, put back once, and no code in the database.

use futures::future::join_all;
use guanxi_client::{Client, Error, request_id};
use guanxi_contracts::common::v1::Money;
use guanxi_contracts::loyalty::v1::*;
use guanxi_contracts::time::to_proto;
use guanxi_store::sea_orm::{ConnectionTrait, Statement};

use crate::support::*;

fn money(minor_units: i64) -> Option<Money> {
    Some(Money { currency_code: "CNY".into(), minor_units })
}

pub fn issuing(minor: i64) -> IssueGiftCardRequest {
    IssueGiftCardRequest {
        request_id: request_id(),
        amount: money(minor),
        entropy: request_id(),
        ..IssueGiftCardRequest::default()
    }
}

async fn issue(client: &Client, minor: i64) -> IssueGiftCardResponse {
    client.loyalty().gift_cards().issue_gift_card(issuing(minor)).await.expect("it is issued").into_inner()
}

fn paying(code: &str, number: &str, minor: i64) -> RedeemGiftCardRequest {
    RedeemGiftCardRequest {
        request_id: request_id(),
        code: code.into(),
        order: order(number).to_string(),
        amount: money(minor),
        ..RedeemGiftCardRequest::default()
    }
}

fn balance_of(card: Option<GiftCard>) -> i64 {
    card.unwrap().balance.unwrap().minor_units
}

guanxi_testkit::matrix! {
    setup().replicas(2);

    async fn a_card_pays_in_parts_and_is_paid_back_once(env: &Env) {
        let mut cards = env.client().loyalty().gift_cards();
        let request = issuing(10_000);
        let issued = cards.issue_gift_card(request.clone()).await.unwrap().into_inner();
        assert_eq!(cards.issue_gift_card(request).await.unwrap().into_inner(), issued, "the same answer, with the code");
        let paid = cards.redeem_gift_card(paying(&issued.code.to_lowercase(), "1", 7_000)).await.unwrap().into_inner();
        assert_eq!((paid.amount.clone(), balance_of(paid.gift_card)), (money(7_000), 3_000));
        let error = Error::from(cards.redeem_gift_card(paying(&issued.code, "2", 7_000)).await.expect_err("3,000"));
        assert_eq!((error.reason.as_str(), error.metadata["available_minor"].as_str()), ("GIFT_CARD_INSUFFICIENT", "3000"));
        let clamped = RedeemGiftCardRequest { clamp: true, ..paying(&issued.code, "2", 7_000) };
        assert_eq!(cards.redeem_gift_card(clamped).await.unwrap().into_inner().amount, money(3_000));
        let reverse = |name: &str| ReverseGiftCardRedemptionRequest { request_id: request_id(), name: name.into() };
        let back = cards.reverse_gift_card_redemption(reverse(&paid.redemption)).await.unwrap().into_inner();
        assert_eq!((back.amount, balance_of(back.gift_card)), (money(7_000), 7_000));
        assert_eq!(reason(cards.reverse_gift_card_redemption(reverse(&paid.redemption)).await), "GIFT_CARD_REVERSED");
        let yen = RedeemGiftCardRequest {
            amount: Some(Money { currency_code: "JPY".into(), minor_units: 1 }),
            ..paying(&issued.code, "3", 1)
        };
        assert_eq!(reason(cards.redeem_gift_card(yen).await), "GIFT_CARD_CURRENCY_MISMATCH");
        assert_eq!(reason(cards.redeem_gift_card(paying("ABCD-EFGH", "3", 1)).await), "NOT_FOUND");
        let by_code = GetGiftCardRequest { code: issued.code.clone(), ..GetGiftCardRequest::default() };
        let name = cards.get_gift_card(by_code).await.unwrap().into_inner().gift_card.unwrap().name;
        assert_eq!(name, issued.gift_card.unwrap().name);
        env.verify().await;
    }

    async fn a_card_ends_at_its_expiry(env: &Env) {
        let mut cards = env.client().loyalty().gift_cards();
        let request = IssueGiftCardRequest { expire_time: Some(to_proto(at("2026-12-01T00:00:00Z"))), ..issuing(100) };
        let code = cards.issue_gift_card(request).await.unwrap().into_inner().code;
        env.clock().set(at("2026-12-01T00:00:00Z"));
        assert_eq!(reason(cards.redeem_gift_card(paying(&code, "1", 1)).await), "GIFT_CARD_EXPIRED");
    }

    async fn of_many_who_pay_with_one_card_none_pays_more_than_it_holds(env: &Env) {
        let code = issue(&env.client(), 1_000).await.code;
        let clients: Vec<Client> = (0..2).map(|replica| env.client_of(replica)).collect();
        let calls = (0..60_usize).map(|n| {
            let (mut cards, request) = (clients[n % 2].loyalty().gift_cards(), paying(&code, &n.to_string(), 30));
            async move { cards.redeem_gift_card(request).await }
        });
        let (won, lost): (Vec<_>, Vec<_>) = join_all(calls).await.into_iter().partition(Result::is_ok);
        assert_eq!(won.len(), 33);
        assert!(lost.into_iter().all(|lost| reason(lost) == "GIFT_CARD_INSUFFICIENT"));
        env.verify().await;
    }

    async fn no_table_holds_a_code(env: &Env) {
        let issued = issue(&env.client(), 1_000).await;
        let plain = issued.code.replace('-', "");
        let (db, call) = (env.database("loyalty"), guanxi_kernel::Call::internal("test"));
        let (shown, plain) = (&issued.code, &plain);
        let found = db.slice(&call, |tx| async move {
            let mut found = Vec::new();
            let backend = tx.backend();
            let rows = tx.conn().query_all_raw(Statement::from_string(backend, "SELECT reply FROM idempotency")).await?;
            for row in &rows {
                let reply: Vec<u8> = row.try_get("", "reply")?;
                found.push(String::from_utf8_lossy(&reply).into_owned());
            }
            let rows = tx.conn().query_all_raw(Statement::from_string(backend, "SELECT last_characters FROM gift_cards")).await?;
            for row in &rows {
                found.push(row.try_get::<String>("", "last_characters")?);
            }
            Ok(found)
        });
        let found = found.await.unwrap();
        assert_eq!(found.len(), 2);
        assert!(found.iter().all(|kept| !kept.contains(shown.as_str()) && !kept.contains(plain.as_str())));
        assert!(shown.ends_with(&found[1]));
    }

    async fn to_a_stranger_there_are_no_cards(env: &Env) {
        let issued = issue(&env.client(), 1_000).await;
        let name = issued.gift_card.unwrap().name;
        let strange = env.client_as("stranger", &["loyalty.*"], &["hk:rw"]);
        let mut cards = strange.loyalty().gift_cards();
        let get = GetGiftCardRequest { name: name.clone(), ..GetGiftCardRequest::default() };
        assert_eq!(reason(cards.get_gift_card(get.clone()).await), "NOT_FOUND");
        let by_code = GetGiftCardRequest {
            code: issued.code.clone(),
            organization: "organizations/default".into(),
            ..GetGiftCardRequest::default()
        };
        assert_eq!(reason(cards.get_gift_card(by_code).await), "NOT_FOUND");
        assert_eq!(reason(cards.redeem_gift_card(paying(&issued.code, "1", 1)).await), "NOT_FOUND");
        let elsewhere = IssueGiftCardRequest { organization: "organizations/default".into(), ..issuing(1) };
        assert_eq!(reason(cards.issue_gift_card(elsewhere).await), "NOT_FOUND");
        let paid = env.client().loyalty().gift_cards().redeem_gift_card(paying(&issued.code, "1", 1)).await.unwrap();
        let reverse = ReverseGiftCardRedemptionRequest { request_id: request_id(), name: paid.into_inner().redemption };
        assert_eq!(reason(cards.reverse_gift_card_redemption(reverse.clone()).await), "NOT_FOUND");
        let reader = env.client_as("reader", &["loyalty.*"], &["default:r"]);
        assert_eq!(balance_of(reader.loyalty().gift_cards().get_gift_card(get).await.unwrap().into_inner().gift_card), 999);
        let refused = reader.loyalty().gift_cards().reverse_gift_card_redemption(reverse).await;
        assert_eq!(reason(refused), "ORGANIZATION_READ_ONLY");
    }
}
