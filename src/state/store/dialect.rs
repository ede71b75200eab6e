//! The few words in which stores differ. Our texts mark them with `@`; a value's place is `?1`, `?2` and so on.
//!
//! Only texts of this program are rendered: whatever comes from people is a value.

/// How one store says what another says differently.
pub(in crate::state) struct Dialect {
    /// What stands before the name of each of our tables: nothing, or a quoted schema with its dot.
    pub(in crate::state) schema: String,
    /// What begins a value's place.
    pub(in crate::state) place: char,
    /// What stands before and after the place of a JSON array to read its texts as rows with a column `value`.
    pub(in crate::state) list: [&'static str; 2],
    /// The function that tells where a text stands in another, counted from 1; 0 where it does not.
    pub(in crate::state) position: &'static str,
    /// What keeps the rows of a query as they are until the transaction ends.
    pub(in crate::state) locked: &'static str,
    /// The present moment of the store's own clock in milliseconds.
    pub(in crate::state) now: &'static str,
    /// A random text that nobody has got before.
    pub(in crate::state) random: &'static str,
}

impl Dialect {
    /// A text as the store takes it: `@list(?2)`, `@position`, `@locked`, `@now` and `@random` in its words, and every
    /// other `@name` as the table of that name.
    pub(in crate::state) fn render(&self, sql: &str) -> String {
        let mut text = String::with_capacity(sql.len() + 64);
        let mut rest = sql;
        let mut closing = None;
        while let Some(at) = rest.find(['@', '?', ')']) {
            let (mark, after) = (&rest[at..=at], &rest[at + 1..]);
            text.push_str(&rest[..at]);
            rest = after;
            match mark {
                "?" => text.push(self.place),
                ")" => text.push_str(closing.take().unwrap_or(")")),
                _ => {
                    let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
                    rest = &after[end..];
                    match &after[..end] {
                        "list" => {
                            let [open, close] = self.list;
                            text.push_str(open);
                            closing = Some(close);
                            rest = rest.trim_start_matches('(');
                        }
                        "position" => text.push_str(self.position),
                        "locked" => text.push_str(self.locked),
                        "now" => text.push_str(self.now),
                        "random" => text.push_str(self.random),
                        table => {
                            text.push_str(&self.schema);
                            text.push_str(table);
                        }
                    }
                }
            }
        }
        text + rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elsewhere() -> Dialect {
        Dialect {
            schema: "\"of\"\"f\".".into(),
            place: '$',
            list: ["elements(", "::jsonb)"],
            position: "strpos",
            locked: "FOR UPDATE",
            now: "clock()",
            random: "uuid()",
        }
    }

    #[test]
    fn marks_become_the_words_of_the_store() {
        let sql =
            "SELECT max(a) FROM @loads WHERE b IN (SELECT value FROM @list(?12)) AND @position(c, ?1) > @now @locked";
        let expected = "SELECT max(a) FROM \"of\"\"f\".loads WHERE b IN (SELECT value FROM elements($12::jsonb)) \
                        AND strpos(c, $1) > clock() FOR UPDATE";
        assert_eq!(elsewhere().render(sql), expected);
        assert_eq!(elsewhere().render("VALUES (?1, @random)"), "VALUES ($1, uuid())");
    }
}
