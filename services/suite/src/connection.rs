//! Where the commands that call find the services, and with what token.

use std::path::PathBuf;

use clap::Args;
use guanxi_client::{Client, ClientFiles};

use crate::failed::{Done, Failed};
use crate::services;

/// Where the services are.
#[derive(Debug, Clone, Args)]
pub struct Connection {
    /// Where all services are, or one of them by SERVICE=URL; repeat it for several [default: http://127.0.0.1:7400]
    #[arg(long = "endpoint", value_name = "[SERVICE=]URL", help_heading = "Connection")]
    endpoints: Vec<String>,
    /// The token to call with
    #[arg(long, env = "GUANXI_TOKEN", hide_env_values = true, help_heading = "Connection")]
    token: Option<String>,
    /// The authority, PEM, that signed the certificates of https endpoints [default: those that this machine trusts]
    #[arg(long, value_name = "FILE", env = "GUANXI_CA", help_heading = "Connection")]
    ca: Option<PathBuf>,
    /// The certificate, PEM, to show to https endpoints
    #[arg(long, value_name = "FILE", requires = "certificate_key", help_heading = "Connection")]
    certificate: Option<PathBuf>,
    /// The private key of that certificate
    #[arg(long, value_name = "FILE", requires = "certificate", help_heading = "Connection")]
    certificate_key: Option<PathBuf>,
}

impl Connection {
    /// A client for what was given.
    ///
    /// # Errors
    /// An endpoint that cannot be called, one of an unknown service, or a token that no header can carry.
    pub fn client(&self) -> Done<Client> {
        let mut builder = Client::builder();
        for endpoint in &self.endpoints {
            builder = match service_of(endpoint)? {
                Some((service, url)) => builder.endpoint_for(service, url),
                None => builder.endpoint(endpoint),
            };
        }
        if let Some(token) = self.token.as_deref().filter(|token| !token.is_empty()) {
            builder = builder.token(token);
        }
        if self.endpoints.iter().any(|endpoint| endpoint.contains("https://")) {
            let identity = self.certificate.clone().zip(self.certificate_key.clone());
            builder = builder.tls(ClientFiles { ca: self.ca.clone(), identity, ..ClientFiles::default() });
        }
        builder.build().map_err(|error| Failed::usage(format!("--endpoint, --token or --ca: {error}")))
    }

    /// The options that lead another command to the same place, for people to copy; never the token.
    pub fn options(&self) -> String {
        self.endpoints.iter().map(|endpoint| format!(" --endpoint {endpoint}")).collect()
    }

    /// Host and port of a service, as tools write them that know no URL.
    pub fn address(&self, service: &str) -> &str {
        let own = self.endpoints.iter().find_map(|endpoint| endpoint.strip_prefix(service)?.strip_prefix('='));
        let everybodys = || self.endpoints.iter().map(String::as_str).rfind(|url| matches!(service_of(url), Ok(None)));
        let url = own.or_else(everybodys).unwrap_or("127.0.0.1:7400");
        url.split_once("://").map_or(url, |(_, rest)| rest).trim_end_matches('/')
    }
}

/// The service and URL of `SERVICE=URL`; `None` where it is a URL alone.
fn service_of(endpoint: &str) -> Done<Option<(&str, &str)>> {
    match endpoint.split_once('=') {
        Some((service, url)) if services::names().contains(&service) => Ok(Some((service, url))),
        Some((service, _)) if !service.contains(['/', ':']) => Err(Failed::usage(format!(
            "--endpoint {endpoint}: there is no service {service:?}; there are {}",
            services::names().join(", ")
        ))),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_that_of_the_service() {
        let connection = |endpoints: &[&str]| Connection {
            endpoints: endpoints.iter().map(|endpoint| (*endpoint).to_owned()).collect(),
            token: None,
            ca: None,
            certificate: None,
            certificate_key: None,
        };
        assert_eq!(connection(&[]).address("loyalty"), "127.0.0.1:7400");
        let two = connection(&["http://all:1/", "loyalty=https://l:2"]);
        assert_eq!([two.address("loyalty"), two.address("customer")], ["l:2", "all:1"]);
        assert_eq!(two.options(), " --endpoint http://all:1/ --endpoint loyalty=https://l:2");
    }

    #[test]
    fn an_endpoint_is_everybodys_or_one_services() {
        assert_eq!(service_of("http://h:1").expect("good"), None);
        assert_eq!(service_of("http://h:1/?a=b").expect("good"), None);
        assert_eq!(service_of("loyalty=http://h:1").expect("good"), Some(("loyalty", "http://h:1")));
        let refused = service_of("loyalti=http://h:1").expect_err("no such service").to_string();
        assert!(refused.contains("\"loyalti\"") && refused.contains("customer, loyalty, logistics, feedback"));
    }
}
