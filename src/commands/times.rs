//! A time that somebody gave on the command line.

use crate::cli::RowArguments;
use crate::decision::KeptRows;
use crate::error::CommandError;
use crate::planning::Rows;
use crate::time::{Timestamp, moment};

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

/// Which rows are to be kept.
///
/// # Errors
/// `--effective-from` is no time, or is yet to come.
pub(super) fn rows_of(arguments: &RowArguments, now: Timestamp) -> Result<Rows, CommandError> {
    const OPTION: &str = "--effective-from";
    let effective_from = time_option(OPTION, arguments.effective_from.as_deref(), (moment, now))?;
    match effective_from.filter(|from| *from > now) {
        Some(from) => Err(CommandError::no(format!("`{OPTION}` is {}, which is yet to come", from.date_time()))
            .hint("`--forward-only` alone keeps all the rows that there are")),
        None if arguments.forward_only => Ok(Rows::Kept(KeptRows { effective_from })),
        None => Ok(Rows::AsDecided),
    }
}
