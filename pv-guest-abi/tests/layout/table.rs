//! Values and layouts of the crate's items as the compiler sees them.
//!
//! The lists of names are in `items.rs`, written by the test `items`.

pub use super::items::{constants, strings, structs};

pub struct Constant<T> {
    pub module: &'static str,
    pub name: &'static str,
    pub value: T,
}

pub struct Layout {
    pub module: &'static str,
    pub name: &'static str,
    pub size: usize,
    pub align: usize,
    pub fields: Vec<FieldLayout>,
}

pub struct FieldLayout {
    pub name: &'static str,
    pub offset: usize,
    pub size: usize,
}

/// Size of what a field accessor refers to.
pub fn size_behind<S, F>(_: impl Fn(&S) -> &F) -> usize {
    size_of::<F>()
}

/// Appends a module's numbers to a list.
macro_rules! constants_of {
    ($list:ident, $module:literal, pv_guest_abi::$($m:ident)::+ { $($name:ident)* }) => {{
        use pv_guest_abi::$($m)::+ as here;
        $($list.push(Constant {
            module: $module,
            name: stringify!($name),
            value: here::$name as i128,
        });)*
    }};
}

/// Appends a module's texts to a list.
macro_rules! strings_of {
    ($list:ident, $module:literal, pv_guest_abi::$($m:ident)::+ { $($name:ident)* }) => {{
        use pv_guest_abi::$($m)::+ as here;
        $($list.push(Constant { module: $module, name: stringify!($name), value: here::$name });)*
    }};
}

/// Appends a structure's layout to a list.
macro_rules! structure {
    ($list:ident, $module:literal, pv_guest_abi::$($m:ident)::+, $name:ident { $($field:ident)* }) => {{
        use pv_guest_abi::$($m)::+::$name as Here;
        $list.push(Layout {
            module: $module,
            name: stringify!($name),
            size: size_of::<Here>(),
            align: align_of::<Here>(),
            fields: vec![$(FieldLayout {
                name: stringify!($field),
                offset: std::mem::offset_of!(Here, $field),
                size: size_behind(|here: &Here| &here.$field),
            }),*],
        });
    }};
}

pub(crate) use {constants_of, strings_of, structure};
