//! What the C headers define: constants, structures and their members, by a simple scan.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use super::{c_program, coverage};

/// Where `libxen-dev` puts the headers.
const FOLDER: &str = "/usr/include/xen";

pub struct Headers {
    /// Macros without parameters and enumerators of the covered headers, with their file.
    pub constants: BTreeMap<String, String>,
    /// Every macro and enumerator, of any header.
    pub known: BTreeSet<String>,
    /// Structures and unions by tag or typedef name; nested ones without a tag by `outer.member`.
    pub bodies: BTreeMap<String, Body>,
    /// Every `struct` and `union` tag, of any header.
    tags: BTreeMap<String, &'static str>,
}

#[derive(Clone, Default)]
pub struct Body {
    /// The covered header it is in; empty for others.
    pub file: String,
    pub members: Vec<Member>,
    pub is_nested_union: bool,
}

/// A member; an anonymous union is one member with many names.
#[derive(Clone, Default)]
pub struct Member {
    pub names: Vec<String>,
}

impl Headers {
    /// How C names the type that an alias stands for.
    pub fn type_expression(&self, name: &str) -> Option<String> {
        let (outer, path) = name
            .split_once('.')
            .map_or((name, None), |(o, p)| (o, Some(p)));
        let outer = match self.tags.get(outer) {
            Some(keyword) => format!("{keyword} {outer}"),
            None if self.bodies.contains_key(outer) => outer.to_owned(),
            None => return None,
        };
        Some(match path {
            Some(path) => format!("__typeof__((({outer} *)0)->{path})"),
            None => outer,
        })
    }

    /// The members of the type that an alias stands for.
    pub fn members(&self, name: &str) -> &[Member] {
        let plain = name.split('[').next().unwrap_or(name);
        self.bodies.get(plain).map_or(&[], |body| &body.members)
    }
}

/// All headers, relative to their folder.
pub fn all_headers() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut folders = vec![Path::new(FOLDER).to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| {
            panic!("{}: {error}: apt-get install libxen-dev", folder.display())
        });
        for entry in entries {
            let path = entry.expect("readable folder").path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(name) = path.strip_prefix(FOLDER) {
                names.insert(name.to_string_lossy().into_owned());
            }
        }
    }
    names
}

/// Scans the covered headers.
pub fn scan() -> Headers {
    all_headers();
    let defined: BTreeSet<String> = preprocess(&["-dM"])
        .lines()
        .filter_map(|line| line.strip_prefix("#define "))
        .filter_map(|rest| rest.split_whitespace().next().map(str::to_owned))
        .collect();
    let mut headers = Headers {
        constants: BTreeMap::new(),
        known: BTreeSet::new(),
        bodies: BTreeMap::new(),
        tags: BTreeMap::new(),
    };
    for header in coverage::COVERED_HEADERS {
        let path = format!("{FOLDER}/{header}");
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        for name in object_macros(&text) {
            if defined.contains(&name) {
                headers.constants.insert(name, (*header).to_owned());
            }
        }
    }
    headers.known = defined;
    let tokens = tokenize(&preprocess(&[]));
    let mut at = 0;
    while at < tokens.len() {
        at = headers.declaration(&tokens, at);
    }
    headers
}

/// Names of the macros without parameters and with a value that a header's text defines.
fn object_macros(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    for line in text.lines() {
        let line = line.trim_start();
        let Some(rest) = line.strip_prefix('#').map(str::trim_start) else {
            continue;
        };
        let Some(rest) = rest.strip_prefix("define").map(str::trim_start) else {
            continue;
        };
        let end = rest
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        let value = rest[end..].trim();
        if !rest[end..].starts_with('(') && !value.is_empty() && !value.starts_with("/*") {
            names.push(rest[..end].to_owned());
        }
    }
    names
}

fn preprocess(extra: &[&str]) -> String {
    let folder = c_program::scratch();
    let file = folder.join("headers.c");
    std::fs::write(&file, c_program::prelude()).expect("writable scratch folder");
    let output = Command::new(c_program::compiler())
        .args(c_program::FLAGS)
        .arg("-E")
        .args(extra)
        .arg(&file)
        .output()
        .expect("a C compiler (cc); on Debian: apt-get install gcc");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "headers do not preprocess:\n{errors}"
    );
    let _ = std::fs::remove_dir_all(&folder);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

struct Token {
    text: String,
    /// The covered header it comes from, or nothing.
    file: String,
}

/// Words and single characters, each with its file by the preprocessor's line marks.
fn tokenize(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut file = String::new();
    for line in text.lines() {
        if let Some(mark) = line.strip_prefix("# ") {
            let path = mark.split('"').nth(1).unwrap_or_default();
            let name = path
                .strip_prefix(FOLDER)
                .map(|p| p.trim_start_matches('/'))
                .unwrap_or_default();
            let covered = coverage::COVERED_HEADERS.contains(&name);
            file = if covered {
                name.to_owned()
            } else {
                String::new()
            };
            continue;
        }
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let end = if first.is_alphanumeric() || first == '_' {
                rest.find(|c: char| !c.is_alphanumeric() && c != '_')
                    .unwrap_or(rest.len())
            } else if first == '"' {
                rest[1..].find('"').map_or(rest.len(), |i| i + 2)
            } else {
                first.len_utf8()
            };
            tokens.push(Token {
                text: rest[..end].to_owned(),
                file: file.clone(),
            });
            rest = rest[end..].trim_start();
        }
    }
    tokens
}

impl Headers {
    /// Reads one top-level declaration or function; returns the index behind it.
    fn declaration(&mut self, tokens: &[Token], start: usize) -> usize {
        let mut at = start;
        let mut unnamed = None;
        while at < tokens.len() {
            match tokens[at].text.as_str() {
                ";" => return at + 1,
                "struct" | "union" | "enum" => {
                    let (next, body) = self.aggregate(tokens, at, "");
                    if let Some(body) = body.filter(|body| body.0.is_none()) {
                        unnamed = Some(body.1);
                    }
                    at = next;
                    // `typedef struct {...} name;`
                    let name = tokens.get(at).filter(|name| name.text != ";");
                    if let (Some(body), Some(name)) = (unnamed.take(), name) {
                        self.bodies.insert(name.text.clone(), body);
                    }
                }
                "{" => {
                    let end = skip(tokens, at, "{", "}");
                    // A function's body ends it; an initialiser goes on to its semicolon.
                    if at > start && tokens[at - 1].text == ")" {
                        return end;
                    }
                    at = end;
                }
                _ => at += 1,
            }
        }
        at
    }

    /// Reads `struct tag {...}`, `union ...` or `enum ...` at `at`.
    ///
    /// Returns the index behind it, and the body with its tag if there is one.
    fn aggregate(
        &mut self,
        tokens: &[Token],
        at: usize,
        outer: &str,
    ) -> (usize, Option<(Option<String>, Body)>) {
        let keyword = tokens[at].text.as_str();
        let mut next = at + 1;
        let mut tag = None;
        if next < tokens.len()
            && tokens[next]
                .text
                .starts_with(|c: char| c.is_alphabetic() || c == '_')
        {
            tag = Some(tokens[next].text.clone());
            next += 1;
        }
        if tokens.get(next).is_none_or(|t| t.text != "{") {
            return (next, None);
        }
        let end = skip(tokens, next, "{", "}");
        let file = tokens[next].file.clone();
        let inside = &tokens[next + 1..end - 1];
        if keyword == "enum" {
            self.enumerators(inside, &file);
            return (end, None);
        }
        let name = tag.clone().unwrap_or_else(|| outer.to_owned());
        let mut body = Body {
            file: file.clone(),
            ..Body::default()
        };
        body.is_nested_union = keyword == "union" && tag.is_none();
        body.members = self.members_of(inside, &name);
        if let Some(tag) = &tag {
            self.tags.insert(
                tag.clone(),
                if keyword == "union" {
                    "union"
                } else {
                    "struct"
                },
            );
            self.bodies.insert(tag.clone(), body.clone());
        }
        (end, Some((tag, body)))
    }

    fn enumerators(&mut self, tokens: &[Token], file: &str) {
        for (i, token) in tokens.iter().enumerate() {
            let first = i == 0 || tokens[i - 1].text == ",";
            if first {
                self.known.insert(token.text.clone());
            }
            if first && !file.is_empty() {
                self.constants.insert(token.text.clone(), file.to_owned());
            }
        }
    }

    /// The members between the braces of a structure.
    fn members_of(&mut self, tokens: &[Token], outer: &str) -> Vec<Member> {
        let mut members = Vec::new();
        let mut at = 0;
        while at < tokens.len() {
            let mut nested = None;
            let mut names = Vec::new();
            let mut is_union = false;
            while at < tokens.len() && tokens[at].text != ";" {
                match tokens[at].text.as_str() {
                    "struct" | "union" => {
                        is_union = tokens[at].text == "union";
                        // The nested name is known only behind the body; look there first.
                        let name = declarator_behind(tokens, at).unwrap_or_default();
                        let path = if name.is_empty() {
                            outer.to_owned()
                        } else {
                            format!("{outer}.{name}")
                        };
                        let (next, body) = self.aggregate(tokens, at, &path);
                        at = next;
                        if let Some((None, body)) = body {
                            nested = Some((path, body));
                        }
                    }
                    "__attribute__" => at = skip(tokens, at + 1, "(", ")"),
                    "[" => at = skip(tokens, at, "[", "]"),
                    ":" => {
                        while at < tokens.len() && !matches!(tokens[at].text.as_str(), ";" | ",") {
                            at += 1;
                        }
                    }
                    word => {
                        // A declarator is the last word before one of these.
                        let next = tokens.get(at + 1).map_or(";", |t| t.text.as_str());
                        let ends = matches!(next, ";" | "," | "[" | ":" | "__attribute__");
                        if ends && word.starts_with(|c: char| c.is_alphabetic() || c == '_') {
                            names.push(word.to_owned());
                        }
                        at += 1;
                    }
                }
            }
            at += 1;
            match nested {
                Some((_, body)) if names.is_empty() && is_union => {
                    let names = body.members.into_iter().flat_map(|m| m.names).collect();
                    members.push(Member { names });
                }
                Some((_, body)) if names.is_empty() => members.extend(body.members),
                Some((path, body)) => {
                    self.bodies.insert(path, body);
                    members.extend(names.into_iter().map(|n| Member { names: vec![n] }));
                }
                None => members.extend(names.into_iter().map(|n| Member { names: vec![n] })),
            }
        }
        members
    }
}

/// The first declarator behind the body of the aggregate at `at`.
fn declarator_behind(tokens: &[Token], at: usize) -> Option<String> {
    let open = (at..tokens.len().min(at + 3)).find(|&i| tokens[i].text == "{")?;
    let end = skip(tokens, open, "{", "}");
    let token = tokens.get(end)?;
    token
        .text
        .starts_with(|c: char| c.is_alphabetic() || c == '_')
        .then(|| token.text.clone())
}

/// The index behind the bracket that closes the one at `at`.
fn skip(tokens: &[Token], at: usize, open: &str, close: &str) -> usize {
    let mut depth = 0usize;
    for (i, token) in tokens.iter().enumerate().skip(at) {
        if token.text == open {
            depth += 1;
        } else if token.text == close {
            depth -= 1;
            if depth == 0 {
                return i + 1;
            }
        }
    }
    tokens.len()
}
