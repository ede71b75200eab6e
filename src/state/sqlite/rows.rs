//! Our statements and values on an SQLite connection.

use std::sync::Arc;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, ToSql, params_from_iter};

use crate::state::store::{self, Dialect, Failure, Row, Statements, Value};

/// More texts than a run has, each of them prepared once.
pub(super) const PREPARED_TEXTS: usize = 64;

impl Statements for Connection {
    fn query(&self, sql: &str, values: &[Value]) -> Result<Vec<Row>, Failure> {
        store::round_trip();
        let mut statement = prepared(self, sql)?;
        let columns: Arc<[String]> = statement.column_names().map(str::to_owned).collect();
        let mut rows = statement.query(params_from_iter(values)).map_err(stored)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(stored)? {
            let cell = |place| row.get_ref(place).map_err(stored).and_then(value);
            let values = (0..columns.len()).map(cell).collect::<Result<_, _>>()?;
            found.push(Row { columns: Arc::clone(&columns), values });
        }
        Ok(found)
    }

    fn execute(&self, sql: &str, values: &[Value]) -> Result<u64, Failure> {
        store::round_trip();
        let touched = prepared(self, sql)?.execute(params_from_iter(values)).map_err(stored)?;
        Ok(u64::try_from(touched).unwrap_or(u64::MAX))
    }

    fn batch(&self, sql: &str) -> Result<(), Failure> {
        self.execute_batch(sql).map_err(stored)
    }
}

/// SQLite's own error, for [`super::open::explain`] to take apart again.
pub(super) fn stored(error: rusqlite::Error) -> Failure {
    Failure::Store(Box::new(error))
}

fn prepared<'c>(connection: &'c Connection, sql: &str) -> Result<CachedStatement<'c>, Failure> {
    connection.prepare_cached(&dialect().render(sql)).map_err(stored)
}

fn dialect() -> Dialect {
    Dialect {
        schema: String::new(),
        place: '?',
        list: ["json_each(", ")"],
        position: "instr",
        // Nobody else writes while we do.
        locked: "",
        now: "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
        random: "lower(hex(randomblob(16)))",
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self {
            Self::Text(text) => text.to_sql(),
            Self::Integer(number) => number.to_sql(),
            Self::Real(number) => number.to_sql(),
        }
    }
}

fn value(cell: ValueRef<'_>) -> Result<Value, Failure> {
    match cell {
        ValueRef::Null => Ok(Value::Text(None)),
        ValueRef::Integer(number) => Ok(Value::Integer(Some(number))),
        ValueRef::Real(number) => Ok(Value::Real(Some(number))),
        ValueRef::Text(bytes) => match str::from_utf8(bytes) {
            Ok(text) => Ok(Value::Text(Some(text.to_owned()))),
            Err(error) => Err(Failure::Unreadable(format!("a text is no text: {error}"))),
        },
        ValueRef::Blob(_) => Err(Failure::Unreadable("bytes stand where a text or a number is expected".into())),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use super::*;
    use crate::hash::Digest;
    use crate::ids::{ModelName, PlanId, ProjectName};
    use crate::model::KindName;
    use crate::naming::{IdentifierLimit, TableKey, physical_table};
    use crate::settings::PhysicalSchemas;
    use crate::state::store::{migrate, record};
    use crate::state::{Build, Fact, Load, Restatement, Snapshot};
    use crate::time::{Interval, IntervalUnit, Timestamp};

    /// Counts what would be round trips elsewhere.
    struct Counted {
        connection: Connection,
        statements: Cell<usize>,
    }

    impl Statements for Counted {
        fn query(&self, sql: &str, values: &[Value]) -> Result<Vec<Row>, Failure> {
            self.statements.set(self.statements.get() + 1);
            self.connection.query(sql, values)
        }

        fn execute(&self, sql: &str, values: &[Value]) -> Result<u64, Failure> {
            self.statements.set(self.statements.get() + 1);
            Statements::execute(&self.connection, sql, values)
        }

        fn batch(&self, sql: &str) -> Result<(), Failure> {
            self.connection.batch(sql)
        }
    }

    fn facts_of(number: usize) -> [Fact; 3] {
        let model = ModelName::parse(&format!("a.m{number}")).expect("a name");
        let key = TableKey { data_fingerprint: Digest::of("test", "x"), model };
        let (at, interval) = (Timestamp(1), Interval { start: Timestamp(0), end: Timestamp(9) });
        let run = String::from("ada");
        let snapshot = Snapshot {
            table: physical_table(&key, &PhysicalSchemas::default(), IdentifierLimit::SMALLEST),
            key: key.clone(),
            kind: KindName::Full,
            columns: Vec::new(),
            unit: IntervalUnit::Day,
            created_at: at,
            as_of: None,
        };
        let load = Load { key: key.clone(), interval, loaded_at: at, run: run.clone(), inputs: None };
        let build = Build {
            key,
            rows: None,
            bytes: None,
            duration: Duration::ZERO,
            started_at: at,
            intervals: vec![interval],
            inputs: Vec::new(),
            seen: None,
            run,
            made_for: None,
            plan_id: Some(PlanId::new("one")),
            restatement: Restatement::No,
        };
        [Fact::Snapshot(snapshot), Fact::Load(load), Fact::Build(build)]
    }

    #[test]
    fn a_thousand_facts_are_a_bounded_number_of_statements() {
        let connection = Connection::open_in_memory().expect("opens");
        connection.pragma_update(None, "foreign_keys", true).expect("set");
        migrate(&connection, 0, str::to_owned).expect("a schema");
        let counted = Counted { connection, statements: Cell::new(0) };
        let facts: Vec<Fact> = (0..400).flat_map(facts_of).collect();
        // The second time every row is there already.
        for _ in 0..2 {
            counted.statements.set(0);
            record(&counted, &ProjectName::new(""), &facts).expect("recorded");
            assert!(counted.statements.get() <= 16, "{} statements", counted.statements.get());
        }
        let count = |table: &str| -> i64 {
            let rows = counted.query(&format!("SELECT count(*) AS n FROM @{table}"), &[]).expect("rows");
            rows[0].integer("n").expect("a number")
        };
        assert_eq!(["snapshots", "loads", "builds"].map(count), [400; 3]);
    }
}
