//! A time that somebody gave on the command line.

use crate::error::CommandError;
use crate::time::Timestamp;

/// How a time is read, as of a present.
pub(super) type ReadTime = fn(&str, Timestamp) -> Option<Timestamp>;

/// The moment that an option names, where it was given.
///
/// # Errors
/// It is no time.
pub(super) fn time_option(
    option: &str,
    text: Option<&str>,
    (read, now): (ReadTime, Timestamp),
) -> Result<Option<Timestamp>, CommandError> {
    let Some(text) = text else { return Ok(None) };
    read(text, now).map(Some).ok_or_else(|| {
        CommandError::no(format!("`{option} {text}` is no time"))
            .hint("write it as 2026-03-01, 2026-03-01 12:00:00 or `1 week ago`")
    })
}
