//! A small PV kernel.
#![no_std]
