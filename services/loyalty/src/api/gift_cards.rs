//! GiftCardService.

use guanxi_contracts::Message as _;
use guanxi_contracts::loyalty::v1::*;
use guanxi_contracts::server::loyalty_v1::gift_card_service_server::GiftCardService;
use guanxi_contracts::time::to_proto;
use guanxi_kernel::{Money, Refuse, Refused, Uuid, natural_id, new_id};
use guanxi_rpc::{answer, convert, open, write};
use guanxi_store::Database;
use tonic::{Request, Response, Status};

use super::coupons::readable;
use super::reply;
use crate::domain::coupon::code::CodeText;
use crate::domain::gift_card::{self, GiftCard as Card, GiftCardId};
use crate::store::gift_cards;

/// Serves gift cards.
#[derive(Debug, Clone)]
pub struct GiftCards {
    db: Database,
}

impl GiftCards {
    /// Over this database.
    pub fn new(db: &Database) -> Self {
        Self { db: db.clone() }
    }
}

#[tonic::async_trait]
impl GiftCardService for GiftCards {
    async fn issue_gift_card(
        &self,
        request: Request<IssueGiftCardRequest>,
    ) -> Result<Response<IssueGiftCardResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let organization = call.organization(convert::organization(&message.organization, "organization")?)?;
            let (amount, expire_time) = convert::all((
                convert::required_money(message.amount.as_ref(), "amount"),
                convert::instant(message.expire_time.as_ref(), "expire_time"),
            ))?;
            let root = natural_id("gift-card-issue", [organization.slug(), &message.request_id]);
            let write = write("GiftCardService/IssueGiftCard", root, &message)?;
            let (organization, entropy) = (&organization, message.entropy.as_str());
            let written = self.db.command(&call, &write, |tx| async move {
                let nonce = nonce();
                let text: CodeText = gift_card::code(entropy, nonce.as_bytes()).parse().refuse()?;
                let (card, first) = Card::issue(organization.clone(), &text, amount, expire_time, tx.now()).refuse()?;
                gift_cards::insert(&tx, &card, &first).await?;
                // What is stored has the server's numbers where the answer has the code.
                Ok(IssueGiftCardResponse { gift_card: Some(to_card(&card)), code: nonce }.encode_to_vec())
            });
            let mut issued: IssueGiftCardResponse = reply(&written.await?)?;
            issued.code = gift_card::code(&message.entropy, issued.code.as_bytes());
            Ok(issued)
        })
        .await
    }

    async fn get_gift_card(
        &self,
        request: Request<GetGiftCardRequest>,
    ) -> Result<Response<GetGiftCardResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let id = match (message.name.as_str(), message.code.as_str()) {
                (name, "") if !name.is_empty() => convert::name(name, "name")?,
                ("", code) if !code.is_empty() => {
                    let (organization, text) = convert::all((readable(&call, &message.organization), text(code)))?;
                    gift_card::id(&organization, &text)
                }
                _ => Err(Refused::invalid("name", "EXACTLY_ONE", "exactly one of name, code must be given"))?,
            };
            let card = gift_cards::read(&self.db.reader(&call), id).await?;
            Ok(GetGiftCardResponse { gift_card: Some(to_card(&card)) })
        })
        .await
    }

    async fn redeem_gift_card(
        &self,
        request: Request<RedeemGiftCardRequest>,
    ) -> Result<Response<RedeemGiftCardResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let organization = call.organization(convert::organization(&message.organization, "organization")?)?;
            let (text, order, amount) = convert::all((
                text(&message.code),
                convert::name(&message.order, "order"),
                convert::required_money(message.amount.as_ref(), "amount"),
            ))?;
            let id = gift_card::id(&organization, &text);
            let write = write("GiftCardService/RedeemGiftCard", id.uuid(), &message)?;
            let (order, clamp) = (&order, message.clamp);
            let written = self.db.command(&call, &write, |tx| async move {
                let mut card = gift_cards::writable(&tx, id).await?;
                let entry = card.pay(guanxi_kernel::OrderName::clone(order), amount, clamp, tx.now()).refuse()?;
                gift_cards::save(&tx, &card, &entry).await?;
                let answer = RedeemGiftCardResponse {
                    redemption: gift_card::entry_name(id, entry.number),
                    amount: Some(convert::to_money(Money::new(-entry.amount, card.currency))),
                    gift_card: Some(to_card(&card)),
                };
                Ok(answer.encode_to_vec())
            });
            reply(&written.await?)
        })
        .await
    }

    async fn reverse_gift_card_redemption(
        &self,
        request: Request<ReverseGiftCardRedemptionRequest>,
    ) -> Result<Response<ReverseGiftCardRedemptionResponse>, Status> {
        let (call, message) = open(request);
        answer(async {
            let (id, number) = entry_name(&message.name)?;
            let write = write("GiftCardService/ReverseGiftCardRedemption", id.uuid(), &message)?;
            let written = self.db.command(&call, &write, |tx| async move {
                let mut card = gift_cards::writable(&tx, id).await?;
                let entries = gift_cards::entries(&tx, id).await?;
                let entry = card.reverse(&entries, number, tx.now()).refuse()?;
                gift_cards::save(&tx, &card, &entry).await?;
                let amount = Some(convert::to_money(Money::new(entry.amount, card.currency)));
                let answer = ReverseGiftCardRedemptionResponse { amount, gift_card: Some(to_card(&card)) };
                Ok(answer.encode_to_vec())
            });
            reply(&written.await?)
        })
        .await
    }
}

/// 128 bits of the system's random numbers, as text.
fn nonce() -> String {
    use rand::RngCore;
    let mut bytes = [0_u8; 16];
    rand::rng().fill_bytes(&mut bytes);
    format!("{}-{}", Uuid::from_bytes(bytes).simple(), new_id().simple())
}

/// A code; it is not said again in a refusal.
fn text(code: &str) -> Result<CodeText, Refused> {
    code.parse::<CodeText>().refuse_in("code")
}

/// `giftCards/{uuid}/entries/{number}`.
fn entry_name(name: &str) -> Result<(GiftCardId, i64), Refused> {
    let malformed = || {
        let description = format!("{name:?} is not a name of the form giftCards/{{uuid}}/entries/{{number}}");
        Refused::invalid("name", "NAME_MALFORMED", description)
    };
    let (card, number) = name.split_once("/entries/").ok_or_else(malformed)?;
    Ok((card.parse().map_err(|_| malformed())?, number.parse().map_err(|_| malformed())?))
}

fn to_card(card: &Card) -> GiftCard {
    GiftCard {
        name: card.id.to_string(),
        last_characters: card.last_characters.clone(),
        balance: Some(convert::to_money(Money::new(card.balance, card.currency))),
        expire_time: card.expire_time.map(to_proto),
        initial: Some(convert::to_money(Money::new(card.initial, card.currency))),
        create_time: Some(to_proto(card.create_time)),
        organization: card.organization.to_string(),
    }
}
