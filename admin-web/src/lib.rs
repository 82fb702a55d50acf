//! The staff console: JSON API, live stream and page.

pub mod openapi;
pub mod shapes;
