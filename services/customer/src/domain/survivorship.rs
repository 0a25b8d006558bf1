//! Survivorship: what a customer's records come to, block by block. Declared over observed over inferred, then the most
//! recent by event time, then the source's rank, then the least (source, external id). Saying nothing never beats a
//! value; saying that there is none beats an older one.

use std::cmp::Reverse;

use super::profile::Profile;
use super::source_record::SourceRecord;

/// Sources in the order in which they are believed where all else is equal; those not listed come last.
#[derive(Debug, Clone, Default)]
pub struct SourceRanks(Vec<String>);

impl SourceRanks {
    /// Ranks in the order given.
    pub fn new(sources: Vec<String>) -> Self {
        Self(sources)
    }

    fn of(&self, source: &str) -> usize {
        self.0.iter().position(|listed| listed == source).unwrap_or(self.0.len())
    }
}

/// The profile that `records` come to. Their order does not matter, and neither does a record that is there twice.
pub fn view<'a>(records: impl IntoIterator<Item = &'a SourceRecord>, ranks: &SourceRanks) -> Profile {
    let mut believed: Vec<&SourceRecord> = records.into_iter().collect();
    believed.sort_by(|a, b| {
        let key = |r: &'a SourceRecord| (r.basis, Reverse(r.event_time), ranks.of(&r.source));
        key(a).cmp(&key(b)).then_with(|| (&a.source, &a.external_id, *a).cmp(&(&b.source, &b.external_id, *b)))
    });
    let first = |block: fn(&'a SourceRecord) -> bool| believed.iter().copied().find(|record| block(record));
    Profile {
        name: first(|r| r.stated.name.is_some()).and_then(|r| r.stated.name.clone()).unwrap_or_default(),
        birth_date: first(|r| r.stated.birth_date.is_some()).and_then(|r| r.stated.birth_date).unwrap_or_default(),
        address: first(|r| r.stated.address.is_some()).and_then(|r| r.stated.address.clone()).unwrap_or_default(),
        language: first(|r| r.stated.language.is_some()).and_then(|r| r.stated.language.clone()).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use guanxi_kernel::Timestamp;
    use proptest::prelude::*;

    use super::super::profile::{PersonName, PostalAddress, Stated};
    use super::super::source_record::Basis;
    use super::*;

    fn record(source: &str, basis: Basis, second: i64, name: Option<&str>) -> SourceRecord {
        SourceRecord {
            source: source.into(),
            external_id: "1".into(),
            event_time: Timestamp::from_second(second).expect("in range"),
            basis,
            region: String::new(),
            stated: Stated {
                name: name.map(|n| PersonName { display: n.into(), ..PersonName::default() }),
                ..Stated::default()
            },
            claims: Vec::new(),
        }
    }

    fn shown(records: &[SourceRecord]) -> String {
        view(records, &SourceRanks::new(vec!["crm".into()])).name.display
    }

    #[test]
    fn what_was_declared_survives_what_was_seen_later() {
        let records =
            [record("pos", Basis::Observed, 9, Some("seen")), record("web", Basis::Declared, 1, Some("declared"))];
        assert_eq!(shown(&records), "declared");
    }

    #[test]
    fn the_most_recent_survives_and_saying_nothing_beats_no_value() {
        let records = [
            record("pos", Basis::Observed, 1, Some("old")),
            record("web", Basis::Observed, 2, Some("new")),
            record("tel", Basis::Observed, 3, None),
        ];
        assert_eq!(shown(&records), "new");
    }

    #[test]
    fn saying_that_there_is_none_beats_an_older_value() {
        let records = [record("web", Basis::Declared, 1, Some("old")), record("web", Basis::Declared, 2, Some(""))];
        assert_eq!(shown(&records), "");
    }

    #[test]
    fn ties_go_by_rank_then_by_source_and_external_id() {
        let same = |source| record(source, Basis::Observed, 1, Some(source));
        assert_eq!(shown(&[same("web"), same("pos"), same("crm")]), "crm");
        assert_eq!(shown(&[same("web"), same("pos")]), "pos");
    }

    #[test]
    fn an_address_survives_as_one_block() {
        let mut older = record("web", Basis::Observed, 1, None);
        older.stated.address = Some(PostalAddress { postal_code: "210000".into(), ..PostalAddress::default() });
        let mut newer = record("pos", Basis::Observed, 2, None);
        newer.stated.address = Some(PostalAddress { locality: "Nanjing".into(), ..PostalAddress::default() });
        let address = view([&older, &newer], &SourceRanks::default()).address;
        assert_eq!((address.locality.as_str(), address.postal_code.as_str()), ("Nanjing", ""));
    }

    fn any_record() -> impl Strategy<Value = SourceRecord> {
        let basis = prop_oneof![Just(Basis::Declared), Just(Basis::Observed), Just(Basis::Inferred)];
        (prop_oneof![Just("pos"), Just("web"), Just("crm")], basis, 0_i64..4, proptest::option::of("[ab]{0,1}"))
            .prop_map(|(source, basis, second, name)| record(source, basis, second, name.as_deref()))
    }

    proptest! {
        #[test]
        fn the_order_of_arrival_and_repetition_do_not_matter(
            (records, shuffled) in prop::collection::vec(any_record(), 0..8)
                .prop_flat_map(|records| (Just(records.clone()), Just(records).prop_shuffle()))
        ) {
            let ranks = SourceRanks::default();
            let doubled: Vec<_> = shuffled.iter().chain(&records).collect();
            prop_assert_eq!(view(&records, &ranks), view(doubled, &ranks));
        }
    }
}
