//! Faults that a site's own staff order, to see how their house bears them.
//!
//! Three parts. The [`referee`] of the admin node that is asked holds the limits: hours, share of
//! kiosks, durable nodes that stay untouched. It signs an [`order`] for each node. The
//! [`executor`] of that node checks the order for itself, and ends the fault on its own clock:
//! nobody needs to be there any more to give the house back.
//!
//! A node obeys only if its own configuration says so. No fault touches a clock or a disk.

pub(crate) mod executor;
pub(crate) mod hours;
pub(crate) mod order;
pub(crate) mod referee;
