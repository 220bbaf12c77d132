//! Programs in ring 3.

pub mod image;
