//! The one integration binary: every file beside this one is a module of it (`architecture` checks that).

mod architecture;
mod init;
