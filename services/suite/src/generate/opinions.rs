//! What people think of an order: stars and a few words, and how likely they would recommend the shop. Who waited
//! longer than promised gives fewer stars.

use jiff::Timestamp;

use super::deliveries::Parcel;
use super::dice::Dice;
use super::orders::{DAY, later};
use super::places::Organization;

/// A review and an answer to the survey, each if there is one.
#[derive(Debug, Clone, Default)]
pub struct Opinion {
    /// The review.
    pub review: Option<Stars>,
    /// When the survey was answered, and with what, 0 to 10.
    pub answer: Option<(Timestamp, i32)>,
}

/// A review.
#[derive(Debug, Clone, Copy)]
pub struct Stars {
    /// When it was written.
    pub time: Timestamp,
    /// 1 to 5.
    pub rating: i32,
    /// In words; may be empty.
    pub text: &'static str,
}

const CONTENT: [(i32, u32); 5] = [(5, 62), (4, 25), (3, 8), (2, 2), (1, 3)];
const WAITED: [(i32, u32); 5] = [(5, 12), (4, 16), (3, 24), (2, 20), (1, 28)];
const IN_VAIN: [(i32, u32); 5] = [(5, 0), (4, 0), (3, 5), (2, 15), (1, 80)];
const ANSWERS: [((i32, i32), u32); 3] = [((9, 10), 54), ((7, 8), 30), ((0, 6), 16)];

impl Opinion {
    /// Of an order that these parcels carried.
    pub fn of(organization: &Organization, parcels: &[Parcel], dice: &mut Dice) -> Self {
        let ended = parcels.iter().map(|parcel| parcel.delivered.or(parcel.failed)).max().flatten();
        let Some(ended) = ended else { return Self::default() };
        let (failed, late) = (parcels.iter().any(|p| p.failed.is_some()), parcels.iter().any(|p| p.late));
        let (mood, how_many) = match (failed, late) {
            (true, _) => (&IN_VAIN, 700),
            (_, true) => (&WAITED, 500),
            _ => (&CONTENT, 250),
        };
        let review = dice.chance(how_many).then(|| {
            let rating = *dice.weighted(mood);
            let time = later(ended, dice.between(3_600, 8 * DAY));
            Stars { time, rating, text: words(organization, rating, late, dice) }
        });
        let answer = (!late && dice.chance(60)).then(|| {
            let (least, most) = *dice.weighted(&ANSWERS);
            let score = dice.between(i64::from(least), i64::from(most)) as i32;
            (later(ended, dice.between(3_600, 4 * DAY)), score)
        });
        Self { review, answer }
    }
}

/// Some words that fit, or none: a third gives stars alone.
fn words(organization: &Organization, rating: i32, late: bool, dice: &mut Dice) -> &'static str {
    if dice.chance(330) {
        return "";
    }
    let written: &[&'static str] = match (organization.slug, rating) {
        ("jp", 4..) => &["とても満足しています。", "配送が早くて助かりました。", "店員さんが親切でした。"],
        ("jp", _) => &["届くのが遅かったです。", "期待していたほどではありません。"],
        ("hk", 4..) => &["送貨快，產品好正。", "師傅好有禮貌，會再幫襯。", "抵買！"],
        ("hk", _) => &["等咗好耐先收到。", "同描述唔同，失望。"],
        (_, 5) => &[
            "物流很快，师傅很热情，安装得很仔细。",
            "质量很好，和描述一致，会再来。",
            "价格实惠，正品，非常满意！",
            "客服耐心，送货上门，五星好评。",
            "用了几天，静音效果不错，推荐。",
        ],
        (_, 4) => &["整体不错，包装有一点压痕。", "东西很好，就是说明书太简单。", "性价比高，物流正常。"],
        (_, 3) => &["一般吧，没有想象中好。", "能用，噪音有点大。", "送货师傅没有提前打电话。"],
        _ if late => {
            &["等了好几天才送到，客服也说不清楚。", "承诺的时间没送到，耽误安装，很失望。", "物流太慢了，催了三次。"]
        }
        _ => &["用了两天就坏了，要求换货。", "屏幕有坏点，售后态度差。", "和图片不一样，不推荐。"],
    };
    dice.one_of::<&str>(written)
}
