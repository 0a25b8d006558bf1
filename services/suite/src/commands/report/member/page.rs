//! A member's page: where he stands, what he has, and what happened last, each in words.

use std::fmt::Write;

use guanxi_client::contracts::loyalty::v1::{
    Balance, Coupon, CouponKind, CouponState, Entry, EntryKind, Expiring, Explanation, Member, OccasionKind, Program,
    RuleExplanation, RuleOutcome, TierBasis, TierStanding,
};
use guanxi_client::contracts::time::from_proto;
use guanxi_kernel::{Currency, Money};

use super::{Found, Placed};
use crate::shown::{self, day};

/// Coupons, and moments of expiry, that are listed one by one.
const LISTED: usize = 12;

/// The page, one line for each thing.
pub fn page(found: &Found) -> String {
    let mut page = String::new();
    let mut line = |label: &str, text: &str| {
        if !text.is_empty() {
            writeln!(page, "{}", format!("{label:<13}{text}").trim_end()).expect("a string can be written to");
        }
    };
    let Found { member, program, balance, .. } = found;
    let since = day(member.enroll_time.as_ref()).map(|day| format!("   since {day}")).unwrap_or_default();
    line("member", &format!("{}   {}   {}{since}", member.name, program.display_name, member.customer));
    if let Some(standing) = &found.standing {
        tier(standing, program).iter().enumerate().for_each(|(at, text)| line(if at == 0 { "tier" } else { "" }, text));
    }
    line("points", &points(balance, program));
    let mut expiring: Vec<String> = found.expiring.iter().take(LISTED).map(expires).collect();
    let more = found.expiring.len().saturating_sub(LISTED);
    if more > 0 {
        expiring.push(format!("and on {} later", shown::counted(more, "day")));
    }
    let dated = found.expiring.last().map_or(0, |last| last.cumulative_points);
    let undated = balance.available + balance.deficit - dated;
    if undated > 0 && program.expiry.is_some() {
        expiring.push(format!("{:>10} never", shown::integer(undated)));
    }
    if expiring.is_empty() {
        expiring.push("nothing".to_owned());
    }
    expiring.iter().enumerate().for_each(|(at, text)| line(if at == 0 { "expiring" } else { "" }, text));
    for (at, hold) in found.holds.iter().enumerate() {
        line(if at == 0 { "holds" } else { "" }, &self::hold(hold));
    }
    let coupons: Vec<&Coupon> = found.coupons.iter().filter(|coupon| coupon.state() != CouponState::Expired).collect();
    for (at, coupon) in coupons.iter().take(LISTED).enumerate() {
        line(if at == 0 { "coupons" } else { "" }, &self::coupon(coupon));
    }
    if coupons.len() > LISTED {
        line("", &format!("and {} more", shown::integer(i64::try_from(coupons.len() - LISTED).unwrap_or(i64::MAX))));
    }
    for (at, rule) in program.occasions.iter().enumerate() {
        let when = match rule.kind() {
            OccasionKind::Birthday => "his birthday".to_owned(),
            OccasionKind::Anniversary => format!("each {} since he joined", member_day(member)),
            OccasionKind::SignUp => "the day that he joined".to_owned(),
            OccasionKind::Unspecified => String::new(),
        };
        let text = format!("{}: {} for {when}", rule.display_name, shown::integer(rule.points));
        line(if at == 0 { "occasions" } else { "" }, &text);
    }
    for (at, entry) in found.entries.iter().enumerate() {
        let first = if at == 0 { "last" } else { "" };
        line(first, &self::entry(entry));
        for why in entry.explanation.iter().flat_map(explanation) {
            line("", &format!("{:24}{why}", ""));
        }
    }
    page
}

/// The day and month on which he joined, such as `06-18`, by UTC.
fn member_day(member: &Member) -> String {
    day(member.enroll_time.as_ref()).and_then(|day| day.get(5..).map(ToOwned::to_owned)).unwrap_or_default()
}

/// Where he stands, what he lacks, and what becomes of it.
fn tier(standing: &TierStanding, program: &Program) -> Vec<String> {
    let spend = program.tiers.as_ref().is_some_and(|tiers| tiers.basis() == TierBasis::Spend);
    let amount = |amount: i64| match program.currency_code.parse::<Currency>() {
        Ok(currency) if spend => Money::new(amount, currency).to_string(),
        _ => format!("{} points", shown::integer(amount)),
    };
    let named = |id: &str| {
        let tier = program.tiers.iter().flat_map(|tiers| &tiers.tiers).find(|tier| tier.id == id);
        tier.map_or_else(|| "no tier".to_owned(), |tier| tier.display_name.clone())
    };
    let since = day(standing.since_time.as_ref()).map(|day| format!(" since {day}")).unwrap_or_default();
    let until = day(standing.until_time.as_ref()).map(|day| format!(", certain until {day}")).unwrap_or_default();
    let granted = if standing.granted { ", granted" } else { "" };
    let mut lines =
        vec![format!("{}{since}{until}{granted}; {} count", named(&standing.tier), amount(standing.counted))];
    if !standing.next_tier.is_empty() {
        lines.push(format!("{} more for {}", amount(standing.needed_to_rise), named(&standing.next_tier)));
    }
    if let Some(day) = day(standing.fall_time.as_ref()) {
        let stay = amount(standing.needed_to_stay);
        lines.push(format!("falls to {} on {day} unless {stay} more count until then", named(&standing.falls_to)));
    }
    lines
}

fn points(balance: &Balance, program: &Program) -> String {
    let [available, pending, held, deficit] =
        [balance.available, balance.pending, balance.held, balance.deficit].map(shown::integer);
    let owed = if balance.deficit == 0 { String::new() } else { format!(", {deficit} owed") };
    let worth = program.redemption.as_ref().filter(|worth| worth.points > 0).and_then(|worth| {
        let minor = i128::from(balance.available.max(0)) * i128::from(worth.minor_units) / i128::from(worth.points);
        let currency = program.currency_code.parse::<Currency>().ok()?;
        Some(format!("   worth {}", Money::new(i64::try_from(minor).ok()?, currency)))
    });
    format!("{available} to spend, {pending} pending, {held} held{owed}{}", worth.unwrap_or_default())
}

fn expires(expiring: &Expiring) -> String {
    let at = expiring.expires_at.as_ref().and_then(from_proto).map(|at| at.strftime("%Y-%m-%d %H:%M UTC").to_string());
    format!("{:>10} on {}", shown::integer(expiring.points), at.unwrap_or_default())
}

fn hold(hold: &Placed) -> String {
    let order = if hold.order.is_empty() { String::new() } else { format!(" for {}", hold.order) };
    let until = hold.until.as_ref().and_then(from_proto).map(|at| at.strftime(" until %Y-%m-%d %H:%M UTC").to_string());
    format!("{:>10}{}{order}", shown::integer(hold.points), until.unwrap_or_default())
}

/// A coupon: its expiry first.
fn coupon(coupon: &Coupon) -> String {
    let kind = match coupon.kind() {
        CouponKind::PercentOff => "a share off",
        CouponKind::AmountOff => "an amount off",
        CouponKind::FreeDelivery => "free delivery",
        CouponKind::Gift => "a gift",
        CouponKind::Unspecified => "",
    };
    let state = match coupon.state() {
        CouponState::Pending => ", not good yet",
        CouponState::Used => ", used",
        CouponState::Active | CouponState::Expired | CouponState::Unspecified => "",
    };
    let until = day(coupon.expire_time.as_ref()).unwrap_or_default();
    format!("until {until}   {}   {kind} ({}){state}", coupon.code, coupon.batch)
}

/// What an entry says, in words.
fn entry(entry: &Entry) -> String {
    let number = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    let lot = number(&entry.lot);
    let order = if entry.order.is_empty() { String::new() } else { format!(" for {}", number(&entry.order)) };
    let until = |what: &str| day(entry.expires_at.as_ref()).map(|day| format!("{what}{day}")).unwrap_or_default();
    let because =
        if entry.reason.is_empty() { String::new() } else { format!(": {} ({})", entry.reason, entry.adjusted_by) };
    let good = || {
        let from = day(entry.active_from.as_ref()).map(|day| format!(", good from {day}"));
        format!("{}{}", from.unwrap_or_else(|| ", waits".to_owned()), until(" until "))
    };
    let what = match entry.kind() {
        EntryKind::Earn if !entry.occasion.is_empty() => format!("earned by the occasion {}{}", entry.occasion, good()),
        EntryKind::Earn if !entry.source.is_empty() => format!("earned by {}{}", entry.source, good()),
        EntryKind::Earn => format!("earned{order}{}", good()),
        EntryKind::Activate => format!("became active{order}{}", good()),
        EntryKind::Extend => format!("of lot {lot} are good{}", until(" until ")),
        EntryKind::Spend => format!("spent{order}"),
        EntryKind::Hold => format!("set aside{order}{}", until(", until ")),
        EntryKind::Capture => format!("that were set aside spent{order}"),
        EntryKind::Release => "that were set aside let go".to_owned(),
        EntryKind::Expire => "expired".to_owned(),
        EntryKind::Cancel => format!("waited{order} in vain"),
        EntryKind::Reverse => format!("taken back{order}, which came back"),
        EntryKind::Refund => format!("came back{order}, which they had paid"),
        EntryKind::Restore => format!("came back that a return had taken{order}"),
        EntryKind::Cover => "paid what was owed".to_owned(),
        EntryKind::Uncover => "pay what was owed no more, after a return".to_owned(),
        EntryKind::Unexpire => "had not expired after all, after a return".to_owned(),
        EntryKind::AdjustCredit => format!("credited by hand{because}"),
        EntryKind::AdjustGoodwill => format!("credited to make good{because}"),
        EntryKind::AdjustDebit => format!("taken by hand{because}"),
        EntryKind::Send => format!("given to {}", entry.other_member),
        EntryKind::Receive => format!("got from {}", entry.other_member),
        EntryKind::Unspecified => String::new(),
    };
    let at = day(entry.effective_time.as_ref()).unwrap_or_default();
    format!("{at} {:>10} {what}", shown::integer(entry.points))
}

/// Why an order earned what it earned, rule by rule.
pub fn explanation(explained: &Explanation) -> Vec<String> {
    let rule = |rule: &RuleExplanation| {
        let of = if rule.campaign.is_empty() { String::new() } else { format!(" of {}", rule.campaign) };
        let base: i64 = rule.lines.iter().map(|line| line.base_minor).sum();
        let gave = match rule.factor_milli {
            Some(factor) => format!("times {}.{:03}", factor / 1_000, factor % 1_000),
            None => {
                shown::integer(rule.granted_points.unwrap_or_else(|| rule.lines.iter().map(|line| line.points).sum()))
            }
        };
        let outcome = match rule.outcome() {
            RuleOutcome::Capped => {
                format!(", of {} that it asked: its cap", shown::integer(rule.asked_points.unwrap_or_default()))
            }
            RuleOutcome::Silenced => ", silenced by another".to_owned(),
            RuleOutcome::Faulted => ", its condition came to nothing".to_owned(),
            RuleOutcome::Fired | RuleOutcome::Unspecified => String::new(),
        };
        let on = if base == 0 { String::new() } else { format!(" on {} minor units", shown::integer(base)) };
        format!("{}{of}: {gave}{on}{outcome}", rule.rule)
    };
    let stopped = (!explained.stopped_by.is_empty()).then(|| format!("stopped by {}", explained.stopped_by));
    explained.rules.iter().map(rule).chain(stopped).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::found;
    use super::*;

    #[test]
    fn a_person_reads_where_a_member_stands_and_why() {
        let expected = "\
member       members/1   Club   customers/1   since 2026-06-18
tier         Silver since 2026-07-01; 170.99 CNY count
             29.01 CNY more for Gold
             falls to no tier on 2027-01-01 unless 100.00 CNY more count until then
points       1,215 to spend, 300 pending, 25 held   worth 12.15 CNY
expiring            200 on 2027-01-31 16:00 UTC
                  1,015 never
holds                25 until 2026-11-22 05:12 UTC
coupons      until 2026-12-31   WN-1   a share off (couponBatches/winter)
occasions    Anniversary: 50 for each 06-18 since he joined
last         2026-11-02         40 credited to make good: a late parcel (clerk)
             2026-11-02        170 earned for olist:77120, good from 2026-11-05
                                     base: 170 on 17,099 minor units
";
        assert_eq!(page(&found()), expected);
    }

    #[test]
    fn a_cap_a_factor_and_a_stop_are_said() {
        let rules = vec![
            RuleExplanation {
                rule: "capped".into(),
                outcome: RuleOutcome::Capped.into(),
                asked_points: Some(80),
                granted_points: Some(50),
                ..RuleExplanation::default()
            },
            RuleExplanation {
                rule: "double".into(),
                campaign: "campaigns/spring".into(),
                factor_milli: Some(2_000),
                outcome: RuleOutcome::Fired.into(),
                ..RuleExplanation::default()
            },
        ];
        let explained = Explanation { rules, stopped_by: "double".into(), ..Explanation::default() };
        let expected = [
            "capped: 50, of 80 that it asked: its cap",
            "double of campaigns/spring: times 2.000",
            "stopped by double",
        ];
        assert_eq!(explanation(&explained), expected);
    }
}
