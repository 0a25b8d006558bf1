//! Values between the contracts and the kernel. What is missing or malformed is said of its field; [`all`] says it of
//! every field at once.

use std::str::FromStr;

use guanxi_contracts::{common, time};
use guanxi_kernel::civil::Date;
use guanxi_kernel::tz::TimeZone;
use guanxi_kernel::{Currency, Money, OrganizationId, Refusal, Refuse, Refused, Timestamp, Uuid, Violation};

/// A value that must be there.
///
/// # Errors
/// INVALID_ARGUMENT for `field` where it is absent.
pub fn required<T>(value: Option<T>, field: &str) -> Result<T, Refused> {
    value.ok_or_else(|| Refused::invalid(field, "required", "value is required"))
}

/// A resource name, or any other text that a kernel type reads.
///
/// # Errors
/// INVALID_ARGUMENT for `field` where it is not one.
pub fn name<T>(text: &str, field: &str) -> Result<T, Refused>
where
    T: FromStr<Err: Refusal>,
{
    text.parse().refuse_in(field)
}

/// The same, where empty means absent.
///
/// # Errors
/// INVALID_ARGUMENT for `field` where it is neither empty nor one.
pub fn optional_name<T>(text: &str, field: &str) -> Result<Option<T>, Refused>
where
    T: FromStr<Err: Refusal>,
{
    if text.is_empty() { Ok(None) } else { name(text, field).map(Some) }
}

/// The organisation that a request names; empty means that it names none.
///
/// # Errors
/// INVALID_ARGUMENT for `field` where it is neither empty nor a name.
pub fn organization(text: &str, field: &str) -> Result<Option<OrganizationId>, Refused> {
    optional_name(text, field)
}

/// A UUID in the hyphenated form.
///
/// # Errors
/// INVALID_ARGUMENT for `field` where it is not one.
pub fn uuid(text: &str, field: &str) -> Result<Uuid, Refused> {
    let malformed = || Refused::invalid(field, "string.uuid", format!("value must be a valid UUID, not {text:?}"));
    if text.len() == 36 { Uuid::try_parse(text).map_err(|_| malformed()) } else { Err(malformed()) }
}

/// An instant, absent where it is.
///
/// # Errors
/// INVALID_ARGUMENT for `field` where it is out of range (before year -9999 or after 9999).
pub fn instant(at: Option<&prost_types::Timestamp>, field: &str) -> Result<Option<Timestamp>, Refused> {
    let malformed = |at: &prost_types::Timestamp| {
        let description = format!("{} s and {} ns are no instant", at.seconds, at.nanos);
        Refused::invalid(field, "TIMESTAMP_OUT_OF_RANGE", description)
    };
    at.map(|at| time::from_proto(at).ok_or_else(|| malformed(at))).transpose()
}

/// An instant that must be there.
///
/// # Errors
/// INVALID_ARGUMENT for `field` where it is absent or out of range.
pub fn required_instant(at: Option<&prost_types::Timestamp>, field: &str) -> Result<Timestamp, Refused> {
    required(instant(at, field)?, field)
}

/// An instant as the contracts write it, absent where it is.
pub fn to_instant(at: Option<Timestamp>) -> Option<prost_types::Timestamp> {
    at.map(time::to_proto)
}

/// A civil date, `YYYY-MM-DD`.
///
/// # Errors
/// INVALID_ARGUMENT for `field` where it is not one.
pub fn date(text: &str, field: &str) -> Result<Date, Refused> {
    time::date(text)
        .ok_or_else(|| Refused::invalid(field, "DATE_MALFORMED", format!("{text:?} is not a date, YYYY-MM-DD")))
}

/// The same, where empty means absent.
///
/// # Errors
/// INVALID_ARGUMENT for `field` where it is neither empty nor a date.
pub fn optional_date(text: &str, field: &str) -> Result<Option<Date>, Refused> {
    if text.is_empty() { Ok(None) } else { date(text, field).map(Some) }
}

/// A time zone of the IANA database, such as `Asia/Shanghai`.
///
/// # Errors
/// INVALID_ARGUMENT for `field` where there is none of this name.
pub fn zone(text: &str, field: &str) -> Result<TimeZone, Refused> {
    TimeZone::get(text)
        .map_err(|_| Refused::invalid(field, "ZONE_UNKNOWN", format!("{text:?} is no time zone of the IANA database")))
}

/// A currency code.
///
/// # Errors
/// INVALID_ARGUMENT for `field` where it is not one.
pub fn currency(text: &str, field: &str) -> Result<Currency, Refused> {
    text.parse::<Currency>().map_err(|error| Refused::invalid(field, "CURRENCY_MALFORMED", error.to_string()))
}

/// An amount of money, absent where it is.
///
/// # Errors
/// INVALID_ARGUMENT for the currency code of `field` where it is not one.
pub fn money(value: Option<&common::v1::Money>, field: &str) -> Result<Option<Money>, Refused> {
    let read = |money: &common::v1::Money| {
        let currency = currency(&money.currency_code, &format!("{field}.currency_code"))?;
        Ok(Money::new(money.minor_units, currency))
    };
    value.map(read).transpose()
}

/// An amount of money that must be there.
///
/// # Errors
/// INVALID_ARGUMENT for `field` where it is absent or its currency code is not one.
pub fn required_money(value: Option<&common::v1::Money>, field: &str) -> Result<Money, Refused> {
    required(money(value, field)?, field)
}

/// An amount of money as the contracts write it.
pub fn to_money(money: Money) -> common::v1::Money {
    common::v1::Money { currency_code: money.currency.code().to_owned(), minor_units: money.minor_units }
}

/// Every value, or the violations of all that are wrong at once: `let (order, paid) = all((name(…), money(…)))?`.
///
/// # Errors
/// INVALID_ARGUMENT with all violations; a refusal of another kind as it is, the first of them.
pub fn all<T: Fields>(fields: T) -> Result<T::Values, Refused> {
    fields.all()
}

/// The same for the items of a list, as many as there are.
///
/// # Errors
/// INVALID_ARGUMENT with all violations; a refusal of another kind as it is, the first of them.
pub fn each<T, C: FromIterator<T>>(items: impl IntoIterator<Item = Result<T, Refused>>) -> Result<C, Refused> {
    let mut wrong: Vec<Violation> = Vec::new();
    let mut other = None;
    let right = items.into_iter().filter_map(|item| match item {
        Ok(value) => Some(value),
        Err(refused) => {
            if refused.field_violations().is_empty() {
                other.get_or_insert(refused);
            } else {
                wrong.extend_from_slice(refused.field_violations());
            }
            None
        }
    });
    let right = right.collect();
    match other {
        Some(refused) => Err(refused),
        None if wrong.is_empty() => Ok(right),
        None => Err(Refused::violations(wrong)),
    }
}

/// Values of several fields, each read or refused.
pub trait Fields {
    /// The values.
    type Values;

    /// See [`all`].
    ///
    /// # Errors
    /// The violations of all that are wrong.
    fn all(self) -> Result<Self::Values, Refused>;
}

macro_rules! fields {
    ($($value:ident $at:tt),+) => {
        impl<$($value),+> Fields for ($(Result<$value, Refused>,)+) {
            type Values = ($($value,)+);

            fn all(self) -> Result<Self::Values, Refused> {
                let mut wrong: Vec<Violation> = Vec::new();
                $(if let Err(refused) = &self.$at {
                    if refused.field_violations().is_empty() {
                        return Err(refused.clone());
                    }
                    wrong.extend_from_slice(refused.field_violations());
                })+
                match self {
                    #[allow(non_snake_case, reason = "a value is named as its type here")]
                    ($(Ok($value),)+) => Ok(($($value,)+)),
                    _ => Err(Refused::violations(wrong)),
                }
            }
        }
    };
}

fields!(A 0, B 1);
fields!(A 0, B 1, C 2);
fields!(A 0, B 1, C 2, D 3);
fields!(A 0, B 1, C 2, D 3, E 4);
fields!(A 0, B 1, C 2, D 3, E 4, F 5);
fields!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
fields!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);

#[cfg(test)]
mod tests {
    use guanxi_kernel::name::CustomerId;

    use super::*;

    fn wrong_fields(refused: &Refused) -> Vec<&str> {
        refused.field_violations().iter().map(|violation| violation.field.as_str()).collect()
    }

    #[test]
    fn every_wrong_field_is_said_at_once() {
        let price = common::v1::Money { currency_code: "yen".into(), minor_units: 5 };
        let read = all((
            name::<CustomerId>("customers/1", "customer"),
            required_instant(None, "order_time"),
            date("2017-02-28", "birth_date"),
            required_money(Some(&price), "price"),
        ));
        let refused = read.expect_err("three fields are wrong");
        assert_eq!(wrong_fields(&refused), ["customer", "order_time", "price.currency_code"]);
    }

    #[test]
    fn every_wrong_item_is_said_at_once() {
        let read = |names: [&str; 3]| {
            let names = names.iter().enumerate();
            each::<_, Vec<_>>(names.map(|(at, text)| name::<CustomerId>(text, &format!("names[{at}]"))))
        };
        let good = CustomerId::new();
        let text = good.to_string();
        assert_eq!(read([text.as_str(); 3]), Ok(vec![good; 3]));
        let refused = read(["x", &text, "y"]).expect_err("two are wrong");
        assert_eq!(wrong_fields(&refused), ["names[0]", "names[2]"]);
        let missing = each::<(), Vec<()>>([Err(Refused::not_found("store", "s")), Ok(())]).expect_err("one is missing");
        assert_eq!(missing.reason(), "NOT_FOUND");
    }

    #[test]
    fn what_is_right_comes_out_in_order() {
        let id = CustomerId::new();
        let read = all((name::<CustomerId>(&id.to_string(), "customer"), optional_date("", "birth_date")));
        assert_eq!(read, Ok((id, None)));
    }

    #[test]
    fn money_survives_the_way_there_and_back() {
        let money = Money::new(-1290, currency("BRL", "c").expect("a code"));
        assert_eq!(required_money(Some(&to_money(money)), "m"), Ok(money));
    }

    #[test]
    fn a_zone_is_one_of_the_database() {
        assert!(zone("America/Sao_Paulo", "zone").is_ok());
        let refused = zone("Mars/Olympus", "zone").expect_err("no such zone");
        assert_eq!(wrong_fields(&refused), ["zone"]);
    }

    #[test]
    fn a_uuid_has_one_form() {
        let id = Uuid::from_u128(0xabcdef);
        assert_eq!(uuid(&id.to_string(), "id"), Ok(id));
        for wrong in ["", "x", &id.simple().to_string(), &id.braced().to_string()] {
            assert!(uuid(wrong, "id").is_err(), "{wrong} was taken");
        }
    }
}
