//! Files and queries that chance makes, and a file that is written and read again.

use super::*;

#[test]
fn what_is_written_reads_back_as_it_was() {
    let hostile = [
        "",
        "a",
        "null",
        "true",
        "12",
        "007",
        "1e5",
        "-0.50",
        "2026-01-31",
        "2026-01-31 10:00:00",
        "x: y",
        "# no",
        "- a",
        "{{ x }}",
        "{% x %}",
        "{#",
        "a\"b\\c",
        "line\nbreak\ttab\r",
        "\u{1b}[2J\u{202e}\u{feff}\u{85}\u{2028}\0",
        "größe 表 🙂",
        "'",
        "!tag",
        "*alias",
        "&anchor",
        "  spaces  ",
    ];
    let column = |name: &str, data_type: &str| crate::statement::ColumnType::new(name, data_type);
    let texts = DraftRows {
        name: "s.x".into(),
        columns: vec![column("k", "VARCHAR"), column("odd: \"name\"", "VARCHAR")],
        rows: hostile.iter().map(|text| vec![Some((*text).to_owned()), None]).collect(),
        types: StatedTypes::Yes,
    };
    let typed = [
        ("INTEGER", "-12"),
        ("BIGINT", "0"),
        ("DECIMAL(10,2)", "20.50"),
        ("DOUBLE", "1e+300"),
        ("DOUBLE", "inf"),
        ("BOOLEAN", "false"),
        ("DATE", "2026-01-31"),
        ("DATE", "infinity"),
        ("TIMESTAMP", "2026-01-31 10:00:00"),
        ("HUGEINT", "170141183460469231731687303715884105727"),
        ("DECIMAL(38,10)", "1234567890123456789.0123456789"),
        ("INTEGER[]", "[1, 2]"),
        ("STRUCT(a INTEGER)", "{'a': 1}"),
    ];
    let values = DraftRows {
        name: "s.y".into(),
        columns: typed
            .iter()
            .enumerate()
            .map(|(place, (data_type, _))| column(&format!("c{place}"), data_type))
            .collect(),
        rows: vec![typed.iter().map(|(_, text)| Some((*text).to_owned())).collect()],
        types: StatedTypes::No,
    };
    let draft = Draft {
        name: "odd \"name\"".into(),
        model: "s.\"A b\"".into(),
        inputs: vec![texts.clone(), values],
        query: DraftRows { name: "query".into(), ..DraftRows::default() },
        ctes: Vec::new(),
        vars: vec![("start".into(), "2026-01-01".into()), ("limit".into(), "5".into()), ("text".into(), "a: b".into())],
    };
    let test = one(&write(&draft));
    assert_eq!((test.name.as_str(), test.model.text.as_str()), ("odd \"name\"", "s.\"A b\""));
    let rows = |place: usize| match &test.inputs[place].fixture.content {
        Content::Rows(rows) => rows.rows.clone(),
        Content::Query(query) => panic!("{query}"),
    };
    let read: Vec<Cell> = rows(0).into_iter().map(|row| row.cells[0].clone()).collect();
    assert_eq!(read, hostile.map(|text| Cell::Text(text.to_owned())));
    assert_eq!(test.inputs[0].fixture.columns.get("odd: \"name\"").map(String::as_str), Some("VARCHAR"));
    let read: Vec<Option<String>> = rows(1)[0].cells.iter().map(Cell::text).collect();
    let expected = typed.map(|(_, text)| Some(if text == "20.50" { "20.5".to_owned() } else { text.to_owned() }));
    assert_eq!(read, expected);
    assert_eq!((test.vars.variables.len(), test.vars.start.map(|start| start.text)), (2, Some("2026-01-01".into())));
}

const SOUND: &str = "t:\n  model: s.a\n  description: d\n  gateway: g\n  inputs:\n    s.x:\n      columns: {id: BIGINT}\n      rows:\n      - id: 1\n        \
                     day: '2026-01-02'\n    s.y:\n      format: csv\n      csv_settings: {sep: ';', na_values: [x]}\n      rows: |\n        k;w\n        a;1.5\n    \
                     s.z: {query: \"SELECT 1 AS id\"}\n  outputs:\n    partial: true\n    ctes: {c: [{id: [1, {a: ~}]}]}\n    query: [{id: 1}, {id: 2.5}]\n  \
                     vars: {start: 2026-01-01, start_ds: x, limit: 3}\n";

proptest::proptest! {
    #[test]
    fn no_text_stops_the_reading(text in ".{0,200}") {
        told(&text);
    }

    #[test]
    fn no_edit_of_a_sound_file_stops_the_reading(
        edits in proptest::collection::vec((0..SOUND.len(), 0..12_usize, "[ -~\n]{0,6}|[äé🙂\u{0}\u{85}]"), 1..5)
    ) {
        let mut text = SOUND.to_owned();
        for (at, length, with) in edits {
            let floor = |mut place: usize| {
                while !text.is_char_boundary(place) {
                    place -= 1;
                }
                place
            };
            let (start, end) = (floor(at.min(text.len())), floor((at + length).min(text.len())));
            text.replace_range(start..end, &with);
        }
        let (tests, _) = read_text(&text);
        for test in &tests {
            let _ = test.times(crate::time::Timestamp(0));
            for input in test.inputs.iter().chain(&test.ctes) {
                if let Content::Rows(rows) = &input.fixture.content {
                    assert!(rows.rows.iter().all(|row| row.cells.len() == rows.columns.len()));
                    (0..rows.columns.len()).for_each(|place| drop(inferred_type(rows.rows.iter().map(|row| &row.cells[place]))));
                }
            }
        }
    }

    #[test]
    fn no_query_stops_the_search_for_ctes(sql in "(WITH |AS |\\(|\\)|,|a|'|\"|ORDER BY |SELECT |;|--|\n|\\[|\\]| ){0,40}") {
        if let Some(clause) = with_clause(&sql) {
            assert!(sql.is_char_boundary(clause.end));
            assert!(clause.ctes.iter().all(|cte| sql.get(cte.body.clone()).is_some()));
        }
        is_ordered(&sql);
    }
}

#[test]
fn the_sound_file_is_sound() {
    assert_eq!(one(SOUND).inputs.len(), 3);
}
