//! `layout/items.rs` names every constant and structure of the crate.
//!
//! That list lets the test `layout` ask the compiler for each value and offset. It is written from the crate's
//! source: `BLESS=1 cargo test -p pv-guest-abi --test items`.

#[path = "layout/crate_items.rs"]
mod crate_items;

use std::fmt::Write as _;
use std::path::Path;

use crate_items::{Items, Kind};

#[test]
fn list_names_every_item_of_the_crate() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/layout/items.rs");
    let wanted = list(&crate_items::read());
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, wanted).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        return;
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    let pairs = wanted.lines().zip(found.lines());
    if let Some((number, (wanted, found))) = pairs.enumerate().find(|(_, (w, f))| w != f) {
        panic!(
            "tests/layout/items.rs:{}: the crate's source gives {wanted:?}, the file has {found:?}\n\
             write it anew: BLESS=1 cargo test -p pv-guest-abi --test items",
            number + 1
        );
    }
    assert_eq!(wanted.len(), found.len(), "length of tests/layout/items.rs");
}

/// The text of `items.rs`.
fn list(items: &Items) -> String {
    let mut text = String::from(
        "//! Every constant and structure of the crate, by name; written by the test `items`.\n\n\
         use super::table::{self, Constant, FieldLayout, Layout, size_behind};\n",
    );
    let mut modules: Vec<&str> = items.constants.iter().map(|c| c.module.as_str()).collect();
    modules.sort_unstable();
    modules.dedup();
    text.push_str(
        "\n/// Every number.\n#[allow(clippy::cast_lossless, reason = \"they have several types\")]\n\
         pub fn constants() -> Vec<Constant<i128>> {\n    let mut list = Vec::new();\n",
    );
    constants(&mut text, items, &modules, Kind::Number, "constants_of");
    text.push_str(
        "\n/// Every text.\npub fn strings() -> Vec<Constant<&'static str>> {\n    let mut list = Vec::new();\n",
    );
    constants(&mut text, items, &modules, Kind::String, "strings_of");
    text.push_str(
        "\n/// Every structure.\npub fn structs() -> Vec<Layout> {\n    let mut list = Vec::new();\n",
    );
    for item in &items.structs {
        let (module, name) = (&item.module, &item.name);
        let _ = write!(
            text,
            "    table::structure! {{ list, {module:?}, pv_guest_abi::{module}, "
        );
        let _ = writeln!(text, "{name} {{");
        wrapped(&mut text, item.fields.iter().map(|f| f.name.as_str()));
        text.push_str("    } }\n");
    }
    text.push_str("    list\n}\n");
    text
}

fn constants(text: &mut String, items: &Items, modules: &[&str], kind: Kind, call: &str) {
    for module in modules {
        let of_kind = items
            .constants
            .iter()
            .filter(|c| c.module == *module && c.kind == kind);
        let mut names = of_kind.map(|c| c.name.as_str()).peekable();
        if names.peek().is_some() {
            let _ = writeln!(
                text,
                "    table::{call}! {{ list, {module:?}, pv_guest_abi::{module} {{"
            );
            wrapped(text, names);
            text.push_str("    } }\n");
        }
    }
    text.push_str("    list\n}\n");
}

fn wrapped<'a>(text: &mut String, names: impl Iterator<Item = &'a str>) {
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
