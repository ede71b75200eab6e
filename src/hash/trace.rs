//! What digests were made of: switched on for one piece of work by who asks why two digests differ, off otherwise.
//!
//! A trace is complete by construction, because every digest goes through [`super::Hasher`]: where two digests differ,
//! something that was fed to them does.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use super::Digest;

thread_local! {
    static IS_ON: Cell<bool> = const { Cell::new(false) };
    static ENTRIES: RefCell<BTreeMap<Digest, Entry>> = const { RefCell::new(BTreeMap::new()) };
}

/// What the digests of one piece of work were made of.
#[derive(Clone, Debug, Default)]
pub struct Trace(BTreeMap<Digest, Entry>);

/// What one digest was made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its domain.
    pub domain: String,
    /// What was fed to it, in order.
    pub items: Vec<Item>,
}

/// One thing that was fed to a digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A text.
    Text(String),
    /// Raw bytes, by their number.
    Bytes(usize),
    /// A number.
    Number(u64),
    /// Another digest.
    Digest(Digest),
    /// Digests with their number.
    List(Vec<Digest>),
    /// A text that may be missing.
    MaybeText(Option<String>),
    /// A digest that may be missing.
    MaybeDigest(Option<Digest>),
}

impl Trace {
    /// What a digest was made of; `None` for one that was made elsewhere.
    pub fn entry(&self, digest: Digest) -> Option<&Entry> {
        self.0.get(&digest)
    }
}

/// Does a piece of work on this thread and tells what each digest in it was made of. Not to be nested.
pub fn traced<T>(work: impl FnOnce() -> T) -> (T, Trace) {
    IS_ON.set(true);
    let done = Off;
    let result = work();
    drop(done);
    (result, Trace(ENTRIES.take()))
}

/// Ends a trace, also where the work panics.
struct Off;

impl Drop for Off {
    fn drop(&mut self) {
        IS_ON.set(false);
    }
}

/// An entry to fill, where somebody wants it.
pub(super) fn begun(domain: &str) -> Option<Box<Entry>> {
    IS_ON.get().then(|| Box::new(Entry { domain: domain.to_owned(), items: Vec::new() }))
}

pub(super) fn ended(digest: Digest, entry: Entry) {
    ENTRIES.with_borrow_mut(|entries| entries.insert(digest, entry));
}
