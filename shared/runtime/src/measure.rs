//! What is measured by looking rather than by counting: pools, flow, jobs, and the gauges that services declare. Looked
//! at every quarter of a minute, however often somebody reads the metrics.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use guanxi_kernel::signals::{self, KeyValue, Measured, attribute};
use guanxi_messaging::Bus;
use guanxi_store::{Database, Result};
use tokio_util::sync::CancellationToken;

/// How often it looks.
const EVERY: Duration = Duration::from_secs(15);

/// Looks at a service's gauges.
pub(crate) trait Look: Fn(Database) -> BoxFuture<'static, Result<Vec<Measured>>> + Send + Sync {}
impl<F: Fn(Database) -> BoxFuture<'static, Result<Vec<Measured>>> + Send + Sync> Look for F {}

/// The measures of one service.
pub(crate) struct Measuring {
    pub(crate) db: Database,
    pub(crate) bus: Arc<dyn Bus>,
    /// Kinds of jobs, with how often each is due, if it is a scheduled one.
    pub(crate) scheduled: Vec<(&'static str, Option<Duration>)>,
    pub(crate) gauges: Vec<Arc<dyn Look>>,
}

impl Measuring {
    /// Looks until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let service = KeyValue::new(attribute::SERVICE, self.db.service());
        let version = KeyValue::new(attribute::SERVICE_VERSION, guanxi_store::migrate::release());
        signals::BUILD.gauge().record(1.0, &[service, version]);
        loop {
            let began = Instant::now();
            let look = stop.run_until_cancelled(self.look()).await;
            if let Some(Err(error)) = look {
                tracing::debug!(service = self.db.service(), %error, "gauges could not be looked at");
            }
            // However much there is to look at, it takes a twentieth of the time at the most.
            let pause = EVERY.max(20 * began.elapsed());
            if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                return;
            }
        }
    }

    async fn look(&self) -> Result<()> {
        guanxi_messaging::ping(&*self.bus).await;
        record(self.db.measured().await?);
        record(self.jobs().await?);
        for look in &self.gauges {
            record(look(self.db.clone()).await?);
        }
        Ok(())
    }

    async fn jobs(&self) -> Result<Vec<Measured>> {
        let figures = self.db.job_figures().await?;
        let now = self.db.clock().now();
        let mut measured = Vec::new();
        for &(kind, every) in &self.scheduled {
            let of = figures.get(kind).copied().unwrap_or_default();
            let labels = [KeyValue::new(attribute::SERVICE, self.db.service()), KeyValue::new(attribute::JOB, kind)];
            let state =
                |state| labels.iter().cloned().chain([KeyValue::new(attribute::STATE, state)]).collect::<Vec<_>>();
            let age = of.oldest.map_or(0.0, |oldest| signals::seconds(now) - signals::seconds(oldest));
            measured.extend([
                signals::JOBS.is(signals::count(of.pending), state("pending")),
                signals::JOBS.is(signals::count(of.running), state("running")),
                signals::JOB_AGE.is(age.max(0.0), labels.clone()),
                signals::JOB_SUCCESS.is(of.succeeded.map_or(0.0, signals::seconds), labels.clone()),
            ]);
            measured.extend(every.map(|every| signals::JOB_INTERVAL.is(every.as_secs_f64(), labels)));
        }
        Ok(measured)
    }
}

fn record(measured: Vec<Measured>) {
    for Measured { metric, value, attributes } in measured {
        metric.gauge().record(value, &attributes);
    }
}
