//! What a person sees while much is loaded: bars on a terminal, one plain line for each kind at its end elsewhere.

use std::fmt::Write;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::shown;

/// The bars of a load.
#[derive(Debug)]
pub struct Progress {
    bars: MultiProgress,
    terminal: bool,
}

/// The bar of one kind of element.
#[derive(Debug)]
pub struct Bar {
    bar: ProgressBar,
    label: &'static str,
    since: Instant,
    done: u64,
    plain: bool,
}

impl Progress {
    /// On standard error, so that standard output has the result alone.
    pub fn new() -> Self {
        let terminal = std::io::stderr().is_terminal();
        let target = if terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Self { bars: MultiProgress::with_draw_target(target), terminal }
    }

    /// A bar for `total` elements.
    pub fn bar(&self, label: &'static str, total: usize) -> Bar {
        let style =
            ProgressStyle::with_template("{msg:10} {bar:20.cyan/dim} {human_pos:>9} / {human_len}   {rate:.dim}")
                .unwrap_or_else(|_| ProgressStyle::default_bar())
                .with_key("rate", |state: &ProgressState, text: &mut dyn Write| {
                    // A bar that cannot be drawn is no reason to stop.
                    let _drawn = write!(text, "{:.0}/s", state.per_sec());
                })
                .progress_chars("━━╌");
        let bar = self.bars.add(ProgressBar::new(total as u64).with_style(style).with_message(label));
        Bar { bar, label, since: Instant::now(), done: 0, plain: !self.terminal }
    }

    /// Says what the load waits for.
    pub fn waiting(&self, what: &'static str) -> Bar {
        let style =
            ProgressStyle::with_template("{msg:10} {spinner}").unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = self.bars.add(ProgressBar::new_spinner().with_style(style).with_message(what));
        bar.enable_steady_tick(Duration::from_millis(100));
        Bar { bar, label: what, since: Instant::now(), done: 0, plain: false }
    }
}

impl Bar {
    /// One more went in.
    pub fn inc(&mut self) {
        self.done += 1;
        self.bar.inc(1);
    }

    /// That is all.
    pub fn finish(self) {
        self.bar.abandon();
        if self.plain {
            let total = i64::try_from(self.bar.length().unwrap_or(self.done)).unwrap_or(i64::MAX);
            let done = i64::try_from(self.done).unwrap_or(i64::MAX);
            let rate = self.done as f64 / self.since.elapsed().as_secs_f64().max(0.001);
            eprintln!("{:10} {} / {}   {:.0}/s", self.label, shown::integer(done), shown::integer(total), rate);
        }
    }

    /// That is all, and nothing of it need stay.
    pub fn clear(self) {
        self.bar.finish_and_clear();
    }
}
