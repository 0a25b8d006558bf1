//! `guanxi token`: tokens for development. In production tokens come from an identity provider.

use std::fmt::Write;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use guanxi_kernel::{Clock, OrganizationId, SystemClock};
use guanxi_rpc::token::sign;
use guanxi_rpc::{Claims, Key};
use rand::RngCore;

use crate::failed::{Done, Failed};
use crate::shown::say;

/// Sign a token for development, or make a key for it
///
/// HS256 with a secret, EdDSA with an Ed25519 private key in PEM. The services check it by `auth.mode` and `auth.key` or
/// `auth.key_file`. In production an identity provider signs tokens.
#[derive(Debug, Args)]
pub struct Token {
    /// The file that holds the secret (at least 32 bytes) or the private key in PEM
    #[arg(long, value_name = "FILE", required_unless_present_any = ["key", "new_key"])]
    key_file: Option<PathBuf>,
    /// The secret itself; visible to others on this machine unless it comes from the environment
    #[arg(long, value_name = "SECRET", env = "GUANXI_AUTH__KEY", hide_env_values = true, conflicts_with = "key_file")]
    key: Option<String>,
    /// Make a new secret in this file, which must not exist yet, and end
    #[arg(long, value_name = "FILE", exclusive = true)]
    new_key: Option<PathBuf>,
    /// Who calls
    #[arg(long, default_value = "developer")]
    subject: String,
    /// What the token may be used for, such as loyalty.points.write; loyalty.* covers what is below it; repeat it
    #[arg(long = "scope", value_name = "SCOPE", default_value = "*")]
    scopes: Vec<String>,
    /// Whose data: an organisation's slug with :rw or :r, or * for all; repeat it
    #[arg(long = "organization", value_name = "SLUG:RIGHT", default_value = "*")]
    organizations: Vec<String>,
    /// For how long, such as 30m, 12h or 2d
    #[arg(long, value_name = "TIME", default_value = "12h", value_parser = duration)]
    expires: Duration,
}

fn duration(text: &str) -> Result<Duration, String> {
    let units = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)];
    let parsed = units.iter().find_map(|(unit, seconds)| {
        let count: u64 = text.strip_suffix(unit)?.parse().ok()?;
        count.checked_mul(*seconds)
    });
    parsed.filter(|seconds| *seconds > 0).map(Duration::from_secs).ok_or_else(|| "write 45s, 30m, 12h or 2d".to_owned())
}

impl Token {
    /// Prints the token, or makes a key.
    ///
    /// # Errors
    /// A key that cannot be read, made or used, and an organisation that means nothing.
    pub fn run(self) -> Done {
        if let Some(file) = &self.new_key {
            new_key(file)?;
            say!(
                "a secret for HS256 is in {}; serve with GUANXI_AUTH__MODE=hs256 GUANXI_AUTH__KEY_FILE={}",
                file.display(),
                file.display()
            );
            return Ok(());
        }
        self.organizations.iter().try_for_each(|organization| check(organization))?;
        let key = self.read_key()?;
        let end = SystemClock.now().as_second().unsigned_abs() + self.expires.as_secs();
        let claims =
            Claims { sub: self.subject, exp: end, scope: self.scopes.join(" "), organizations: self.organizations };
        let token = sign(&key, &claims).map_err(|error| Failed::new(format!("--key, --key-file: {error}")))?;
        say!("{token}");
        Ok(())
    }

    fn read_key(&self) -> Done<Key> {
        let text = match (&self.key_file, &self.key) {
            (Some(file), _) => fs::read_to_string(file)
                .map_err(|error| Failed::new(format!("the key file {} cannot be read: {error}", file.display())))?,
            (None, Some(secret)) => secret.clone(),
            (None, None) => return Err(Failed::usage("give a key by --key-file")),
        };
        // As the services read it: a file may end with a line break that is not the secret's.
        Ok(if text.contains("-----BEGIN") { Key::Private(text) } else { Key::Secret(text.trim().into()) })
    }
}

fn check(organization: &str) -> Done {
    let slug = organization.strip_suffix(":rw").or_else(|| organization.strip_suffix(":r"));
    if organization == "*" || slug.is_some_and(|slug| OrganizationId::from_slug(slug).is_ok()) {
        return Ok(());
    }
    Err(Failed::usage(format!("--organization {organization}: write a slug with its right, cn:rw or hk:r, or *")))
}

fn new_key(file: &Path) -> Done {
    let mut bytes = [0_u8; 32];
    rand::rng().fill_bytes(&mut bytes);
    let secret = bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string can be written to");
        text
    });
    let failed = |error| Failed::new(format!("the key cannot be written to {}: {error}", file.display()));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut written = options.open(file).map_err(failed)?;
    writeln!(written, "{secret}").map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_with_a_unit() {
        assert_eq!(duration("30m"), Ok(Duration::from_secs(1_800)));
        assert_eq!(duration("2d"), Ok(Duration::from_secs(172_800)));
        for wrong in ["", "5", "0s", "-1h", "h", "1w"] {
            assert!(duration(wrong).is_err(), "{wrong} was taken");
        }
    }

    #[test]
    fn an_organisation_comes_with_its_right() {
        for good in ["*", "cn:rw", "hk:r"] {
            assert!(check(good).is_ok(), "{good} was refused");
        }
        for wrong in ["", "cn", "cn:w", "CN:r", "organizations/cn:r"] {
            assert!(check(wrong).is_err(), "{wrong} was taken");
        }
    }
}
