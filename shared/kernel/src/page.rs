//! Pages: sizes with bounds, and opaque tokens that are bound to what was asked, over a keyset underneath.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::refusal::Refused;

/// Items on a page where the caller says nothing.
pub const DEFAULT_PAGE_SIZE: u32 = 50;
/// Items on a page at the most; more is cut to this.
pub const MAX_PAGE_SIZE: u32 = 1_000;

/// Where a page begins: the key of the last item of the page before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageToken {
    /// A digest of what was asked, so that a token is not used with another filter or order.
    #[serde(rename = "q")]
    query: String,
    /// The sort key's values of the last item, then its id.
    #[serde(rename = "k")]
    pub key: Vec<String>,
}

/// A page that was asked for: how many, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// How many items, 1 to [`MAX_PAGE_SIZE`].
    pub size: u32,
    /// The key after which the page begins; `None` for the first page.
    pub after: Option<Vec<String>>,
    query: String,
}

impl PageRequest {
    /// Reads `page_size` and `page_token`. `asked` is what the token is bound to: the method, parent, filter and order.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for a negative size, and for a token that is not ours or was made for another query.
    pub fn parse(page_size: i32, page_token: &str, asked: &[&str]) -> Result<Self, Refused> {
        let size = match u32::try_from(page_size) {
            Err(_) => {
                let description = format!("{page_size} is negative: 0 means {DEFAULT_PAGE_SIZE}");
                return Err(Refused::invalid("page_size", "PAGE_SIZE_NEGATIVE", description));
            }
            Ok(0) => DEFAULT_PAGE_SIZE,
            Ok(size) => size.min(MAX_PAGE_SIZE),
        };
        let mut hash = Sha256::new();
        for part in asked {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let query = URL_SAFE_NO_PAD.encode(&hash.finalize()[..9]);
        if page_token.is_empty() {
            return Ok(Self { size, after: None, query });
        }
        let malformed =
            || Refused::invalid("page_token", "PAGE_TOKEN_MALFORMED", "is not a token that a page returned");
        let bytes = URL_SAFE_NO_PAD.decode(page_token).map_err(|_| malformed())?;
        let token: PageToken = serde_json::from_slice(&bytes).map_err(|_| malformed())?;
        // Whoever writes into a token gets no further than with a text of his own: no database holds U+0000.
        if token.key.iter().any(|value| value.contains('\0')) {
            return Err(malformed());
        }
        if token.query != query {
            let description = "was made for another filter, order or parent: start again without a token";
            return Err(Refused::invalid("page_token", "PAGE_TOKEN_MISMATCH", description));
        }
        Ok(Self { size, after: Some(token.key), query })
    }

    /// The token of the page after the one that ends with the item of this key.
    pub fn next(&self, key: Vec<String>) -> String {
        let token = PageToken { query: self.query.clone(), key };
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(&token).expect("strings encode"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_bounded() {
        let size = |n| PageRequest::parse(n, "", &[]).map(|p| p.size);
        assert_eq!((size(0), size(7), size(5_000)), (Ok(50), Ok(7), Ok(1_000)));
        assert_eq!(size(-1).map_err(|r| r.field_violations()[0].field.clone()), Err("page_size".to_owned()));
    }

    #[test]
    fn a_token_is_bound_to_what_was_asked() {
        let first = PageRequest::parse(0, "", &["state = A"]).expect("a page");
        let token = first.next(vec!["x".into()]);
        assert_eq!(PageRequest::parse(0, &token, &["state = A"]).expect("a page").after, Some(vec!["x".to_owned()]));
        for (token, asked) in [(token.as_str(), "state = B"), ("rubbish", "state = A"), ("e30", "state = A")] {
            assert!(PageRequest::parse(0, token, &[asked]).is_err(), "{token} was taken for {asked}");
        }
        let forged = first.next(vec!["a\0b".into()]);
        assert!(PageRequest::parse(0, &forged, &["state = A"]).is_err(), "U+0000 was taken");
    }
}
