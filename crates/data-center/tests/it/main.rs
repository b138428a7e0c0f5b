//! The data center from outside: the contract of the tables on each database, and its routes through the real router.
//!
//! With `AOPS_TEST_MYSQL_URL` (such as `mysql://root@127.0.0.1:33306`) the contract also runs there, each test in a
//! database of its own.

mod backend;
mod center;
mod documents;
mod facts;
mod logs;
mod results;
mod routes;
mod scrape;
mod series;
mod tables;
