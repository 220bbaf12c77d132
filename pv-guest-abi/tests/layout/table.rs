//! Values and layouts of the crate's items as the compiler sees them.
//!
//! The lists of names are in `items.rs`, written by the test itself with `BLESS=1`.

use std::fmt::Write as _;
use std::path::Path;

use super::crate_items::{Items, Kind};
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

/// Writes `items.rs` anew.
pub fn bless(items: &Items) {
    let mut text = String::from(
        "//! Every constant and structure of the crate, by name. Written by `BLESS=1 cargo test`.\n\n\
         use super::table::{self, Constant, FieldLayout, Layout, size_behind};\n",
    );
    let mut modules: Vec<&str> = items.constants.iter().map(|c| c.module.as_str()).collect();
    modules.extend(items.structs.iter().map(|s| s.module.as_str()));
    modules.sort_unstable();
    modules.dedup();
    let lists = [
        ("constants", "i128", Kind::Number, "Every number."),
        ("strings", "&'static str", Kind::String, "Every text."),
    ];
    for (function, kind_name, kind, doc) in lists {
        let _ = write!(
            text,
            "\n/// {doc}\npub fn {function}() -> Vec<Constant<{kind_name}>> {{\n    let mut list = Vec::new();\n"
        );
        for module in &modules {
            let of_kind = items
                .constants
                .iter()
                .filter(|c| c.module == *module && c.kind == kind);
            let names: Vec<&str> = of_kind.map(|c| c.name.as_str()).collect();
            if !names.is_empty() {
                let _ = writeln!(
                    text,
                    "    table::{function}_of! {{ list, {module:?}, pv_guest_abi::{module} {{"
                );
                wrapped(&mut text, &names);
                text.push_str("    } }\n");
            }
        }
        text.push_str("    list\n}\n");
    }
    text.push_str("\n/// Every structure.\npub fn structs() -> Vec<Layout> {\n    let mut list = Vec::new();\n");
    for item in &items.structs {
        let (module, name) = (&item.module, &item.name);
        let _ = writeln!(
            text,
            "    table::structure! {{ list, {module:?}, pv_guest_abi::{module}, {name} {{"
        );
        let fields: Vec<&str> = item.fields.iter().map(|f| f.name.as_str()).collect();
        wrapped(&mut text, &fields);
        text.push_str("    } }\n");
    }
    text.push_str("    list\n}\n");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/layout/items.rs");
    std::fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

fn wrapped(text: &mut String, names: &[&str]) {
    let mut line = String::new();
    for name in names {
        if line.len() + name.len() > 90 {
            let _ = writeln!(text, "       {line}");
            line.clear();
        }
        let _ = write!(line, " {name}");
    }
    let _ = writeln!(text, "       {line}");
}
