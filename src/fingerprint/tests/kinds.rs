//! What each kind adds, and how draws are bound to stored tables.

use super::*;

#[test]
fn seeds_are_cells_by_column_and_a_number_of_rows() {
    let all = &["counts", "far", "m", "raw", "reads_id", "reads_net", "reads_star"];
    shop_moves(&["raw"], "2,20,us", "2,20,uk");
    shop_moves(&["m", "raw", "reads_net", "reads_star"], "2,20,us", "2,21,us");
    shop_moves(all, "2,20,us", "2,20,us\n3,30,eu");
    shop_moves(all, "2,20,us\n", "");
    shop_moves(&["raw"], "id,amount,region\n1,10,eu\n2,20,us", "id,amount,region,more\n1,10,eu,x\n2,20,us,y");
    shop_moves(
        &["m", "raw", "reads_net", "reads_star"],
        "kind SEED (path '$root/seeds/raw.csv')",
        "kind SEED (path '$root/seeds/raw.csv'), columns (id BIGINT, amount DOUBLE, region TEXT)",
    );
    let swapped = SHOP.replace("1,10,eu\n2,20,us", "2,20,us\n1,10,eu");
    assert_eq!(
        moved(SHOP, &swapped),
        ["far", "m", "raw", "reads_id", "reads_net", "reads_star"]
            .as_slice()
            .iter()
            .chain(&["counts"])
            .copied()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect::<Vec<_>>()
    );
    let quoted = SHOP.replace("2,20,us", "\"2\",20,\"us\"");
    assert_eq!(moved(SHOP, &quoted), Vec::<String>::new());
}

#[test]
fn h13_a_time_range_is_its_columns_hash_format_unit_start_and_end() {
    let range = |kind: &str, more: &str, select: &str| {
        format!(
            "MODEL (name s.m, kind INCREMENTAL_BY_TIME_RANGE ({kind}){more});\n\
             SELECT {select} FROM s.p WHERE ds BETWEEN @start_ds AND @end_ds"
        )
    };
    let plain = range("time_column ds", "", "id, v, ds");
    let both = &["c", "m"];
    pair_moves(both, &plain, &range("time_column (ds, '%Y%m%d')", "", "id, v, ds"));
    pair_moves(both, &plain, &range("time_column ds", ", start '2026-02-01'", "id, v, ds"));
    pair_moves(both, &plain, &range("time_column ds", ", end '2026-02-01'", "id, v, ds"));
    pair_moves(both, &plain, &range("time_column ds", ", interval_unit hour", "id, v, ds"));
    pair_moves(both, &plain, &range("time_column ds", ", cron '@hourly'", "id, v, ds"));
    // The name stays, what it holds does not (research: soundness, #13).
    pair_moves(both, &range("time_column d", "", "id, v, ds AS d"), &range("time_column d", "", "id, v, k AS d"));
    pair_moves(&["m"], &plain, &range("time_column ds", "", "id, v, ds, k"));
    for more in ["lookback 3", "batch_size 7", "batch_concurrency 2"] {
        pair_moves(&[], &plain, &range(&format!("time_column ds, {more}"), "", "id, v, ds"));
    }
    pair_moves(&[], &plain, &range("time_column ds", ", cron '0 5 * * *'", "id, v, ds"));
    // The same moment in another spelling.
    pair_moves(
        &[],
        &range("time_column ds", ", start '2026-02-01'", "id, v, ds"),
        &range("time_column ds", ", start '2026-02-01 00:00:00'", "id, v, ds"),
    );
}

#[test]
fn h16_a_start_matters_to_kinds_with_intervals_alone() {
    let range = |start: &str| {
        one(&format!("kind INCREMENTAL_BY_TIME_RANGE (time_column ds), start '{start}'"))
            .replace("FROM s.p", "FROM s.p WHERE ds BETWEEN @start_ds AND @end_ds")
    };
    pair_moves(&["c", "m"], &range("2026-02-01"), &range("2026-01-15"));
    pair_moves(&[], &one("kind FULL"), &one("kind FULL, start '2026-02-01'"));
}

#[test]
fn h14_a_unique_key_is_the_hash_of_its_columns() {
    let keyed = |kind: &str, select: &str| {
        format!("MODEL (name s.m, kind INCREMENTAL_BY_UNIQUE_KEY ({kind}));\nSELECT {select} FROM s.p")
    };
    let plain = keyed("unique_key k", "id, k, v");
    pair_moves(&["c", "m"], &plain, &keyed("unique_key id", "id, k, v"));
    pair_moves(&["c", "m"], &plain, &keyed("unique_key (id, k)", "id, k, v"));
    pair_moves(&["c", "m"], &plain, &keyed("unique_key k", "id, 1 AS k, v"));
    pair_moves(&["m"], &plain, &keyed("unique_key k", "id + 1 AS id, k, v"));
    let expression = |id: &str| keyed("unique_key (coalesce(k, 0))", &format!("{id} AS id, k, v"));
    pair_moves(&["c", "m"], &expression("id"), &expression("id + 1"));
    pair_moves(&[], &plain, &keyed("unique_key k, batch_size 7", "id, k, v"));
}

#[test]
fn kinds_that_differ_are_in_the_rows() {
    let range = "MODEL (name s.m, kind INCREMENTAL_BY_TIME_RANGE (time_column ds));\nSELECT id, k, v, ds FROM s.p";
    let keyed = "MODEL (name s.m, kind INCREMENTAL_BY_UNIQUE_KEY (unique_key k));\nSELECT id, k, v, ds FROM s.p";
    pair_moves(&["c", "m"], &one("kind FULL"), range);
    pair_moves(&["c", "m"], &one("kind FULL"), keyed);
    pair_moves(&["c", "m"], range, keyed);
}

#[test]
fn full_view_and_embedded_hold_the_same_unless_storing_changes_it() {
    let kinds = ["FULL", "VIEW", "EMBEDDED"];
    let query = |kind: &str, select: &str| format!("MODEL (name s.m, kind {kind});\n{select}");
    for (one, other) in kinds.iter().zip(&kinds[1..]) {
        let same = "SELECT id, v FROM s.p";
        pair_moves(&["m"], &query(one, same), &query(other, same));
        for select in [
            "SELECT id, v, NULL AS n FROM s.p",
            "SELECT id, v, [] AS n FROM s.p",
            "SELECT id, v, random() AS n FROM s.p",
            "SELECT id, v FROM s.p LIMIT 3",
            "SELECT id, v, rowid AS r FROM s.p",
        ] {
            pair_moves(&["c", "m"], &query(one, select), &query(other, select));
        }
    }
    // An order matters to those alone who depend on it.
    let ordered = |kind: &str| {
        let limited = "//- models/l.sql\nMODEL (name s.l, kind FULL);\nSELECT id FROM s.m LIMIT 1\n";
        format!("{limited}{}", pair(&query(kind, "SELECT id, v FROM s.p ORDER BY id")))
    };
    assert_eq!(moved(&ordered("FULL"), &ordered("VIEW")), ["l", "m"]);
    let prepared = |kind: &str| query(kind, "SET threads = 1;\nSELECT id, v FROM s.p");
    pair_moves(&["c", "m"], &prepared("FULL"), &prepared("VIEW"));
}

#[test]
fn draws_are_bound_to_the_table_that_they_were_drawn_into() {
    let drawn = |more: &str, kind: &str| {
        format!(
            "//- models/m.sql\nMODEL (name s.m, kind {kind});\nSELECT uuid() AS key, id, v{more} FROM raw.p\n\
             //- models/a.sql\nMODEL (name s.a, kind FULL);\nSELECT key FROM s.m\n\
             //- models/b.sql\nMODEL (name s.b, kind FULL);\nSELECT id, v FROM s.m\n\
             //- models/c.sql\nMODEL (name s.c, kind VIEW);\nSELECT key FROM s.m\n\
             //- models/d.sql\nMODEL (name s.d, kind FULL);\nSELECT key FROM s.a"
        )
    };
    assert_eq!(moved(&drawn("", "FULL"), &drawn(", x", "FULL")), ["a", "c", "d", "m"]);
    // A view draws whenever it is read, so its readers draw for themselves.
    assert_eq!(moved(&drawn("", "VIEW"), &drawn(", x", "VIEW")), ["m"]);
    let view = tree(&drawn("", "VIEW"));
    let traits = |name: &str| view.fingerprints[&ModelName::parse(name).expect("a name")].shape.columns.clone();
    assert!(traits("s.c").expect("columns")[0].traits.volatile, "a view over a view hands volatility on");
    assert!(!traits("s.a").expect("columns")[0].traits.volatile, "a table does not");
}

#[test]
fn draws_of_a_model_under_another_name_are_other_draws() {
    let named = |name: &str, value: &str| {
        format!(
            "//- models/m.sql\nMODEL (name s.{name}, kind FULL);\nSELECT {value} AS u, id FROM raw.p\n\
             //- models/c.sql\nMODEL (name s.c, kind FULL);\nSELECT u FROM s.{name}\n\
             //- models/d.sql\nMODEL (name s.d, kind FULL);\nSELECT id FROM s.{name}\n\
             //- models/e.sql\nMODEL (name s.e, kind FULL);\nSELECT any_value(id) AS id FROM s.{name}"
        )
    };
    // Found by the oracle: the table that a renamed model has was drawn anew.
    assert_eq!(moved(&named("m", "uuid()"), &named("n", "uuid()")), ["c", "e", "m", "n"]);
    assert_eq!(moved(&named("m", "7"), &named("n", "7")), ["e", "m", "n"], "which row is first may differ too");
}

#[test]
fn rows_that_are_drawn_are_bound_too() {
    let sampled = |more: &str| format!("MODEL (name s.m, kind FULL);\nSELECT id, v{more} FROM s.p LIMIT 10");
    pair_moves(&["c", "m"], &sampled(""), &sampled(", k"));
    let filtered =
        |more: &str| format!("MODEL (name s.m, kind FULL);\nSELECT id, v{more} FROM s.p WHERE random() < 0.5");
    pair_moves(&["c", "m"], &filtered(""), &filtered(", k"));
}

#[test]
fn h05_what_depends_on_order_moves_with_how_its_tables_are_stored() {
    let parent = |kind: &str, order: &str| {
        format!(
            "//- models/m.sql\nMODEL (name s.m, kind {kind});\nSELECT id, v FROM raw.p ORDER BY id {order}\n\
             //- models/limited.sql\nMODEL (name s.limited, kind FULL);\nSELECT id FROM s.m LIMIT 1\n\
             //- models/through.sql\nMODEL (name s.through, kind VIEW);\nSELECT id FROM s.m\n\
             //- models/far.sql\nMODEL (name s.far, kind FULL);\nSELECT any_value(id) AS id FROM s.through\n\
             //- models/summed.sql\nMODEL (name s.summed, kind FULL);\nSELECT sum(id) AS id FROM s.m"
        )
    };
    for kind in ["FULL", "VIEW", "EMBEDDED"] {
        assert_eq!(moved(&parent(kind, "ASC"), &parent(kind, "DESC")), ["far", "limited", "m"], "{kind}");
    }
}

#[test]
fn h11_a_model_that_reads_itself_is_hashed_whole() {
    let itself = |b: &str| {
        format!(
            "//- models/m.sql\nMODEL (name s.m, kind INCREMENTAL_BY_TIME_RANGE (time_column ds), columns (ds DATE, a INT, b INT));\n\
             SELECT ds, coalesce((SELECT max(b) FROM s.m), 0) AS a, {b} AS b FROM raw.p WHERE ds BETWEEN @start_ds AND @end_ds\n\
             //- models/c.sql\nMODEL (name s.c, kind FULL);\nSELECT a FROM s.m"
        )
    };
    assert_eq!(moved(&itself("d"), &itself("d * 10")), ["c", "m"]);
    let tree = tree(&itself("d"));
    let fingerprint = &tree.fingerprints[&ModelName::parse("s.m").expect("a name")];
    assert_eq!(fingerprint.opaque, Some(Opaque::ReadsItself));
    assert!(matches!(fingerprint.batching, Batching::OneInterval { .. }));
}

#[test]
fn h15_intervals_are_loaded_together_only_where_that_changes_nothing() {
    let batching = |kind: &str, sql: &str| {
        let fixture = format!(
            "//- models/m.sql\nMODEL (name s.m, kind {kind});\n{sql}\n//- external_models.yaml\n- name: raw.p\n  columns: {{id: int, v: int, ds: date, d2: date}}"
        );
        tree(&fixture).fingerprints[&ModelName::parse("s.m").expect("a name")].batching.clone()
    };
    let range = "INCREMENTAL_BY_TIME_RANGE (time_column ds)";
    let filter = "WHERE ds BETWEEN @start_ds AND @end_ds";
    for sql in [
        format!("SELECT ds, v FROM raw.p {filter}"),
        format!("SELECT ds, sum(v) AS v FROM raw.p {filter} GROUP BY ds"),
        format!("SELECT DISTINCT ds, v FROM raw.p {filter}"),
        format!("SELECT date_trunc('day', ds) AS ds, v FROM raw.p {filter}"),
        format!("SELECT CAST(ds AS DATE) AS ds, v FROM raw.p {filter}"),
        "SELECT ds, v FROM raw.p".to_owned(),
        // A day of the key's moment is one wherever the key is.
        format!("SELECT ds::DATE AS ds, sum(v) AS v FROM raw.p {filter} GROUP BY raw.p.ds, id"),
        format!("SELECT ds::DATE AS ds, sum(v) AS v FROM raw.p {filter} GROUP BY ds"),
        format!(
            "SELECT date_trunc('day', ds) AS ds, row_number() OVER (PARTITION BY p.ds, v ORDER BY id) AS n FROM raw.p AS p {filter}"
        ),
        format!("SELECT DISTINCT ON (p.ds) ds::TIMESTAMP AS ds, v FROM raw.p AS p {filter} ORDER BY p.ds, v"),
    ] {
        assert_eq!(batching(range, &sql), Batching::Any, "{sql}");
    }
    for sql in [
        format!("SELECT ds, count(*) OVER () AS n FROM raw.p {filter}"),
        format!("SELECT ds, lag(v) OVER (ORDER BY ds) AS n FROM raw.p {filter}"),
        format!("SELECT max(ds) AS ds FROM raw.p {filter}"),
        format!("SELECT date_trunc(part, ds) AS ds, v FROM raw.p {filter}"),
        format!("SELECT ds::DATE AS ds, sum(v) AS v FROM raw.p {filter} GROUP BY ALL HAVING count(*) OVER () > 1"),
        format!("SELECT ds::DATE AS ds, sum(v) AS v FROM raw.p {filter} GROUP BY ROLLUP (raw.p.ds)"),
        format!("SELECT ds::DATE AS ds, sum(v) OVER (PARTITION BY p.ds), max(v) OVER () AS m FROM raw.p AS p {filter}"),
        format!("SELECT ds, v FROM raw.p {filter} ORDER BY v LIMIT 3"),
        format!("SELECT ds, v, @start_ds AS b FROM raw.p {filter}"),
        format!("SELECT ds, v FROM raw.p {filter} AND v = (SELECT max(v) FROM raw.p {filter})"),
        "SELECT ds, v FROM raw.p WHERE ds = @end_ds".to_owned(),
    ] {
        assert!(matches!(batching(range, &sql), Batching::OneInterval { .. }), "{sql}");
    }
    // One by one each interval would lose what has a time outside of it.
    for sql in [
        format!("SELECT date_trunc('month', ds) AS ds, sum(v) AS v FROM raw.p {filter} GROUP BY p.ds"),
        format!("SELECT d2 AS ds, v FROM raw.p {filter}"),
        // Found by the oracle: a month holds days that another interval's filter lets through.
        format!("SELECT CAST(date_trunc('month', ds) AS DATE) AS ds, v FROM raw.p {filter}"),
        format!("SELECT date_trunc('week', ds) AS ds, v FROM raw.p {filter}"),
        // In DuckDB a bare word is a column, which may say `month`.
        format!("SELECT date_trunc(day, ds) AS ds, v FROM (SELECT 'month' AS day, ds, v FROM raw.p) {filter}"),
        format!("SELECT ds::TIMESTAMPTZ AS ds, v FROM raw.p {filter}"),
        format!("SELECT ds::VARCHAR(7) AS ds, v FROM raw.p {filter}"),
        "SELECT date_trunc('month', ds) AS ds, count(*) AS n FROM raw.p \
         WHERE ds >= date_trunc('month', @start_date) AND ds <= @end_date GROUP BY 1"
            .to_owned(),
    ] {
        assert!(matches!(batching(range, &sql), Batching::AsDue { .. }), "{sql}");
    }
    let hourly = "INCREMENTAL_BY_TIME_RANGE (time_column ds), interval_unit hour";
    for cut in ["ds", "date_trunc('second', ds)", "ds::TIMESTAMP"] {
        assert_eq!(batching(hourly, &format!("SELECT {cut} AS ds, v FROM raw.p {filter}")), Batching::Any, "{cut}");
    }
    for cut in ["date_trunc('day', ds)", "ds::DATE", "date_trunc('hour', ds)"] {
        let found = batching(hourly, &format!("SELECT {cut} AS ds, v FROM raw.p {filter}"));
        assert_eq!(found, Batching::WholeDays, "{cut}");
    }
    let keyed = "INCREMENTAL_BY_UNIQUE_KEY (unique_key v)";
    assert!(matches!(batching(keyed, &format!("SELECT ds, v FROM raw.p {filter}")), Batching::OneInterval { .. }));
    assert_eq!(batching(keyed, "SELECT ds, v FROM raw.p"), Batching::Any);
}

/// Where what is due together decides which rows there are, a table that was loaded otherwise is another one.
#[test]
fn how_much_is_loaded_at_once_counts_where_rows_depend_on_it() {
    let model = |settings: &str, time: &str| {
        format!(
            "//- models/m.sql\nMODEL (name s.m, kind INCREMENTAL_BY_TIME_RANGE (time_column t{settings});\nSELECT {time} AS t, v FROM raw.p \
             WHERE ds BETWEEN @start_ds AND @end_ds\n//- external_models.yaml\n- name: raw.p\n  columns: {{v: int, ds: timestamp}}"
        )
    };
    let month = "date_trunc('month', ds)";
    for other in [", batch_size 7)", ", lookback 31)", "), cron '@weekly'"] {
        assert_eq!(moved(&model(")", month), &model(other, month)), ["m"], "{other}");
        assert_eq!(moved(&model(")", "ds"), &model(other, "ds")), Vec::<String>::new(), "{other}");
    }
    let hours = |settings: &str| model(&format!("{settings}), cron '@hourly'"), "ds::DATE");
    assert_eq!(moved(&hours(""), &hours(", batch_size 7")), Vec::<String>::new(), "days are whole");
}

#[test]
fn h30_a_history_is_everything_that_its_versions_are_told_by() {
    let scd = |kind: &str, select: &str| format!("MODEL (name s.m, kind SCD_TYPE_2{kind});\nSELECT {select} FROM s.p");
    let by_time = |more: &str| scd(&format!("_BY_TIME (unique_key id, updated_at_name ds{more})"), "id, k, v, ds");
    let by_column = |more: &str| scd(&format!("_BY_COLUMN (unique_key id, columns [v]{more})"), "id, k, v, ds");
    let all = &["c", "m"];
    for more in [
        ", valid_from_name begins",
        ", valid_to_name ends",
        ", time_data_type DATE",
        ", invalidate_hard_deletes true",
        ", updated_at_as_valid_from true",
    ] {
        pair_moves(all, &by_time(""), &by_time(more));
    }
    pair_moves(all, &by_time(""), &by_time("").replace("unique_key id", "unique_key (id, k)"));
    pair_moves(all, &by_time(""), &by_column(""));
    pair_moves(all, &by_column(""), &by_column("").replace("columns [v]", "columns *"));
    pair_moves(all, &by_column(""), &by_column(", execution_time_as_valid_from true"));
    // Any column decides about versions, so whoever reads any moves with it.
    pair_moves(all, &by_column(""), &scd("_BY_COLUMN (unique_key id, columns [v])", "id, k + 1 AS k, v, ds"));
    pair_moves(&[], &by_time(""), &by_time("").replace("_BY_TIME", ""));
    pair_moves(&[], &by_time(""), &by_time(", on_destructive_change allow, forward_only true"));
    pair_moves(all, &by_column(""), &by_column(", updated_at_name ds"));
    // What time has to do with it counts where its query names the interval.
    let later = |text: &str, more: &str| text.replace(");\n", &format!(", {more});\n"));
    let each = format!("{} WHERE ds BETWEEN @start_ds AND @end_ds", by_column(""));
    pair_moves(all, &by_column(""), &each);
    for more in ["start '2026-02-01'", "end '2026-02-01'", "interval_unit hour"] {
        pair_moves(all, &each, &later(&each, more));
        pair_moves(&[], &by_column(""), &later(&by_column(""), more));
    }
    pair_moves(&[], &each, &each.replace("columns [v]", "columns [v], batch_size 3"));
}

#[test]
fn rows_that_are_kept_are_others_than_rows_that_are_computed_again() {
    let range = |more: &str| {
        format!(
            "MODEL (name s.m, kind INCREMENTAL_BY_TIME_RANGE (time_column ds{more}));\n\
             SELECT id, k, v, ds FROM s.p WHERE ds BETWEEN @start_ds AND @end_ds"
        )
    };
    // Under one key a table that holds rows of several definitions would be taken for one that holds rows of this one alone.
    pair_moves(&["c", "m"], &range(""), &range(", forward_only true"));
    pair_moves(&[], &range(", forward_only true"), &range(", disable_restatement true, on_additive_change error"));
    // What reads no column that changes goes on as it is.
    let kept = range(", forward_only true");
    pair_moves(&["m"], &kept, &kept.replace("SELECT id, k,", "SELECT id, -k AS k,"));
    pair_moves(&["c", "m"], &kept, &kept.replace("v, ds", "-v AS v, ds"));
}

#[test]
fn h30_what_depends_on_every_load_is_bound_to_its_table() {
    let of = |kind: &str, k: &str| format!("MODEL (name s.m, kind {kind});\nSELECT id, {k} AS k, v, ds FROM s.p");
    let keyed = "INCREMENTAL_BY_UNIQUE_KEY (unique_key id, forward_only true)";
    for kind in ["INCREMENTAL_UNMANAGED", keyed] {
        // Rows of the definition before are among those that a reader finds, whatever columns it reads.
        pair_moves(&["c", "m"], &of(kind, "k"), &of(kind, "-k"));
    }
    let all = &["c", "m"];
    pair_moves(all, &of("INCREMENTAL_BY_UNIQUE_KEY (unique_key id)", "k"), &of(keyed, "k"));
    pair_moves(all, &of("FULL", "k"), &of("INCREMENTAL_UNMANAGED", "k"));
    pair_moves(&[], &of("INCREMENTAL_UNMANAGED", "k"), &of("INCREMENTAL_UNMANAGED (on_additive_change error)", "k"));
}

#[test]
fn declared_types_count_where_the_columns_are_not_known() {
    let model = |columns: &str| {
        pair(&format!(
            "MODEL (name s.m, kind FULL{columns});\nSELECT *, [3, NULL] AS w, NULL AS n FROM raw.nobody_knows"
        ))
    };
    let typed = |data_type: &str| model(&format!(", columns (v {data_type}, w INT[], n INT)"));
    assert_eq!(moved(&model(""), &typed("DOUBLE")), ["c", "m"]);
    assert_eq!(moved(&typed("INT"), &typed("DOUBLE")), ["c", "m"]);
    assert_eq!(moved(&typed("INT"), &typed("INT")), [""; 0]);
}
