//! Settings that are in files of their own, as mounted secrets are: the URL of a server with its password.

use std::path::Path;

use super::{Faults, Settings, Url};

/// Reads them.
pub(super) fn read(settings: &mut Settings, faults: &mut Faults) {
    let Settings { database, redis, .. } = settings;
    for (path, url, file) in
        [("database.url", &mut database.url, &database.url_file), ("redis.url", &mut redis.url, &redis.url_file)]
    {
        if file.as_os_str().is_empty() {
            continue;
        }
        let both = format!("or {path}_file must be set, not both");
        faults.require_that(url.is_empty(), path, &both);
        match content(file) {
            Ok(content) => *url = Url::from(content.as_str()),
            Err(problem) => faults.require(false, &format!("{path}_file"), file, &problem),
        }
    }
}

fn content(file: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        format!("cannot be read: {error}; name a file that holds the URL and that this user may read")
    })?;
    let text = text.trim();
    if text.is_empty() { Err("is empty: it must hold the URL".to_owned()) } else { Ok(text.to_owned()) }
}
