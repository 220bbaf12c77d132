//! Compares every structure and constant of the crate with the C headers of `libxen-dev`.
//!
//! What is compared is found mechanically on both sides. The crate's items are read from its source
//! (`crate_items`); a generated list (`items`, kept complete by a test of that name) gives their values and layouts
//! as the compiler sees them. The headers' macros, enumerators, structures and members are scanned (`c_headers`).
//! An item of one side without its partner on the other fails the test, unless `coverage` says why.
//!
//! An item's C name is its first `#[doc(alias)]`, or its own name.

mod c_headers;
mod c_program;
mod coverage;
mod crate_items;
mod items;
mod table;

use std::collections::{BTreeMap, BTreeSet};

use c_headers::Headers;
use crate_items::{Items, StructItem};

/// What the comparisons start from.
fn both_sides() -> (Items, Headers) {
    (crate_items::read(), c_headers::scan())
}

/// Fails with a list, one complaint a line.
fn complain(what: &str, complaints: &[String]) {
    assert!(
        complaints.is_empty(),
        "{what}:\n  {}\n",
        complaints.join("\n  ")
    );
}

#[test]
fn crate_agrees_with_the_headers() {
    let (items, headers) = both_sides();
    let by_name: BTreeMap<(String, String), &StructItem> = items
        .structs
        .iter()
        .map(|s| ((s.module.clone(), s.name.clone()), s))
        .collect();
    let mut program = c_program::Program::new();
    let mut complaints = Vec::new();

    let numbers = table::constants()
        .into_iter()
        .map(|c| (c.module, c.name, Err(c.value)));
    let texts = table::strings()
        .into_iter()
        .map(|c| (c.module, c.name, Ok(c.value)));
    for (module, rust_name, value) in numbers.chain(texts) {
        if coverage::lists(coverage::RUST_ONLY_CONSTANTS, rust_name) {
            continue;
        }
        let name = format!("{module}::{rust_name}");
        match (items.c_name_of_constant(module, rust_name), value) {
            (Some(c_name), _) if !headers.known.contains(&c_name) => {
                complaints.push(format!("{name}: no C constant {c_name}"));
            }
            (Some(c_name), Err(number)) => program.number(&name, &c_name, &number.to_string()),
            (Some(c_name), Ok(text)) => program.string(&name, &c_name, text),
            (None, _) => complaints.push(format!("{name}: not in the source")),
        }
    }
    // Other spellings of a constant in the headers have its value too.
    let values: BTreeMap<&str, i128> = table::constants()
        .into_iter()
        .map(|c| (c.name, c.value))
        .collect();
    let mapped = items.c_names_of_constants();
    let spellings = headers.constants.keys().filter(|name| {
        !mapped.contains(*name) && !coverage::lists(coverage::C_ONLY_CONSTANTS, name)
    });
    for c_name in spellings {
        if let Some(value) = values.get(c_name.to_uppercase().as_str()) {
            program.number(c_name, c_name, &value.to_string());
        }
    }

    for layout in table::structs() {
        let Some(item) = by_name.get(&(layout.module.to_owned(), layout.name.to_owned())) else {
            continue;
        };
        let name = format!("{}::{}", layout.module, layout.name);
        let Some(c_type) = headers.type_expression(&item.c_name) else {
            complaints.push(format!("{name}: no C structure {:?}", item.c_name));
            continue;
        };
        if coverage::PREFIXES
            .iter()
            .any(|(prefix, _, _)| *prefix == layout.name)
        {
            for (_, member, _) in coverage::PREFIXES.iter().filter(|p| p.0 == layout.name) {
                program.offset(&name, &c_type, member, layout.size);
            }
        } else {
            program.structure(&name, &c_type, layout.size, layout.align);
        }
        let members = headers.members(&item.c_name);
        for field in &layout.fields {
            let c_path = item.c_path_of(field.name);
            let first = c_path.split('.').next().unwrap_or_default();
            let in_c = members.iter().any(|m| m.names.iter().any(|n| n == first));
            let field_name = format!("{name}.{}", field.name);
            if in_c {
                program.field(&field_name, &c_type, &c_path, field.offset, field.size);
            } else if !field.name.starts_with("_pad")
                && !coverage::lists(
                    coverage::RUST_ONLY_FIELDS,
                    &format!("{}.{}", layout.name, field.name),
                )
            {
                complaints.push(format!("{field_name}: no member {c_path:?} in {c_type}"));
            }
        }
    }
    complaints.extend(program.run());
    complain("the crate differs from the headers", &complaints);
}

#[test]
fn every_header_is_covered_or_left_out() {
    let covered: BTreeSet<&str> = coverage::COVERED_HEADERS.iter().copied().collect();
    let left_out: BTreeSet<&str> = coverage::LEFT_OUT_HEADERS
        .iter()
        .map(|(name, _)| *name)
        .collect();
    let mut complaints = Vec::new();
    let on_disk = c_headers::all_headers();
    for name in &on_disk {
        let folder_left_out = left_out
            .iter()
            .any(|prefix| prefix.ends_with('/') && name.starts_with(prefix));
        let known = covered.contains(name.as_str()) || left_out.contains(name.as_str());
        if !known && !folder_left_out {
            complaints.push(format!("xen/{name}: neither covered nor left out"));
        }
    }
    for name in &covered {
        if !on_disk.contains(*name) {
            complaints.push(format!("xen/{name}: covered, but not there"));
        }
    }
    complain("headers", &complaints);
}

#[test]
fn headers_hold_nothing_that_the_crate_lacks() {
    let (items, headers) = both_sides();
    let constants = items.c_names_of_constants();
    let rust_names: BTreeSet<String> = items.constants.iter().map(|c| c.name.clone()).collect();
    let mut complaints = Vec::new();

    for (name, file) in &headers.constants {
        let spelled_otherwise = rust_names.contains(&name.to_uppercase());
        let bit_number = name
            .strip_prefix('_')
            .is_some_and(|bit| constants.contains(bit) || rust_names.contains(&bit.to_uppercase()));
        let excluded = coverage::lists(coverage::C_ONLY_CONSTANTS, name);
        let mapped = constants.contains(name);
        if !mapped && !spelled_otherwise && !bit_number && !excluded {
            complaints.push(format!("{file}: constant {name}"));
        }
    }

    // `outer.array[0]` stands for the structure of the array.
    let structs: BTreeMap<&str, &StructItem> = items
        .structs
        .iter()
        .map(|s| (s.c_name.split('[').next().unwrap_or_default(), s))
        .collect();
    for (name, body) in &headers.bodies {
        if body.file.is_empty() || coverage::lists(coverage::C_ONLY_STRUCTS, name) {
            continue;
        }
        let Some(item) = structs.get(name.as_str()) else {
            // A nested structure with one member is the first word of its union; one whose members are
            // fields of the outer structure is covered by these.
            let nested = name.split_once('.');
            let flattened = nested.is_some_and(|(outer, path)| {
                structs.get(outer).is_some_and(|item| {
                    item.has_all(path, body.members.iter().flat_map(|m| &m.names))
                })
            });
            let one_word = nested.is_some() && body.members.len() < 2;
            if !one_word && !flattened && !body.is_nested_union {
                complaints.push(format!("{}: structure {name}", body.file));
            }
            continue;
        };
        for member in &body.members {
            let covered = member.names.iter().any(|name| item.covers(name));
            let excluded = member
                .names
                .iter()
                .any(|m| coverage::lists(coverage::C_ONLY_MEMBERS, &format!("{name}.{m}")));
            if !covered && !excluded {
                complaints.push(format!(
                    "{}: member {name}.{}",
                    body.file,
                    member.names.join("|")
                ));
            }
        }
    }
    complain("the headers have what the crate lacks", &complaints);
}

#[test]
fn names_of_xenstore_errors_agree() {
    let mut program = c_program::Program::new();
    for (index, errno) in pv_guest_abi::io::xs_wire::XSD_ERRORS.iter().enumerate() {
        let name = format!("XSD_ERRORS[{index}]");
        program.string(
            &name,
            &format!("xsd_errors[{index}].errstring"),
            errno.name(),
        );
        let c_number = format!("xsd_errors[{index}].errnum");
        program.number(&name, &c_number, &errno.number().to_string());
    }
    let count = pv_guest_abi::io::xs_wire::XSD_ERRORS.len().to_string();
    program.number(
        "XSD_ERRORS",
        "sizeof(xsd_errors) / sizeof(xsd_errors[0])",
        &count,
    );
    complain("error names", &program.run());
}
