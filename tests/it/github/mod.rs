//! The GitHub side: what events mean, and how the client behaves towards a GitHub that has state, limits and bad days.

mod checks;
mod comments;
mod comparison;
mod contract;
mod events;
pub(crate) mod fake;
mod manners;
mod repository;
