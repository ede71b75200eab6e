//! The only place that writes to stdout and stderr: stdout is data, stderr is talk.
//!
//! A reader that went away (`bot query … | head`) is no error: what nobody reads is dropped, and the run goes on.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::render::{Colour, visible};
use crate::surroundings::Terminal;

/// Both streams, usable from any thread.
pub struct Output {
    data: Mutex<Stream>,
    talk: Mutex<Stream>,
    bar: Mutex<Option<ProgressBar>>,
    progress: Terminal,
    silent: AtomicBool,
}

/// Who listens to stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listener {
    /// Somebody who wants to know what is done.
    Person,
    /// A script: it gets an error as one object, and nothing beside it.
    Script,
}

struct Stream {
    writer: Box<dyn Write + Send>,
    failure: Option<io::Error>,
}

/// A text that fills as an [`Output`] is written to.
#[derive(Clone, Debug, Default)]
pub struct Buffer(Arc<Mutex<Vec<u8>>>);

/// The progress of some steps: a bar on a terminal, one line per step elsewhere.
pub struct Progress<'a> {
    output: &'a Output,
    total: usize,
    done: Mutex<usize>,
}

impl Output {
    /// The process's own streams; `stderr` says whether a bar may be drawn.
    pub fn of_process(stderr: Terminal) -> Self {
        Self::new(Box::new(io::stdout()), Box::new(io::stderr()), stderr)
    }

    /// Streams in memory: stdout and stderr.
    pub fn in_memory() -> (Self, Buffer, Buffer) {
        let (data, talk) = (Buffer::default(), Buffer::default());
        (Self::new(Box::new(data.clone()), Box::new(talk.clone()), Terminal::No), data, talk)
    }

    fn new(data: Box<dyn Write + Send>, talk: Box<dyn Write + Send>, progress: Terminal) -> Self {
        let stream = |writer| Mutex::new(Stream { writer, failure: None });
        Self { data: stream(data), talk: stream(talk), bar: Mutex::new(None), progress, silent: AtomicBool::new(false) }
    }

    /// Says who listens to stderr from here on.
    pub fn listener(&self, listener: Listener) {
        self.silent.store(listener == Listener::Script, Ordering::Relaxed);
    }

    fn is_silent(&self) -> bool {
        self.silent.load(Ordering::Relaxed)
    }

    /// Writes data to stdout, as it is.
    pub fn data(&self, text: &str) {
        self.beside_the_bar(|| lock(&self.data).write(text));
    }

    /// Tells people something on stderr, as it is; ends the line where `text` does not. Scripts are told nothing.
    pub fn talk(&self, text: &str) {
        if !self.is_silent() {
            self.error(text);
        }
    }

    /// Tells an error on stderr, whoever listens.
    pub fn error(&self, text: &str) {
        let end = if text.ends_with('\n') { "" } else { "\n" };
        self.beside_the_bar(|| lock(&self.talk).write(&format!("{text}{end}")));
    }

    /// Begins to show how far `total` steps are; one at a time.
    pub fn progress(&self, total: usize) -> Progress<'_> {
        if self.progress == Terminal::Yes && !self.is_silent() && total > 0 {
            let length = u64::try_from(total).unwrap_or(u64::MAX);
            let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
            let template = "{bar:24} {pos}/{len} {elapsed} {wide_msg}";
            bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
            *lock(&self.bar) = Some(bar);
        }
        Progress { output: self, total, done: Mutex::new(0) }
    }

    /// What went wrong while writing data, if anything did other than that nobody reads any more.
    pub fn failure(&self) -> Option<io::Error> {
        let mut stream = lock(&self.data);
        if let Err(error) = stream.writer.flush() {
            stream.keep(error);
        }
        stream.failure.take().filter(|error| error.kind() != io::ErrorKind::BrokenPipe)
    }

    fn beside_the_bar(&self, write: impl FnOnce()) {
        let bar = lock(&self.bar).clone();
        match bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }
}

impl Stream {
    fn write(&mut self, text: &str) {
        if self.failure.is_some() {
            return;
        }
        if let Err(error) = self.writer.write_all(text.as_bytes()).and_then(|()| self.writer.flush()) {
            self.keep(error);
        }
    }

    fn keep(&mut self, error: io::Error) {
        self.failure.get_or_insert(error);
    }
}

impl Progress<'_> {
    /// A step has begun.
    pub fn begin(&self, name: &str) {
        if let Some(bar) = &*lock(&self.output.bar) {
            bar.set_message(visible(name));
        }
    }

    /// A step is done; `line` says what came of it.
    pub fn done(&self, line: &str) {
        let done = {
            let mut done = lock(&self.done);
            *done += 1;
            *done
        };
        let bar = lock(&self.output.bar).clone();
        self.output.talk(&format!("[{done}/{}] {}", self.total, visible(line)));
        if let Some(bar) = bar {
            bar.inc(1);
        }
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if let Some(bar) = lock(&self.output.bar).take() {
            bar.finish_and_clear();
        }
    }
}

impl Buffer {
    /// What was written so far.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&lock(&self.0)).into_owned()
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        lock(&self.0).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Starts the log on stderr: warnings, with `-v` what is done, with `-vv` each statement of the
/// warehouse, with `-vvv` each write of the state as well; of other crates only warnings. Only
/// the first call counts.
pub fn start_log(verbosity: u8, colour: Colour) {
    let level = match verbosity {
        0 => tracing::Level::WARN,
        1 => tracing::Level::INFO,
        2 => tracing::Level::DEBUG,
        _ => tracing::Level::TRACE,
    };
    let ours = Targets::new().with_default(tracing::Level::WARN).with_target(env!("CARGO_CRATE_NAME"), level);
    let lines = tracing_subscriber::fmt::layer().with_target(false).without_time().with_writer(io::stderr);
    // A second run in this process (demo, tests) keeps the first one's log.
    let _ = tracing_subscriber::registry().with(lines.with_ansi(colour == Colour::Always)).with(ours).try_init();
}

/// Nothing behind these locks can be half written, so a panic of another thread does not spoil them.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Closed(io::ErrorKind);

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_broken_pipe_is_no_failure_and_a_full_disk_is() {
        let output = |kind| Output::new(Box::new(Closed(kind)), Box::new(io::sink()), Terminal::No);
        let broken = output(io::ErrorKind::BrokenPipe);
        broken.data("x");
        assert!(broken.failure().is_none());
        let full = output(io::ErrorKind::StorageFull);
        full.data("x");
        assert_eq!(full.failure().map(|error| error.kind()), Some(io::ErrorKind::StorageFull));
    }

    #[test]
    fn steps_are_lines_without_a_terminal() {
        let (output, data, talk) = Output::in_memory();
        let progress = output.progress(2);
        progress.begin("a");
        progress.done("built a\u{1b}[2J");
        progress.done("built b");
        drop(progress);
        assert_eq!(talk.text(), "[1/2] built a\\u{1B}[2J\n[2/2] built b\n");
        assert_eq!(data.text(), "");
    }
}
