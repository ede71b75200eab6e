//! What `bot external` changes in a file, table by table.

use std::fmt::Write as _;

use owo_colors::Style;

use super::terminal::Paint;
use super::text::counted;
use super::{Colour, visible};
use crate::external::{Change, ColumnChange};
use crate::ids::FilePath;

/// One line for each table and column that differs, and one for the whole.
pub fn terminal(file: &FilePath, changes: &[Change], colour: Colour) -> String {
    let paint = Paint(colour);
    let (green, red) = (Style::new().green(), Style::new().red());
    let mut output = String::new();
    for change in changes {
        let _ = match change {
            Change::Added { name, columns } => {
                let line = format!("+ {} ({})", visible(&name.to_string()), counted(*columns, "column"));
                writeln!(output, "{}", paint.with(&line, green))
            }
            Change::Columns { name, .. } => writeln!(output, "~ {}", visible(&name.to_string())),
        };
        let columns = if let Change::Columns { changes, .. } = change { changes.as_slice() } else { &[] };
        for column in columns {
            let _ = match column {
                ColumnChange::Added { name, data_type } => {
                    let line = format!("+ {} {}", visible(name), visible(data_type));
                    writeln!(output, "    {}", paint.with(&line, green))
                }
                ColumnChange::Removed { name } => {
                    writeln!(output, "    {}", paint.with(&format!("- {}", visible(name)), red))
                }
                ColumnChange::Retyped { name, was, is } => {
                    let was = was.as_deref().map_or_else(|| "no type".to_owned(), visible);
                    writeln!(output, "    ~ {} {was} → {}", visible(name), visible(is))
                }
                ColumnChange::Reordered => writeln!(output, "    ~ the same columns in another order"),
            };
        }
    }
    let file = visible(file.as_str());
    let _ = match changes.len() {
        0 => writeln!(output, "{file} says what the warehouse has."),
        count => writeln!(output, "{file}: {} not as the warehouse has it.", counted(count, "table")),
    };
    output
}
