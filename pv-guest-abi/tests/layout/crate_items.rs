//! The crate's own list of constants and structures, read from its source.
#![allow(dead_code, reason = "two tests use different parts")]

use std::collections::BTreeSet;
use std::path::Path;

use syn::{Attribute, Expr, Fields, Item, Lit, Meta, Type, Visibility};

/// Modules without ABI data: code for guests and documentation.
const NOT_DATA: &[&str] = &["call", "notes", "guide", "payload", "lib"];

pub struct Items {
    pub constants: Vec<ConstantItem>,
    pub structs: Vec<StructItem>,
}

pub struct ConstantItem {
    pub module: String,
    pub name: String,
    pub c_name: String,
    pub kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Number,
    String,
    /// Arrays and other values that C has no single constant for.
    Other,
}

pub struct StructItem {
    pub module: String,
    pub name: String,
    pub c_name: String,
    pub fields: Vec<FieldItem>,
}

pub struct FieldItem {
    pub name: String,
    pub c_path: String,
}

impl ConstantItem {
    pub fn is_comparable(&self) -> bool {
        self.kind != Kind::Other
    }
}

impl StructItem {
    /// The member of the C structure that a field stands for; nested ones with dots.
    pub fn c_path_of(&self, field: &str) -> String {
        let item = self.fields.iter().find(|f| f.name == field);
        item.map(|f| f.c_path.clone()).unwrap_or_default()
    }

    /// Whether a field stands for this member or a part of it.
    pub fn covers(&self, member: &str) -> bool {
        self.fields
            .iter()
            .any(|f| f.c_path.split('.').next() == Some(member))
    }

    /// Whether fields stand for all these members of the nested structure at `path`.
    pub fn has_all<'a>(&self, path: &str, mut members: impl Iterator<Item = &'a String>) -> bool {
        members.all(|name| {
            let wanted = format!("{path}.{name}");
            self.fields.iter().any(|f| f.c_path == wanted)
        })
    }
}

impl Items {
    pub fn c_name_of_constant(&self, module: &str, name: &str) -> Option<String> {
        let mut found = self
            .constants
            .iter()
            .filter(|c| c.module == module && c.name == name);
        found.next().map(|c| c.c_name.clone())
    }

    pub fn c_names_of_constants(&self) -> BTreeSet<String> {
        self.constants.iter().map(|c| c.c_name.clone()).collect()
    }
}

/// Reads every source file of the crate.
pub fn read() -> Items {
    let mut items = Items {
        constants: Vec::new(),
        structs: Vec::new(),
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    read_folder(&root, &mut Vec::new(), &mut items);
    assert!(
        items.constants.len() > 1000 && items.structs.len() > 200,
        "source not found"
    );
    items
}

fn read_folder(folder: &Path, modules: &mut Vec<String>, items: &mut Items) {
    let mut entries: Vec<_> = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("readable folder").path())
        .collect();
    entries.sort();
    for path in entries {
        let stem = path
            .file_stem()
            .and_then(|s| s.to_str())
            .unwrap_or_default()
            .to_owned();
        if NOT_DATA.contains(&stem.as_str()) {
            continue;
        }
        if path.is_dir() {
            modules.push(stem);
            read_folder(&path, modules, items);
            modules.pop();
        } else if path.extension().is_some_and(|e| e == "rs") {
            let mut module = modules.clone();
            if stem != "mod" {
                module.push(stem);
            }
            let text = std::fs::read_to_string(&path).expect("readable source");
            let file = syn::parse_file(&text)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            for item in file.items {
                read_item(&module.join("::"), item, items);
            }
        }
    }
}

fn read_item(module: &str, item: Item, items: &mut Items) {
    match item {
        Item::Const(item) if matches!(item.vis, Visibility::Public(_)) => {
            let name = item.ident.to_string();
            let c_name = alias(&item.attrs).unwrap_or_else(|| name.clone());
            let kind = match &*item.ty {
                Type::Path(_) => Kind::Number,
                Type::Reference(r) if matches!(&*r.elem, Type::Path(p) if p.path.is_ident("str")) => {
                    Kind::String
                }
                _ => Kind::Other,
            };
            items.constants.push(ConstantItem {
                module: module.to_owned(),
                name,
                c_name,
                kind,
            });
        }
        Item::Struct(item) if is_repr_c(&item.attrs) => {
            let name = item.ident.to_string();
            let c_name = alias(&item.attrs)
                .unwrap_or_else(|| panic!("{module}::{name} has no #[doc(alias)] with its C name"));
            let Fields::Named(fields) = item.fields else {
                panic!("{module}::{name} has no named fields")
            };
            let fields = fields.named.into_iter().map(|field| {
                let name = field.ident.map(|i| i.to_string()).unwrap_or_default();
                let c_path = alias(&field.attrs).unwrap_or_else(|| name.clone());
                FieldItem { name, c_path }
            });
            let fields = fields.collect();
            items.structs.push(StructItem {
                module: module.to_owned(),
                name,
                c_name,
                fields,
            });
        }
        _ => {}
    }
}

fn is_repr_c(attrs: &[Attribute]) -> bool {
    attrs
        .iter()
        .any(|a| a.path().is_ident("repr") && a.parse_args::<syn::Ident>().is_ok_and(|i| i == "C"))
}

/// The first `#[doc(alias = "...")]`.
fn alias(attrs: &[Attribute]) -> Option<String> {
    attrs
        .iter()
        .filter(|a| a.path().is_ident("doc"))
        .find_map(|a| {
            let Meta::List(list) = &a.meta else {
                return None;
            };
            let pair: syn::MetaNameValue = list.parse_args().ok()?;
            if !pair.path.is_ident("alias") {
                return None;
            }
            match pair.value {
                Expr::Lit(lit) => match lit.lit {
                    Lit::Str(text) => Some(text.value()),
                    _ => None,
                },
                _ => None,
            }
        })
}
