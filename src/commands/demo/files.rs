//! The files of the demo's repository: a shop, and what its feature branch changes.

/// A file's path in the repository, and its content.
pub(super) type File = (&'static str, &'static str);

macro_rules! files {
    ($project:literal: $($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../../fixtures/projects/", $project, "/", $path)))),*]
    };
}

/// What the branch `main` begins with, beside [`IGNORED`] and [`ERP`].
pub(super) const SHOP: &[File] = files!("shop":
    "config.yaml",
    "offshoot.yaml",
    "external_models.yaml",
    "erp.sql",
    "models/marts/best_sellers.sql",
    "models/marts/dim_customers.sql",
    "models/marts/executive_summary.sql",
    "models/marts/fct_orders.sql",
    "models/marts/low_stock.sql",
    "models/marts/product_sales.sql",
    "models/marts/revenue_by_country.sql",
    "models/marts/revenue_by_month.sql",
    "models/raw/customers.sql",
    "models/raw/fx_rates.sql",
    "models/raw/orders.sql",
    "models/raw/payments.sql",
    "models/raw/products.sql",
    "models/staging/customers.sql",
    "models/staging/orders.sql",
    "models/staging/paid_orders.sql",
    "models/staging/payments.sql",
    "models/staging/products.sql",
    "seeds/customers.csv",
    "seeds/fx_rates.csv",
    "seeds/orders.csv",
    "seeds/payments.csv",
    "seeds/products.csv",
);

/// What the branch `feature/fx-rates` changes.
pub(super) const BRANCH: &[File] = files!("shop-branch":
    "models/marts/fct_orders.sql",
    "models/marts/product_sales.sql",
    "models/marts/revenue_in_euro.sql",
    "models/staging/customers.sql",
);

/// Its `.gitignore`.
pub(super) const IGNORED: &str = include_str!("../../../fixtures/projects/shop/gitignore");

/// What another system keeps in the warehouse.
pub(super) const ERP: &str = include_str!("../../../fixtures/projects/shop/erp.sql");
