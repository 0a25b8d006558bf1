//! What people are called, and how that is written in Latin letters for their mailboxes. How common a surname is follows
//! the counts of the mainland's public security bureau, roughly, in thousandths.

use super::dice::Dice;

/// A name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The family name.
    pub family: &'static str,
    /// The given name.
    pub given: String,
    /// Both in Latin letters, without blanks.
    pub latin: String,
}

type Written = (&'static str, &'static str);

/// A name of somebody of the organisation.
pub fn name(slug: &str, dice: &mut Dice) -> Name {
    let (family, given) = match slug {
        "hk" => {
            (*dice.one_of(&HONG_KONG_SURNAMES), vec![*dice.one_of(&HONG_KONG_GIVEN), *dice.one_of(&HONG_KONG_GIVEN)])
        }
        "jp" => (*dice.one_of(&JAPANESE_SURNAMES), vec![*dice.one_of(&JAPANESE_GIVEN)]),
        _ => (*dice.weighted(&SURNAMES), mainland_given(dice)),
    };
    let written = given.iter().map(|(written, _)| *written).collect();
    let latin = std::iter::once(&family).chain(&given).map(|(_, latin)| *latin).collect();
    Name { family: family.0, given: written, latin }
}

/// One syllable or two, the last of them a woman's or a man's.
fn mainland_given(dice: &mut Dice) -> Vec<Written> {
    let woman = dice.chance(500);
    let last = *dice.one_of(if woman { &WOMENS } else { &MENS });
    if dice.chance(250) { vec![last] } else { vec![*dice.one_of(&ANYBODYS), last] }
}

#[rustfmt::skip]
const SURNAMES: [(Written, u32); 62] = [
    (("王", "wang"), 72), (("李", "li"), 71), (("张", "zhang"), 68), (("刘", "liu"), 54), (("陈", "chen"), 46),
    (("杨", "yang"), 31), (("黄", "huang"), 23), (("赵", "zhao"), 21), (("吴", "wu"), 20), (("周", "zhou"), 19),
    (("徐", "xu"), 17), (("孙", "sun"), 15), (("马", "ma"), 13), (("朱", "zhu"), 13), (("胡", "hu"), 13),
    (("郭", "guo"), 12), (("何", "he"), 12), (("林", "lin"), 11), (("罗", "luo"), 10), (("高", "gao"), 10),
    (("郑", "zheng"), 9), (("梁", "liang"), 9), (("谢", "xie"), 8), (("宋", "song"), 8), (("唐", "tang"), 7),
    (("许", "xu"), 7), (("韩", "han"), 6), (("冯", "feng"), 6), (("邓", "deng"), 6), (("曹", "cao"), 6),
    (("彭", "peng"), 5), (("曾", "zeng"), 5), (("肖", "xiao"), 5), (("田", "tian"), 5), (("董", "dong"), 5),
    (("袁", "yuan"), 4), (("潘", "pan"), 4), (("于", "yu"), 4), (("蒋", "jiang"), 4), (("蔡", "cai"), 4),
    (("余", "yu"), 4), (("杜", "du"), 4), (("叶", "ye"), 4), (("程", "cheng"), 4), (("苏", "su"), 4),
    (("魏", "wei"), 4), (("吕", "lyu"), 4), (("丁", "ding"), 4), (("任", "ren"), 4), (("沈", "shen"), 4),
    (("姚", "yao"), 3), (("卢", "lu"), 3), (("姜", "jiang"), 3), (("崔", "cui"), 3), (("钟", "zhong"), 3),
    (("谭", "tan"), 3), (("陆", "lu"), 3), (("汪", "wang"), 3), (("范", "fan"), 3), (("金", "jin"), 3),
    (("欧阳", "ouyang"), 1), (("司马", "sima"), 1),
];

#[rustfmt::skip]
const ANYBODYS: [Written; 24] = [
    ("晨", "chen"), ("文", "wen"), ("思", "si"), ("子", "zi"), ("嘉", "jia"), ("瑞", "rui"), ("晓", "xiao"),
    ("小", "xiao"), ("志", "zhi"), ("建", "jian"), ("国", "guo"), ("春", "chun"), ("玉", "yu"), ("华", "hua"),
    ("海", "hai"), ("云", "yun"), ("天", "tian"), ("一", "yi"), ("俊", "jun"), ("雨", "yu"), ("永", "yong"),
    ("新", "xin"), ("立", "li"), ("梓", "zi"),
];

#[rustfmt::skip]
const WOMENS: [Written; 24] = [
    ("婷", "ting"), ("雅", "ya"), ("静", "jing"), ("丽", "li"), ("娟", "juan"), ("芳", "fang"), ("敏", "min"),
    ("燕", "yan"), ("慧", "hui"), ("玲", "ling"), ("倩", "qian"), ("雪", "xue"), ("梦", "meng"), ("琳", "lin"),
    ("欣", "xin"), ("怡", "yi"), ("佳", "jia"), ("颖", "ying"), ("莹", "ying"), ("洁", "jie"), ("涵", "han"),
    ("兰", "lan"), ("萍", "ping"), ("霞", "xia"),
];

#[rustfmt::skip]
const MENS: [Written; 24] = [
    ("伟", "wei"), ("强", "qiang"), ("磊", "lei"), ("军", "jun"), ("洋", "yang"), ("勇", "yong"), ("杰", "jie"),
    ("涛", "tao"), ("超", "chao"), ("明", "ming"), ("刚", "gang"), ("平", "ping"), ("辉", "hui"), ("鹏", "peng"),
    ("飞", "fei"), ("浩", "hao"), ("宇", "yu"), ("轩", "xuan"), ("博", "bo"), ("峰", "feng"), ("亮", "liang"),
    ("龙", "long"), ("斌", "bin"), ("凯", "kai"),
];

#[rustfmt::skip]
const HONG_KONG_SURNAMES: [Written; 14] = [
    ("陳", "chan"), ("黃", "wong"), ("李", "lee"), ("梁", "leung"), ("林", "lam"), ("張", "cheung"), ("吳", "ng"),
    ("劉", "lau"), ("何", "ho"), ("鄭", "cheng"), ("葉", "yip"), ("周", "chow"), ("鄧", "tang"), ("蘇", "so"),
];

#[rustfmt::skip]
const HONG_KONG_GIVEN: [Written; 14] = [
    ("家", "ka"), ("志", "chi"), ("嘉", "ka"), ("詠", "wing"), ("子", "tsz"), ("偉", "wai"), ("明", "ming"),
    ("欣", "yan"), ("怡", "yi"), ("樂", "lok"), ("俊", "chun"), ("穎", "wing"), ("曉", "hiu"), ("文", "man"),
];

#[rustfmt::skip]
const JAPANESE_SURNAMES: [Written; 14] = [
    ("佐藤", "sato"), ("鈴木", "suzuki"), ("高橋", "takahashi"), ("田中", "tanaka"), ("伊藤", "ito"),
    ("渡辺", "watanabe"), ("山本", "yamamoto"), ("中村", "nakamura"), ("小林", "kobayashi"), ("加藤", "kato"),
    ("吉田", "yoshida"), ("山田", "yamada"), ("佐々木", "sasaki"), ("松本", "matsumoto"),
];

#[rustfmt::skip]
const JAPANESE_GIVEN: [Written; 14] = [
    ("翔太", "shota"), ("健一", "kenichi"), ("大輔", "daisuke"), ("誠", "makoto"), ("陽菜", "hina"),
    ("美咲", "misaki"), ("結衣", "yui"), ("葵", "aoi"), ("恵子", "keiko"), ("優子", "yuko"), ("直樹", "naoki"),
    ("蓮", "ren"), ("さくら", "sakura"), ("拓也", "takuya"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_surnames_are_common() {
        let mut dice = Dice::of(1, "names", &[]);
        let names: Vec<Name> = (0..10_000).map(|_| name("cn", &mut dice)).collect();
        let of = |family: &str| names.iter().filter(|name| name.family == family).count();
        assert!(of("王") > 800 && of("李") > 800 && of("欧阳") < 50, "{} {} {}", of("王"), of("李"), of("欧阳"));
        assert!(names.iter().all(|name| name.latin.bytes().all(|letter| letter.is_ascii_lowercase())));
        assert!(names.iter().all(|name| (1..=2).contains(&name.given.chars().count())));
    }
}
