//! What is kept on disk between two runs, so that a plan reads only what changed: one file for a project and a build.
//!
//! A record is found by the digest of everything that it was made from (a file's blob, path, and the settings that reach it; a
//! fingerprint's sources), in a file named after the release and the source that it was built from, so it can be missing but
//! never wrong. The file is read whole, checked whole, and replaced
//! whole by renaming: two writers leave one of the two files, and a damaged one is as good as none. It may be deleted at
//! any time. This module alone knows `postcard`; it never holds anything that cannot be made again.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::fingerprint::{ALGORITHM, Known};
use crate::hash::{Digest, Hasher};
use crate::project::{self, StoredFile};

/// Records that no run needed are dropped when the file was written this often since.
const GENERATIONS: u8 = 8;
/// A file that would be larger keeps only what this run needed.
const MOST_BYTES: usize = 1 << 30;
/// Files of one project that other builds wrote: two that take turns both keep theirs, a hundred do not.
const OTHER_BUILDS: usize = 3;
/// No writer takes this long.
const LEFT_AFTER: Duration = Duration::from_secs(3600);
/// Before each record: its key, its age in writes, what it is about, its length.
const HEAD: usize = 32 + 1 + 1 + 4;
/// Before all records: their digest.
const SEAL: usize = 32;

/// The records of one project.
#[derive(Debug, Default)]
pub struct Shelf {
    path: Option<PathBuf>,
    contents: Arc<OnceLock<Contents>>,
    session: Mutex<Session>,
}

/// What the file held.
#[derive(Debug, Default)]
struct Contents {
    bytes: Vec<u8>,
    records: Records,
    /// Whether anybody asked for a record: from then on each is decoded by whoever asks.
    is_open: AtomicBool,
}

type Records = BTreeMap<[u8; 32], Record>;

/// A record of the file.
#[derive(Debug)]
struct Record {
    sort: Sort,
    /// Where its bytes lie.
    range: Range<usize>,
    /// How many writes ago it was needed.
    age: u8,
    /// Whether this run needed it.
    used: AtomicBool,
    /// What it says, where that was decoded before anybody asked.
    ahead: Mutex<Option<StoredFile>>,
}

/// What a record is about: one is never read as the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    /// What a file came to.
    File = 0,
    /// What was computed of a model.
    Known = 1,
}

/// What this run made.
#[derive(Debug, Default)]
struct Session {
    added: BTreeMap<[u8; 32], (Sort, Vec<u8>)>,
}

impl Contents {
    fn read(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap_or_default();
        let records = records(&bytes).unwrap_or_default();
        Self { bytes, records, is_open: AtomicBool::new(false) }
    }

    /// Decodes what nearly every run needs for as long as nobody needs it: listing a large tree takes as long.
    fn decode_ahead(&self) {
        for record in self.records.values().filter(|record| record.sort == Sort::File) {
            if self.is_open.load(Ordering::Relaxed) {
                return;
            }
            *record.ahead.lock().unwrap_or_else(PoisonError::into_inner) = self.decoded(record);
        }
    }

    /// A record that this run needs.
    fn record(&self, key: Digest, sort: Sort) -> Option<&Record> {
        let record = self.records.get(&key.bytes()).filter(|record| record.sort == sort)?;
        record.used.store(true, Ordering::Relaxed);
        Some(record)
    }

    fn decoded<T: DeserializeOwned>(&self, record: &Record) -> Option<T> {
        postcard::from_bytes(&self.bytes[record.range.clone()]).ok()
    }
}

impl Shelf {
    /// The shelf of a project; without a folder, and where its file cannot be read, it is empty.
    pub fn of(folder: Option<&Path>, project: &Path) -> Self {
        let Some(folder) = folder else { return Self::default() };
        let project = Digest::of("shelf", &project.to_string_lossy()).short(16);
        let build = concat!(env!("CARGO_PKG_VERSION"), "-", env!("OFFSHOOT_SOURCE"));
        let name = format!("models-{build}-{ALGORITHM}-{project}.bin");
        Self { path: Some(folder.join(name)), ..Self::default() }
    }

    /// Begins to read the file, while the caller does something else.
    pub fn prepare(&self) {
        let Some(path) = self.path.clone() else { return };
        let contents = Arc::clone(&self.contents);
        // Where no thread can be had, whoever needs the file reads it.
        let _ =
            std::thread::Builder::new().spawn(move || contents.get_or_init(|| Contents::read(&path)).decode_ahead());
    }

    fn contents(&self) -> &Contents {
        self.contents.get_or_init(|| self.path.as_deref().map(Contents::read).unwrap_or_default())
    }

    /// Writes what was added. Where that cannot be, the next run is slower, and nothing else.
    pub fn save(&self) {
        let session = self.session();
        let Some(path) = self.path.as_ref().filter(|_| !session.added.is_empty()) else { return };
        let written = self.body(&session, GENERATIONS);
        let written = if written.len() > MOST_BYTES { self.body(&session, 0) } else { written };
        if written.len() <= MOST_BYTES {
            let _ = replace(path, &written);
            tidy(path);
        }
    }

    /// All records that are kept: those that were needed are young again, others one write older.
    fn body(&self, session: &Session, oldest: u8) -> Vec<u8> {
        let mut records: BTreeMap<&[u8; 32], (u8, Sort, &[u8])> = BTreeMap::new();
        let Contents { bytes, records: known, .. } = self.contents();
        for (key, record) in known {
            let is_used = record.used.load(Ordering::Relaxed);
            if is_used || record.age < oldest {
                let age = if is_used { 0 } else { record.age + 1 };
                records.insert(key, (age, record.sort, &bytes[record.range.clone()]));
            }
        }
        records.extend(session.added.iter().map(|(key, (sort, bytes))| (key, (0, *sort, bytes.as_slice()))));
        let mut body = vec![0; SEAL];
        for (key, (age, sort, bytes)) in records {
            body.extend_from_slice(key);
            body.extend([age, sort as u8]);
            body.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or_default().to_le_bytes());
            body.extend_from_slice(bytes);
        }
        let seal = seal(&body[SEAL..]);
        body[..SEAL].copy_from_slice(&seal.bytes());
        body
    }

    /// What an earlier run computed of a model from these sources ([`crate::fingerprint::Tree::sources`]).
    pub fn known(&self, sources: Digest) -> Option<Known> {
        let contents = self.contents();
        let record = contents.record(of_sources(sources), Sort::Known)?;
        contents.decoded(record)
    }

    /// Keeps what was computed of a model from these sources, if it is not there yet.
    pub fn remember(&self, sources: Digest, known: impl FnOnce() -> Known) {
        let key = of_sources(sources);
        match self.contents().records.get(&key.bytes()) {
            Some(record) => record.used.store(true, Ordering::Relaxed),
            None => self.add(key, Sort::Known, &known()),
        }
    }

    fn add(&self, key: Digest, sort: Sort, value: &impl Serialize) {
        if self.path.is_some()
            && let Ok(bytes) = postcard::to_allocvec(value)
        {
            self.session().added.insert(key.bytes(), (sort, bytes));
        }
    }

    fn session(&self) -> MutexGuard<'_, Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl project::Shelf for Shelf {
    fn get(&self, key: Digest) -> Option<StoredFile> {
        let contents = self.contents();
        if !contents.is_open.load(Ordering::Relaxed) {
            contents.is_open.store(true, Ordering::Relaxed);
        }
        let record = contents.record(key, Sort::File)?;
        let ahead = record.ahead.lock().unwrap_or_else(PoisonError::into_inner).take();
        ahead.or_else(|| contents.decoded(record))
    }

    fn put(&self, key: Digest, file: &StoredFile) {
        self.add(key, Sort::File, file);
    }
}

/// Files are kept by digests of other domains.
fn of_sources(sources: Digest) -> Digest {
    Hasher::new("known of sources").digest(sources).finish()
}

fn seal(records: &[u8]) -> Digest {
    Hasher::new("shelf records").bytes(records).finish()
}

/// Where each record lies; `None` where a single byte is not as it was written.
fn records(bytes: &[u8]) -> Option<Records> {
    let (expected, body) = bytes.split_at_checked(SEAL)?;
    if seal(body).bytes() != expected {
        return None;
    }
    let mut records = Vec::new();
    let mut at = SEAL;
    while at < bytes.len() {
        let head = bytes.get(at..at + HEAD)?;
        let key: [u8; 32] = head[..32].try_into().ok()?;
        let sort = match head[33] {
            0 => Sort::File,
            1 => Sort::Known,
            _ => return None,
        };
        let length = u32::from_le_bytes(head[34..].try_into().ok()?) as usize;
        let range = at + HEAD..at + HEAD + length;
        bytes.get(range.clone())?;
        let (used, ahead) = (AtomicBool::new(false), Mutex::new(None));
        records.push((key, Record { sort, range, age: head[32], used, ahead }));
        at += HEAD + length;
    }
    Some(records.into_iter().collect())
}

/// Beside the file first, then in its place at once.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    static WRITES: AtomicU64 = AtomicU64::new(0);
    let number = WRITES.fetch_add(1, Ordering::Relaxed);
    let beside = path.with_extension(format!("{}-{number}.new", std::process::id()));
    let written = fs::write(&beside, bytes).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

/// Drops what other builds wrote for the same project, the newest few left out, and what writers left that were killed.
fn tidy(path: &Path) {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else { return };
    let Some((_, project)) = name.rsplit_once('-') else { return };
    let project = project.trim_end_matches(".bin");
    let (mut others, mut halves) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let other = entry.file_name();
        let Some(other) = other.to_str().filter(|other| *other != name && other.starts_with("models-")) else {
            continue;
        };
        let Ok(written) = entry.metadata().and_then(|about| about.modified()) else { continue };
        if other.ends_with(&format!("-{project}.bin")) {
            others.push((written, entry.path()));
        } else if other.contains(&format!("-{project}.")) && other.ends_with(".new") {
            halves.push((written, entry.path()));
        }
    }
    let now = fs::metadata(path).and_then(|about| about.modified()).ok();
    let is_left = |written: SystemTime| now.and_then(|now| now.duration_since(written).ok()) > Some(LEFT_AFTER);
    others.sort();
    let old = others.len().saturating_sub(OTHER_BUILDS);
    let left = halves.into_iter().filter(|(written, _)| is_left(*written));
    for (_, path) in others.drain(..old).chain(left) {
        let _ = fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(records: &[(u8, &[u8])]) -> Shelf {
        let shelf = Shelf { path: Some("x".into()), ..Shelf::default() };
        let added = records.iter().map(|(key, bytes)| ([*key; 32], (Sort::File, bytes.to_vec())));
        shelf.session().added.extend(added);
        shelf
    }

    #[test]
    fn what_was_written_is_found_again() {
        let body = with(&[(1, b"one"), (2, b""), (3, b"three")]).body(&Session::default(), GENERATIONS);
        assert_eq!(records(&body).map(|found| found.len()), Some(0), "nothing of another session");
        let shelf = with(&[(1, b"one"), (2, b""), (3, b"three")]);
        let body = shelf.body(&shelf.session(), GENERATIONS);
        let found = records(&body).expect("a whole file");
        assert_eq!(found.len(), 3);
        assert_eq!(&body[found[&[3; 32]].range.clone()], b"three");
    }

    #[test]
    fn a_damaged_file_is_as_good_as_none() {
        let shelf = with(&[(1, b"one"), (2, b"two")]);
        let body = shelf.body(&shelf.session(), GENERATIONS);
        for place in 0..body.len() {
            let mut damaged = body.clone();
            damaged[place] ^= 1;
            assert!(records(&damaged).is_none(), "byte {place}");
            assert!(records(&body[..place]).is_none(), "cut at {place}");
        }
    }

    #[test]
    fn what_nobody_needs_grows_old_and_goes() {
        let shelf = with(&[(1, b"one"), (2, b"two")]);
        let mut bytes = shelf.body(&shelf.session(), GENERATIONS);
        for round in 0..=GENERATIONS {
            let found = records(&bytes).expect("a whole file");
            assert_eq!(found.len(), 2, "round {round}");
            let contents = OnceLock::from(Contents { records: found, bytes, ..Contents::default() });
            let again = Shelf { contents: Arc::new(contents), ..Shelf::default() };
            again.contents().records[&[1; 32]].used.store(true, Ordering::Relaxed);
            bytes = again.body(&again.session(), GENERATIONS);
        }
        let found = records(&bytes).expect("a whole file");
        assert_eq!(found.keys().collect::<Vec<_>>(), [&[1; 32]]);
    }

    #[test]
    fn files_of_many_other_builds_go_and_those_of_other_projects_stay() {
        let folder = tempfile::tempdir().expect("a folder");
        let shelf = Shelf::of(Some(folder.path()), Path::new("/shop"));
        let own = shelf.path.clone().expect("a path");
        let name = own.file_name().expect("a name").to_string_lossy().into_owned();
        let (_, project) = name.rsplit_once('-').expect("the project's part");
        let begin = SystemTime::UNIX_EPOCH;
        let left = format!("models-0.0.9-{}.7-0.new", project.trim_end_matches(".bin"));
        let others = (0..6).map(|build| format!("models-0.0.{build}-{project}"));
        for (second, name) in others.chain([left]).enumerate() {
            let file = fs::File::create(folder.path().join(name)).expect("a file");
            file.set_modified(begin + Duration::from_secs(second as u64)).expect("a time");
        }
        fs::write(own.with_extension("8-0.new"), "").expect("what somebody writes at this moment");
        fs::write(folder.path().join("models-0.0.0-0123456789abcdef.bin"), "").expect("another project's");
        shelf.session().added.insert([1; 32], (Sort::File, b"one".to_vec()));
        shelf.save();
        let mut left: Vec<String> = fs::read_dir(folder.path())
            .expect("the folder")
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        left.sort();
        let mut expected: Vec<String> = (3..6).map(|build| format!("models-0.0.{build}-{project}")).collect();
        let writing = name.replace(".bin", ".8-0.new");
        expected.extend(["models-0.0.0-0123456789abcdef.bin".to_owned(), name.clone(), writing]);
        expected.sort();
        assert_eq!(left, expected);
        assert_eq!(Contents::read(&own).records.len(), 1);
    }

    #[test]
    fn writers_at_once_leave_the_whole_file_of_one_of_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let writer = |number: u8| {
            for round in 0..20 {
                let shelf = Shelf::of(Some(folder.path()), Path::new("/shop"));
                for (key, record) in &shelf.contents().records {
                    let bytes = &shelf.contents().bytes[record.range.clone()];
                    assert_eq!(bytes, [key[0]; 100], "what one of them wrote");
                }
                shelf.session().added.insert([number; 32], (Sort::File, vec![number; 100]));
                shelf.save();
                let path = shelf.path.expect("a path");
                let found = Contents::read(&path).records;
                assert!(!found.is_empty(), "no half of a file in round {round}");
            }
        };
        std::thread::scope(|scope| {
            (1..=6).for_each(|number| drop(scope.spawn(move || writer(number))));
        });
    }
}
