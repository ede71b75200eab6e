//! The project that suffers: every kind, a few days of data, in words that both engines understand.

use crate::lab::edit;
use crate::world::World;

/// The present of the first promote and of the branch.
pub(crate) const NOW: &str = "2026-04-01";
/// Three days later: as many are due.
pub(crate) const DAYS_LATER: &str = "2026-04-04";
/// Weeks later: what nobody needs has been idle for long enough.
pub(crate) const LATER: &str = "2026-04-20";

const EVENTS: &str = "MODEL (name raw.events, kind SEED (path '../seeds/events.csv'), columns (id INT, user_id INT, \
                      amount DECIMAL(10,2), happened TIMESTAMP))";
const STAGING: &str = "MODEL (name staging.events, kind VIEW);\n\
                       SELECT id, user_id, amount, CAST(happened AS DATE) AS day FROM raw.events WHERE amount > 10";
const CLEAN: &str = "MODEL (name staging.clean, kind EMBEDDED);\n\
                     SELECT id, user_id, amount, day FROM staging.events WHERE id > 0";
const DAILY: &str = "MODEL (name marts.daily, kind INCREMENTAL_BY_TIME_RANGE (time_column day, batch_size 2));\n\
                     SELECT day, user_id, SUM(amount) AS amount, COUNT(*) AS events FROM staging.clean\n\
                     WHERE day BETWEEN @start_date AND @end_date GROUP BY day, user_id";
const LATEST: &str = "MODEL (name marts.latest, kind INCREMENTAL_BY_UNIQUE_KEY (unique_key user_id, batch_size 2));\n\
                      SELECT user_id, MAX(id) AS id, MAX(day) AS day FROM staging.clean\n\
                      WHERE day BETWEEN @start_date AND @end_date GROUP BY user_id";
const COUNTED: &str = "MODEL (name marts.counted, kind INCREMENTAL_BY_UNIQUE_KEY (unique_key user_id, batch_size 2,\n\
                       when_matched (WHEN MATCHED THEN UPDATE SET events = target.events + source.events)));\n\
                       SELECT user_id, COUNT(*) AS events FROM staging.clean\n\
                       WHERE day BETWEEN @start_date AND @end_date GROUP BY user_id";
const TOTALS: &str = "MODEL (name marts.totals, kind FULL);\n\
                      SELECT d.user_id, SUM(d.amount) AS amount, MAX(l.day) AS day FROM marts.daily AS d\n\
                      JOIN marts.latest AS l ON l.user_id = d.user_id GROUP BY d.user_id";
const TOP: &str = "MODEL (name marts.top, kind VIEW);\nSELECT user_id, amount FROM marts.totals WHERE amount > 100";
/// Generations of one number, which no reader may ever see mixed.
const GENERATIONS: [&str; 2] = ["one", "two"];

/// Rows of the seed; `salt` moves the amounts.
fn seed(rows: usize, salt: usize) -> String {
    let row = |id: usize| {
        let (user, day, amount) = (id * 7 % 11, 26 + id * 13 % 6, (id * 31 + salt) % 1000);
        format!("{id},{user},{amount}.50,2026-03-{day:02} 10:00:00\n")
    };
    format!("id,user_id,amount,happened\n{}", (1..=rows).map(row).collect::<String>())
}

fn generation(name: &str, number: usize) -> (String, String) {
    let text = format!("MODEL (name marts.generation_{name}, kind FULL);\nSELECT {number} AS generation");
    (format!("models/generation_{name}.sql"), text)
}

/// Writes these files and commits them.
fn write(world: &World, files: &[(String, String)]) {
    edit(world, &files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect::<Vec<_>>());
}

/// The first commit of main.
pub(crate) fn begin(world: &World) {
    let models = [
        ("events", EVENTS),
        ("staging_events", STAGING),
        ("clean", CLEAN),
        ("daily", DAILY),
        ("latest", LATEST),
        ("counted", COUNTED),
        ("totals", TOTALS),
        ("top", TOP),
    ];
    let mut files: Vec<(String, String)> =
        models.map(|(name, text)| (format!("models/{name}.sql"), text.to_owned())).into();
    files.push(("seeds/events.csv".into(), seed(60, 0)));
    files.extend(GENERATIONS.map(|name| generation(name, 1)));
    write(world, &files);
}

/// What a branch does: other data, another filter below everything, a model more, one less, a view with other columns.
pub(crate) fn change(world: &World) {
    let mut files = vec![
        ("seeds/events.csv".to_owned(), seed(66, 5)),
        ("models/staging_events.sql".to_owned(), STAGING.replace("> 10", "> 20")),
        (
            "models/new.sql".to_owned(),
            "MODEL (name marts.new, kind FULL);\nSELECT COUNT(*) AS n FROM marts.totals".to_owned(),
        ),
        ("models/top.sql".to_owned(), TOP.replace("SELECT user_id, amount", "SELECT amount, day, user_id")),
    ];
    files.extend(GENERATIONS.map(|name| generation(name, 2)));
    world.repository.remove("models/counted.sql");
    write(world, &files);
}

/// How many branches there are at once.
pub(crate) const BRANCHES: usize = 8;

/// What one of several branches does; those of one number do the same.
pub(crate) fn branch(world: &World, number: usize) {
    let filter = format!("> {}", 20 + number);
    let new = format!("MODEL (name marts.new_{number}, kind FULL);\nSELECT COUNT(*) AS n FROM marts.totals");
    write(
        world,
        &[
            ("models/staging_events.sql".to_owned(), STAGING.replace("> 10", &filter)),
            (format!("models/new_{number}.sql"), new),
        ],
    );
}

/// Main moves on to another generation, in both models at once.
pub(crate) fn generations(world: &World, number: usize) {
    write(world, &GENERATIONS.map(|name| generation(name, number)));
}

/// The same again, so that tables that views stand on are left behind.
pub(crate) fn change_more(world: &World) {
    write(world, &[("models/staging_events.sql".to_owned(), STAGING.replace("> 10", "> 30"))]);
}
