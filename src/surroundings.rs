//! The process's surroundings: arguments, variables, the clock, randomness, signals and whether somebody looks on.
//!
//! This module alone asks the operating system for any of these; everybody else gets plain values. A test or the demo
//! makes a [`Surroundings`] of its own.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::io::{self, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::time::{Timestamp, Waited, Waiting};

/// Everything that a run depends on beside its files.
#[derive(Clone)]
pub struct Surroundings {
    /// The command line, the program's name first.
    pub arguments: Vec<OsString>,
    /// The working folder; relative paths are taken from here, the process's own never changes.
    pub folder: PathBuf,
    /// Whether stdout is a terminal.
    pub stdout: Terminal,
    /// Whether stderr is a terminal.
    pub stderr: Terminal,
    clock: Clock,
    input: Input,
    variables: BTreeMap<String, String>,
    interruption: Interruption,
}

/// What stands on standard input.
#[derive(Clone, Debug)]
enum Input {
    Process,
    Text(Arc<str>),
}

/// Whether a stream ends at a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terminal {
    /// It does.
    Yes,
    /// A file, a pipe or a log.
    No,
}

/// Set when somebody asked the process to stop (Ctrl-C, SIGTERM); a second request ends it at once.
#[derive(Clone, Debug, Default)]
pub struct Interruption(Arc<AtomicBool>);

#[derive(Clone, Copy, Debug)]
enum Clock {
    System,
    Fixed(Timestamp),
}

/// Measures how long something takes.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Surroundings {
    /// Those of this process; from here on a first Ctrl-C or SIGTERM only asks it to stop.
    ///
    /// # Errors
    /// The working folder is gone, or signals cannot be caught.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the process's variables")]
    pub fn of_process() -> io::Result<Self> {
        let terminal = |is_terminal| if is_terminal { Terminal::Yes } else { Terminal::No };
        let text = |text: OsString| text.into_string().ok();
        Ok(Self {
            arguments: std::env::args_os().collect(),
            folder: std::env::current_dir()?,
            stdout: terminal(io::stdout().is_terminal()),
            stderr: terminal(io::stderr().is_terminal()),
            clock: Clock::System,
            input: Input::Process,
            variables: std::env::vars_os().filter_map(|(name, value)| Some((text(name)?, text(value)?))).collect(),
            interruption: Interruption::of_process()?,
        })
    }

    /// Surroundings in which nothing is left to chance: no variables, no terminal, a clock that stands still.
    pub fn fixed(folder: impl Into<PathBuf>, now: Timestamp) -> Self {
        Self {
            arguments: vec!["bot".into()],
            folder: folder.into(),
            stdout: Terminal::No,
            stderr: Terminal::No,
            clock: Clock::Fixed(now),
            input: Input::Text("".into()),
            variables: BTreeMap::new(),
            interruption: Interruption::default(),
        }
    }

    /// The same with another command line (without the program's name).
    pub fn with_arguments<I: IntoIterator<Item: Into<OsString>>>(mut self, arguments: I) -> Self {
        self.arguments.truncate(1);
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// The same in another working folder.
    pub fn with_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = folder.into();
        self
    }

    /// The same with another standard input.
    pub fn with_input(mut self, text: &str) -> Self {
        self.input = Input::Text(text.into());
        self
    }

    /// Standard input up to its end, at most so many bytes; bytes that are no UTF-8 are replaced. Nothing where it is a
    /// terminal, so that nobody waits for a person who does not know.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn input(&self, limit: u64) -> io::Result<String> {
        if let Input::Text(text) = &self.input {
            return Ok(text.to_string());
        }
        let stdin = io::stdin();
        if stdin.is_terminal() {
            return Ok(String::new());
        }
        let mut bytes = Vec::new();
        stdin.lock().take(limit).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The same with one more variable.
    pub fn with_variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// A variable's value; an empty one is as good as none.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// All variables, for `env_var` in `config.yaml`. Values may be secrets.
    pub fn variables(&self) -> &BTreeMap<String, String> {
        &self.variables
    }

    /// Where the cache lives: `OFFSHOOT_CACHE_DIR`, else `offshoot` in `XDG_CACHE_HOME` or `~/.cache`; `None` without
    /// any of them.
    pub fn cache_folder(&self) -> Option<PathBuf> {
        if let Some(folder) = self.variable("OFFSHOOT_CACHE_DIR") {
            return Some(self.resolve(Path::new(folder)));
        }
        let caches = self.variable("XDG_CACHE_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
        caches.or_else(|| Some(self.home()?.join(".cache"))).map(|folder| folder.join("offshoot"))
    }

    /// The user's own folder.
    pub fn home(&self) -> Option<PathBuf> {
        self.variable("HOME").or_else(|| self.variable("USERPROFILE")).map(PathBuf::from)
    }

    /// A path as seen from the working folder.
    pub fn resolve(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }

    /// The present moment; asked anew each time.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    pub fn now(&self) -> Timestamp {
        match self.clock {
            Clock::Fixed(now) => now,
            Clock::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
            }
        }
    }

    /// A request to stop, shared by all clones.
    pub fn interruption(&self) -> &Interruption {
        &self.interruption
    }

    /// 128 random bits in hexadecimal, for plan ids and the like.
    ///
    /// # Errors
    /// The operating system has no randomness to give.
    pub fn random_id(&self) -> io::Result<String> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
        Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// This process's id, to tell others who holds a lease.
    pub fn process_id(&self) -> u32 {
        std::process::id()
    }

    /// How many threads the machine runs at once.
    pub fn processors(&self) -> usize {
        std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get)
    }
}

/// A clock that stands still makes nobody wait.
impl Waiting for Surroundings {
    fn now(&self) -> Timestamp {
        Self::now(self)
    }

    fn wait(&self, how_long: Duration) -> Waited {
        /// How soon a request to stop is seen.
        const SLICE: Duration = Duration::from_millis(50);
        let mut left = how_long;
        while !self.interruption.is_requested() {
            if left.is_zero() || matches!(self.clock, Clock::Fixed(_)) {
                return Waited::Whole;
            }
            let slice = left.min(SLICE);
            std::thread::sleep(slice);
            left -= slice;
        }
        Waited::Interrupted
    }
}

/// Values of variables may be secrets, so only their number is told.
impl fmt::Debug for Surroundings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Surroundings")
            .field("arguments", &self.arguments)
            .field("folder", &self.folder)
            .field("variables", &self.variables.len())
            .finish_non_exhaustive()
    }
}

impl Interruption {
    /// Whether the process was asked to stop.
    pub fn is_requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The flag itself, for those who wait and know nothing of surroundings.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }

    /// Asks for a stop, as a signal does.
    pub fn request(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// The second request meets a set flag and ends the process: a person who presses twice means it.
    fn of_process() -> io::Result<Self> {
        use signal_hook::consts::{SIGINT, SIGTERM};
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&flag))?;
            signal_hook::flag::register(signal, Arc::clone(&flag))?;
        }
        Ok(Self(flag))
    }
}

impl Stopwatch {
    /// Starts now.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Seconds since the start.
    pub fn seconds(self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixed() -> Surroundings {
        Surroundings::fixed("/shop", Timestamp(0))
    }

    #[test]
    fn the_cache_folder_is_found_in_order() {
        assert_eq!(fixed().cache_folder(), None);
        let home = fixed().with_variable("HOME", "/home/ada");
        assert_eq!(home.cache_folder(), Some("/home/ada/.cache/offshoot".into()));
        let caches = home.with_variable("XDG_CACHE_HOME", "/caches");
        assert_eq!(caches.cache_folder(), Some("/caches/offshoot".into()));
        let own = caches.with_variable("OFFSHOOT_CACHE_DIR", "own");
        assert_eq!(own.cache_folder(), Some("/shop/own".into()));
    }

    #[test]
    fn a_wait_ends_with_a_request_to_stop() {
        let hour = Duration::from_secs(3600);
        let surroundings = fixed();
        assert_eq!(surroundings.wait(hour), Waited::Whole);
        let running = Surroundings { clock: Clock::System, ..surroundings };
        running.interruption().request();
        assert_eq!(running.wait(hour), Waited::Interrupted);
    }

    #[test]
    fn debug_hides_values() {
        let text = format!("{:?}", fixed().with_variable("TOKEN", "hunter2"));
        assert!(!text.contains("hunter2"), "{text}");
    }

    #[test]
    fn random_ids_differ() {
        let [one, two] = [0; 2].map(|_| fixed().random_id().expect("randomness"));
        assert_eq!(one.len(), 32);
        assert_ne!(one, two);
    }
}
