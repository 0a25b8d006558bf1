//! What a service can say of itself in numbers, to those who run it.

use futures::future::BoxFuture;
use guanxi_contracts::common::v1::{Figure, figure};
use guanxi_kernel::Call;
use guanxi_store::{Database, Result};

/// The figures of a service by name, in the order in which they are shown.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figures(Vec<Figure>);

impl Figures {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A count, or an amount in minor units.
    #[must_use]
    pub fn integer(self, name: &str, value: i64) -> Self {
        self.with(name, Some(figure::Value::Integer(value)))
    }

    /// A number in plain decimal digits, such as `3.280014`; `None` where there is no data.
    #[must_use]
    pub fn decimal(self, name: &str, value: Option<String>) -> Self {
        self.with(name, value.map(figure::Value::Decimal))
    }

    fn with(mut self, name: &str, value: Option<figure::Value>) -> Self {
        self.0.push(Figure { name: name.to_owned(), value });
        self
    }

    pub(crate) fn into_proto(self) -> Vec<Figure> {
        self.0
    }
}

/// Reads a service's figures, of the organisations that the caller may read.
pub(crate) trait Summary: Fn(Database, Call) -> BoxFuture<'static, Result<Figures>> + Send + Sync {}
impl<F: Fn(Database, Call) -> BoxFuture<'static, Result<Figures>> + Send + Sync> Summary for F {}
