//! The Chinese lunisolar calendar: days of it, year by year, as dates. Birthdays are kept by it.
//!
//! A year has twelve months of 29 or 30 days, and in some years a leap month that bears the number of the one before it. The
//! months of 1900 to 2100 are a table: until now as they were published, from now on by GB/T 33661-2017 (a month begins on
//! the day, by UTC+8, of the new moon). The table is that of the almanac library sxtwl 2.0.7; each of its 2,486 months was
//! compared with the new moons of the ephemeris library PyEphem 4.2. They differ in three months of 1914, 1916 and 1920, when
//! calendars counted by Peking's own time, as the table does. Three new moons to come are so near midnight (2057-09-28,
//! 2089-09-04, 2097-08-07) that others publish those months a day later.

use jiff::ToSpan;
use jiff::civil::{Date, date};

/// The first year of the table.
const FIRST: i16 = 1900;

/// The day with which that year begins.
const START: Date = date(1900, 1, 31);

/// A year each: in the bits from the lowest, whether its first, second … month has 30 days, leap months in their place;
/// from bit 13 on, the number of the leap month, 0 where there is none.
const YEARS: [u32; 201] = [
    0x116d2, 0x00752, 0x00ea5, 0x0b64a, 0x0064b, 0x00a9b, 0x09556, 0x0056a, 0x00b59, 0x05752, // 1900
    0x00752, 0x0db25, 0x00b25, 0x00a4b, 0x0b4ab, 0x002ad, 0x0056b, 0x04b69, 0x00da9, 0x0fd92, // 1910
    0x00e92, 0x00d25, 0x0ba4d, 0x00a56, 0x002b6, 0x095b5, 0x006d4, 0x00ea9, 0x05e92, 0x00e92, // 1920
    0x0cd26, 0x0052b, 0x00a57, 0x0b2b6, 0x00b5a, 0x006d4, 0x06ec9, 0x00749, 0x0f693, 0x00a93, // 1930
    0x0052b, 0x0ca5b, 0x00aad, 0x0056a, 0x09b55, 0x00ba4, 0x00b49, 0x05a93, 0x00a95, 0x0f52d, // 1940
    0x00536, 0x00aad, 0x0b5aa, 0x005b2, 0x00da5, 0x07d4a, 0x00d4a, 0x10a95, 0x00a97, 0x00556, // 1950
    0x0cab5, 0x00ad5, 0x006d2, 0x08ea5, 0x00ea5, 0x0064a, 0x06c97, 0x00a9b, 0x0f55a, 0x0056a, // 1960
    0x00b69, 0x0b752, 0x00b52, 0x00b25, 0x0964b, 0x00a4b, 0x114ab, 0x002ad, 0x0056d, 0x0cb69, // 1970
    0x00da9, 0x00d92, 0x09d25, 0x00d25, 0x15a4d, 0x00a56, 0x002b6, 0x0c5b5, 0x006d5, 0x00ea9, // 1980
    0x0be92, 0x00e92, 0x00d26, 0x06a56, 0x00a57, 0x114d6, 0x0035a, 0x006d5, 0x0b6c9, 0x00749, // 1990
    0x00693, 0x0952b, 0x0052b, 0x00a5b, 0x0555a, 0x0056a, 0x0fb55, 0x00ba4, 0x00b49, 0x0ba93, // 2000
    0x00a95, 0x0052d, 0x08aad, 0x00ab5, 0x135aa, 0x005d2, 0x00da5, 0x0dd4a, 0x00d4a, 0x00c95, // 2010
    0x0952e, 0x00556, 0x00ab5, 0x055b2, 0x006d2, 0x0cea5, 0x00725, 0x0064b, 0x0ac97, 0x00cab, // 2020
    0x0055a, 0x06ad6, 0x00b69, 0x17752, 0x00b52, 0x00b25, 0x0da4b, 0x00a4b, 0x004ab, 0x0a55b, // 2030
    0x005ad, 0x00b6a, 0x05b52, 0x00d92, 0x0fd25, 0x00d25, 0x00a55, 0x0b4ad, 0x004b6, 0x005b5, // 2040
    0x06daa, 0x00ec9, 0x11e92, 0x00e92, 0x00d26, 0x0ca56, 0x00a57, 0x00556, 0x086d5, 0x00755, // 2050
    0x00749, 0x06e93, 0x00693, 0x0f52b, 0x0052b, 0x00a5b, 0x0b55a, 0x0056a, 0x00b65, 0x0974a, // 2060
    0x00b4a, 0x11a95, 0x00a95, 0x0052d, 0x0caad, 0x00ab5, 0x005aa, 0x08ba5, 0x00da5, 0x00d4a, // 2070
    0x07c95, 0x00c96, 0x0f94e, 0x00556, 0x00ab5, 0x0b5b2, 0x006d2, 0x00ea5, 0x08e4a, 0x0068b, // 2080
    0x10c97, 0x004ab, 0x0055b, 0x0cad6, 0x00b6a, 0x00752, 0x09725, 0x00b45, 0x00a8b, 0x0549b, // 2090
    0x004ab, // 2100
];

/// A day of the Chinese year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LunarDay {
    /// 1 to 12.
    pub month: i8,
    /// Whether it is the leap month of that number.
    pub leap: bool,
    /// 1 to 30.
    pub day: i8,
}

/// The months of a year of the table: the number of each, whether it is the leap month, and its days.
fn months(year: i16) -> Option<Vec<(i8, bool, i8)>> {
    let bits = *YEARS.get(usize::try_from(year - FIRST).ok()?)?;
    let leap = i8::try_from(bits >> 13).ok()?;
    let numbers = (1..=12).flat_map(|month| [Some((month, false)), (month == leap).then_some((month, true))]);
    let months = numbers.flatten().enumerate();
    Some(months.map(|(place, (month, leap))| (month, leap, if bits >> place & 1 == 1 { 30 } else { 29 })).collect())
}

/// How many days of the table are before each of its years.
const BEFORE: [i32; YEARS.len()] = {
    let (mut before, mut year) = ([0; YEARS.len()], 1);
    while year < YEARS.len() {
        let bits = YEARS[year - 1];
        let months = if bits >> 13 == 0 { 12 } else { 13 };
        before[year] = before[year - 1] + 29 * months + (bits & 0x1fff).count_ones().cast_signed();
        year += 1;
    }
    before
};

/// The day with which a year of the table begins.
fn start(year: i16) -> Option<Date> {
    let before = BEFORE.get(usize::try_from(year - FIRST).ok()?)?;
    START.checked_add(before.days()).ok()
}

impl LunarDay {
    /// Whether some year has this day.
    pub fn exists(self) -> bool {
        (1..=12).contains(&self.month) && (1..=30).contains(&self.day)
    }

    /// That day of a Chinese year: where the year has no such leap month, of the ordinary one; where the month has no 30th,
    /// its 29th. `None` beyond the table, which holds the years 1900 to 2100.
    pub fn in_year(self, year: i16) -> Option<Date> {
        let months = months(year)?;
        let has = |leap: bool| months.iter().position(|(month, is_leap, _)| (*month, *is_leap) == (self.month, leap));
        let place = if self.leap { has(true).or_else(|| has(false)) } else { has(false) }?;
        let before: i32 = months[..place].iter().map(|(_, _, days)| i32::from(*days)).sum();
        let day = before + i32::from(self.day.clamp(1, months[place].2)) - 1;
        start(year)?.checked_add(day.days()).ok()
    }

    /// The Chinese year and day of a date; `None` beyond the table.
    pub fn of(date: Date) -> Option<(i16, Self)> {
        let year =
            [date.year(), date.year() - 1].into_iter().find(|year| start(*year).is_some_and(|new| new <= date))?;
        let mut left = date.duration_since(start(year)?).as_hours() / 24;
        for (month, leap, days) in months(year)? {
            if left < i64::from(days) {
                return Some((year, Self { month, leap, day: i8::try_from(left + 1).ok()? }));
            }
            left -= i64::from(days);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lunar(month: i8, leap: bool, day: i8) -> LunarDay {
        LunarDay { month, leap, day }
    }

    #[test]
    fn years_begin_when_they_did() {
        // New years from the Hong Kong Observatory's tables.
        for (year, new) in [
            (1900, date(1900, 1, 31)),
            (1916, date(1916, 2, 3)),
            (1949, date(1949, 1, 29)),
            (1985, date(1985, 2, 20)),
            (2000, date(2000, 2, 5)),
            (2024, date(2024, 2, 10)),
            (2026, date(2026, 2, 17)),
            (2033, date(2033, 1, 31)),
            (2034, date(2034, 2, 19)),
            (2100, date(2100, 2, 9)),
        ] {
            assert_eq!(lunar(1, false, 1).in_year(year), Some(new), "{year}");
        }
    }

    #[test]
    fn known_days_are_where_they_were() {
        for (year, day, on) in [
            // The mid-autumn festivals of 2023 and 2025, the second with a leap month before it.
            (2023, lunar(8, false, 15), date(2023, 9, 29)),
            (2025, lunar(8, false, 15), date(2025, 10, 6)),
            // The leap months of 1987, 2023, 2025, and of 2033, which many old tables have wrong.
            (1987, lunar(6, true, 26), date(1987, 8, 20)),
            (2023, lunar(2, true, 11), date(2023, 4, 1)),
            (2025, lunar(6, true, 1), date(2025, 7, 25)),
            (2033, lunar(11, true, 1), date(2033, 12, 22)),
            // The day on which 11010519491231002X was born.
            (1949, lunar(11, false, 12), date(1949, 12, 31)),
        ] {
            assert_eq!(day.in_year(year), Some(on), "{year} {day:?}");
            assert_eq!(LunarDay::of(on), Some((year, day)), "{on}");
        }
    }

    #[test]
    fn a_leap_month_that_a_year_does_not_have_is_kept_in_the_ordinary_one() {
        let born = lunar(6, true, 10);
        assert_eq!(born.in_year(2025), Some(date(2025, 8, 3)), "2025 has it");
        assert_eq!(born.in_year(2026), lunar(6, false, 10).in_year(2026));
        assert_eq!(
            lunar(6, false, 10).in_year(2025),
            Some(date(2025, 7, 4)),
            "the ordinary month stays the ordinary one"
        );
    }

    #[test]
    fn the_thirtieth_is_kept_on_the_twenty_ninth_of_a_short_month() {
        // The twelfth month of 2024 has 29 days, that of 2023 has 30.
        let eve = lunar(12, false, 30);
        assert_eq!(eve.in_year(2023), Some(date(2024, 2, 9)));
        assert_eq!(eve.in_year(2024), Some(date(2025, 1, 28)));
        assert_eq!(LunarDay::of(date(2025, 1, 28)), Some((2024, lunar(12, false, 29))));
    }

    #[test]
    fn every_day_of_two_centuries_goes_there_and_back() {
        let mut day = START;
        let mut before = (FIRST, lunar(1, false, 0));
        while let Some(found) = LunarDay::of(day) {
            let (year, on) = found;
            assert_eq!(on.in_year(year), Some(day), "{day}");
            let next = (year, on.month, on.leap, on.day) > (before.0, before.1.month, before.1.leap, before.1.day);
            assert!(next, "{day} comes after the day before it");
            before = found;
            day = day.tomorrow().expect("not the last of all");
        }
        assert_eq!(day, date(2101, 1, 29), "the table ends with the year 2100");
        assert_eq!(LunarDay::of(date(1900, 1, 30)), None);
        assert_eq!((lunar(1, false, 1).in_year(1899), lunar(1, false, 1).in_year(2101)), (None, None));
    }
}
