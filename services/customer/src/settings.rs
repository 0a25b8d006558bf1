//! The `[customer]` section of the settings.

use std::time::Duration;

use guanxi_runtime::settings::Faults;
use guanxi_runtime::{Section, settings::duration};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::domain::identifier::{IdentifierKind, Reader};
use crate::domain::ingest::Policy;
use crate::domain::phone::Region;
use crate::domain::survivorship::SourceRanks;

/// How customers are recognised, and how much is done at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The country whose writing telephone numbers without a country code follow, where nothing else says.
    pub default_region: String,
    /// After how long without a record a telephone number gives way to somebody else who claims it. A number may be
    /// given to another person 90 days after it was given up.
    #[serde(with = "duration")]
    pub phone_silence: Duration,
    /// Telephone numbers that never identify a person: the shop's own, besides the usual dummies.
    pub denied_phones: Vec<String>,
    /// E-mail addresses that never identify a person, besides the usual dummies and roles.
    pub denied_emails: Vec<String>,
    /// Sources in the order in which they are believed where all else is equal.
    pub source_ranks: Vec<String>,
    /// Records or orders of one commit, at the most.
    pub largest_batch: usize,
    /// How long GetCustomer360 waits for each of the other services, at the most.
    #[serde(with = "duration")]
    pub patience_360: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            default_region: "CN".into(),
            phone_silence: Duration::from_secs(180 * 24 * 3_600),
            denied_phones: Vec::new(),
            denied_emails: Vec::new(),
            source_ranks: Vec::new(),
            largest_batch: 256,
            patience_360: Duration::from_millis(500),
        }
    }
}

impl Section for Settings {
    fn check(&self, path: &str, faults: &mut Faults) {
        faults.require(
            Region::from_code(&self.default_region).is_some(),
            &format!("{path}.default_region"),
            &self.default_region,
            "must be a country code such as CN",
        );
        faults.require(
            self.phone_silence >= Duration::from_secs(90 * 24 * 3_600),
            &format!("{path}.phone_silence"),
            format!("{:?}", self.phone_silence),
            "must be at least 2160h (90 days): numbers are not given to another person sooner",
        );
        faults.require(
            (1..=1_024).contains(&self.largest_batch),
            &format!("{path}.largest_batch"),
            self.largest_batch,
            "must be from 1 to 1024",
        );
        faults.require(
            (Duration::from_millis(10)..=Duration::from_secs(30)).contains(&self.patience_360),
            &format!("{path}.patience_360"),
            format!("{:?}", self.patience_360),
            "must be from 10ms to 30s",
        );
    }
}

impl Settings {
    /// How records are read and joined.
    pub fn policy(&self) -> Policy {
        let region = Region::from_code(&self.default_region).unwrap_or(Region::CN);
        let phones = self.denied_phones.iter().map(|value| (IdentifierKind::Phone, value.clone()));
        let emails = self.denied_emails.iter().map(|value| (IdentifierKind::Email, value.clone()));
        Policy {
            reader: Reader::new(region, phones.chain(emails)),
            silence: SignedDuration::try_from(self.phone_silence).unwrap_or(SignedDuration::MAX),
            ranks: SourceRanks::new(self.source_ranks.clone()),
        }
    }
}
