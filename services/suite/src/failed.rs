//! Why a command failed, in one line for a person: what, where, and what to do.

use std::fmt::Display;
use std::process::ExitCode;

use guanxi_client::Error;

/// Why a command failed, and with which exit code.
#[derive(Debug)]
pub struct Failed {
    line: Option<String>,
    code: u8,
}

/// What a command comes to.
pub type Done<T = ()> = Result<T, Failed>;

impl Failed {
    /// It was tried and failed: exit code 1.
    pub fn new(line: impl Display) -> Self {
        Self { line: Some(line.to_string()), code: 1 }
    }

    /// It was asked for in a way that means nothing: exit code 2.
    pub fn usage(line: impl Display) -> Self {
        Self { line: Some(line.to_string()), code: 2 }
    }

    /// It failed, and has said so already: exit code 1.
    pub fn told() -> Self {
        Self { line: None, code: 1 }
    }

    /// A call was refused or not answered: `what` says which, such as `customer GetCustomer360`.
    pub fn call(what: &str, error: &Error) -> Self {
        let fields = error.violations.iter().map(|wrong| format!("; {}: {}", wrong.field, wrong.description));
        let advice = match error.reason.as_str() {
            "TOKEN_MISSING" | "TOKEN_INVALID" | "TOKEN_EXPIRED" => "; give a token by --token or GUANXI_TOKEN",
            "ENDPOINT_UNKNOWN" => "; say where it is by --endpoint SERVICE=URL",
            "METHOD_UNKNOWN" => "; that service does not run there: say where by --endpoint SERVICE=URL",
            _ if error.code == tonic::Code::Unavailable => "; is it running there? see guanxi serve, --endpoint",
            _ => "",
        };
        Self::new(format!("{what}: {error}{}{advice}", fields.collect::<String>()))
    }

    /// Says so on standard error.
    pub fn exit(self) -> ExitCode {
        if let Some(line) = self.line {
            eprintln!("guanxi: {line}");
        }
        ExitCode::from(self.code)
    }
}

impl Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.line.as_deref().unwrap_or("failed"))
    }
}
