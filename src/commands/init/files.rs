//! The files that `bot init` writes, in the order in which it tells of them.

/// Path and content of each file.
pub(super) const FILES: [(&str, &str); 15] = [
    ("config.yaml", include_str!("../../../fixtures/projects/init/config.yaml")),
    ("offshoot.yaml", include_str!("../../../fixtures/projects/init/offshoot.yaml")),
    ("external_models.yaml", include_str!("../../../fixtures/projects/init/external_models.yaml")),
    ("seeds/orders.csv", include_str!("../../../fixtures/projects/init/seeds/orders.csv")),
    ("models/seed_orders.sql", include_str!("../../../fixtures/projects/init/models/seed_orders.sql")),
    ("models/paid_orders.sql", include_str!("../../../fixtures/projects/init/models/paid_orders.sql")),
    ("models/orders.sql", include_str!("../../../fixtures/projects/init/models/orders.sql")),
    ("models/customers.sql", include_str!("../../../fixtures/projects/init/models/customers.sql")),
    ("models/revenue_by_day.sql", include_str!("../../../fixtures/projects/init/models/revenue_by_day.sql")),
    ("models/schemas.sql", include_str!("../../../fixtures/projects/init/models/schemas.sql")),
    ("tests/test_paid_orders.yaml", include_str!("../../../fixtures/projects/init/tests/test_paid_orders.yaml")),
    ("tests/test_orders.yaml", include_str!("../../../fixtures/projects/init/tests/test_orders.yaml")),
    ("tests/test_customers.yaml", include_str!("../../../fixtures/projects/init/tests/test_customers.yaml")),
    ("tests/test_revenue_by_day.yaml", include_str!("../../../fixtures/projects/init/tests/test_revenue_by_day.yaml")),
    ("tests/test_schemas.yaml", include_str!("../../../fixtures/projects/init/tests/test_schemas.yaml")),
];

/// Lines that `.gitignore` must have: the state and the warehouse belong to a machine, not to a commit.
pub(super) const IGNORED: &str = include_str!("../../../fixtures/projects/init/gitignore");
