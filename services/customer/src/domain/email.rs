//! E-mail addresses: the form under which two writings of one address are equal.
//!
//! NFKC, the domain in lower case and as A-labels (IDNA), the local part in lower case. Dots and plus tags stay: what
//! they mean is the mailbox provider's to know.

use unicode_normalization::UnicodeNormalization;

/// An e-mail address in its comparable form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email {
    /// `local@domain`.
    pub address: String,
    /// Whether it is a role's mailbox (`info@`, `service@` …), which never identifies a person.
    pub role: bool,
}

/// Local parts that belong to a role.
const ROLES: [&str; 19] = [
    "abuse",
    "admin",
    "billing",
    "contact",
    "enquiries",
    "help",
    "hello",
    "hr",
    "info",
    "kefu",
    "marketing",
    "no-reply",
    "noreply",
    "office",
    "postmaster",
    "sales",
    "service",
    "support",
    "webmaster",
];

/// Reads an e-mail address; `None` where it is not one.
pub fn read(text: &str) -> Option<Email> {
    let folded: String = text.nfkc().collect::<String>().trim().to_lowercase();
    let (local, domain) = folded.rsplit_once('@')?;
    let domain = idna::domain_to_ascii_strict(domain).ok()?;
    let good = is_local(local) && domain.contains('.') && domain.len() <= 253;
    good.then(|| Email { role: ROLES.contains(&local), address: format!("{local}@{domain}") })
}

/// A dot-atom of RFC 5322, with the letters of RFC 6531, of at most 64 bytes.
fn is_local(local: &str) -> bool {
    let atom = |c: char| c.is_alphanumeric() || "!#$%&'*+/=?^_`{|}~-".contains(c);
    local.len() <= 64 && local.split('.').all(|part| !part.is_empty() && part.chars().all(atom))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Option<String> {
        read(text).map(|email| email.address)
    }

    #[test]
    fn writings_of_one_address_are_equal() {
        for text in ["Ming.Wang@Example.COM", " ming.wang@example.com ", "ｍing.wang＠example．com"] {
            assert_eq!(address(text), Some("ming.wang@example.com".to_owned()), "{text}");
        }
        assert_eq!(address("王@例子.中国"), Some("王@xn--fsqu00a.xn--fiqs8s".to_owned()));
    }

    #[test]
    fn dots_and_plus_tags_stay() {
        assert_eq!(address("a.b+shop@gmail.com"), Some("a.b+shop@gmail.com".to_owned()));
    }

    #[test]
    fn a_role_is_known_as_one() {
        assert!(read("Info@shop.com").is_some_and(|email| email.role));
        assert!(read("info.wang@shop.com").is_some_and(|email| !email.role));
    }

    #[test]
    fn what_is_no_address_is_not_read() {
        for text in
            ["", "@", "a@", "@b.com", "a@b", "a b@c.com", "a..b@c.com", ".a@c.com", "a@b@", "a@-b.com", "a@b_c.com"]
        {
            assert_eq!(address(text), None, "{text:?} was read");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_read_reads_as_itself(text in "\\PC{0,12}@\\PC{0,12}|[a-z.+@A-Z]{0,20}") {
            if let Some(address_once) = address(&text) {
                proptest::prop_assert_eq!(address(&address_once), Some(address_once));
            }
        }
    }
}
