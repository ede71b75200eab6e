//! The audits that are built in: what each counts, over the same rows in every engine.

use offshoot::audit::{Audit, Failing, count};
use offshoot::model::AuditCall;

use super::{Warehouse, rows, with_schema};

/// Rows of every sort of mistake: a number that is missing and one that comes twice, texts of all kinds, ranges that overlap.
const ROWS: &str = "create table s.t as select * from (values \
    (1, 1, 'a', 'GET', 'ada@example.com', 'https://example.com/a', '6f1c1c52-8a55-4c0b-9f2e-0d9c6a1b2c3d', 1, 3), \
    (2, 1, 'bb', 'POST', 'ben@example.com', 'http://example.com', '6F1C1C52-8A55-4C0B-9F2E-0D9C6A1B2C3D', 3, 5), \
    (3, 2, '', 'get', 'nobody', 'example.com', 'no-uuid', 4, 6), \
    (3, 2, 'a', 'PUT', '@example.com', 'ftp://example.com', '6f1c1c52-8a55-7c0b-9f2e-0d9c6a1b2c3d', 6, 6), \
    (null, 2, null, null, null, null, null, 7, 6)) \
    as v(id, team, name, verb, email, url, uid, low, high)";

/// A call's name and arguments, and how many rows it finds.
type Call = (&'static str, &'static [(&'static str, &'static str)], u64);

const CALLS: &[Call] = &[
    ("not_null", &[("columns", "(id, name)")], 1),
    ("not_null", &[("columns", "team")], 0),
    ("not_null", &[("columns", "(id)"), ("condition", "team = 1")], 0),
    ("unique_values", &[("columns", "(id)")], 1),
    ("unique_values", &[("columns", "(team)")], 3),
    ("unique_combination_of_columns", &[("columns", "(id, team)")], 1),
    ("unique_combination_of_columns", &[("columns", "(id, low)")], 0),
    ("accepted_values", &[("column", "team"), ("is_in", "(1, 3)")], 3),
    ("accepted_values", &[("column", "name"), ("is_in", "['a', 'bb', '']")], 0),
    ("not_accepted_values", &[("column", "name"), ("is_in", "('a')")], 2),
    ("number_of_rows", &[("threshold", "5")], 1),
    ("number_of_rows", &[("threshold", "4")], 0),
    ("forall", &[("criteria", "(id < 3, team = 1)")], 3),
    ("accepted_range", &[("column", "id"), ("min_v", "2"), ("max_v", "2")], 3),
    ("accepted_range", &[("column", "id"), ("max_v", "3"), ("inclusive", "false")], 2),
    ("accepted_range", &[("column", "id"), ("min_v", "1")], 0),
    ("at_least_one", &[("column", "id")], 0),
    ("at_least_one", &[("column", "id"), ("condition", "low = 7")], 1),
    ("at_least_one", &[("column", "id"), ("condition", "low = 8")], 0),
    ("not_constant", &[("column", "team")], 0),
    ("not_constant", &[("column", "team"), ("condition", "team = 2")], 1),
    ("not_empty_string", &[("column", "name")], 1),
    ("not_null_proportion", &[("column", "id"), ("threshold", "0.8")], 1),
    ("not_null_proportion", &[("column", "id"), ("threshold", "0.7")], 0),
    ("sequential_values", &[("column", "id")], 1),
    ("sequential_values", &[("column", "id"), ("condition", "team = 1")], 0),
    ("mutually_exclusive_ranges", &[("lower_bound_column", "low"), ("upper_bound_column", "high")], 2),
    (
        "mutually_exclusive_ranges",
        &[
            ("lower_bound_column", "low"),
            ("upper_bound_column", "high"),
            ("partition_clause", "PARTITION BY team"),
            ("condition", "low < 7"),
        ],
        0,
    ),
    ("valid_uuid", &[("column", "uid")], 2),
    ("valid_url", &[("column", "url")], 1),
    ("valid_email", &[("column", "email")], 2),
    ("valid_http_method", &[("column", "verb")], 1),
    ("match_regex_pattern_list", &[("column", "name"), ("patterns", "('^a', 'b$')")], 1),
    ("not_match_regex_pattern_list", &[("column", "name"), ("patterns", "('^a', '^b')")], 3),
    ("match_like_pattern_list", &[("column", "name"), ("patterns", "('a%', '%b')")], 1),
    ("not_match_like_pattern_list", &[("column", "name"), ("patterns", "('a%', '%b')")], 3),
    ("string_length_between", &[("column", "name"), ("min_v", "1"), ("max_v", "1")], 2),
    ("string_length_equal", &[("column", "name"), ("v", "1")], 2),
    ("z_score", &[("column", "low"), ("threshold", "1.2")], 1),
    ("z_score", &[("column", "low"), ("threshold", "3")], 0),
    ("mean_in_range", &[("column", "low"), ("min_v", "4"), ("max_v", "4.5")], 0),
    ("mean_in_range", &[("column", "low"), ("max_v", "4")], 1),
    ("stddev_in_range", &[("column", "low"), ("max_v", "2")], 1),
    ("stddev_in_range", &[("column", "low"), ("min_v", "2"), ("max_v", "3")], 0),
    // Two small numbers in the first team, three large ones in the second: 1.2² / 0.8 + 1.2² / 1.8.
    ("chi_square", &[("column_a", "team"), ("column_b", "(low < 4)"), ("critical_value", "2.59")], 0),
    ("chi_square", &[("column_a", "team"), ("column_b", "(low < 4)"), ("critical_value", "2.61")], 1),
    (
        "chi_square",
        &[("column_a", "team"), ("column_b", "(low < 4)"), ("critical_value", "2.59"), ("dependent", "false")],
        1,
    ),
];

pub(super) fn audits_count_the_rows_that_fail(warehouse: &Warehouse) {
    let mut session = with_schema(warehouse);
    session.execute(ROWS).expect("a table");
    let dialect = session.dialect();
    let mut wrong = Vec::new();
    for (name, arguments, expected) in CALLS {
        let arguments = arguments.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        let call = AuditCall { name: (*name).into(), arguments };
        let audit = Audit::read(&call, dialect).unwrap_or_else(|error| panic!("{error}"));
        let Failing::Text(failing) = audit.failing("\"s\".\"t\"") else { panic!("{name} is built in") };
        let found = rows(&mut *session, &count(&failing));
        if found != [expected.to_string()] {
            wrong.push(format!("{call:?} finds {found:?}, expected {expected}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}
