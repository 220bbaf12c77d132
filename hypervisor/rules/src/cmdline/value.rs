//! Numbers, sizes and booleans in the forms that Xen takes.

/// A number: decimal, `0x` hexadecimal or, with a leading `0`, octal.
pub fn number(text: &str) -> Option<u64> {
    let (digits, radix) = if let Some(hex) = text.strip_prefix("0x").or(text.strip_prefix("0X")) {
        (hex, 16)
    } else if text.len() > 1 && text.starts_with('0') {
        (text.get(1..)?, 8)
    } else {
        (text, 10)
    };
    // from_str_radix takes a sign, which is no part of a number here.
    if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    u64::from_str_radix(digits, radix).ok()
}

/// A size in bytes: a number and one of `B K M G T` (either case).
/// A bare number counts KiB, as in Xen.
pub fn size(text: &str) -> Option<u64> {
    let last = text.bytes().next_back()?;
    let (digits, shift) = match last.to_ascii_uppercase() {
        // A hexadecimal number may end in B: `0x1B` is a number, `16B` is bytes.
        b'B' if !text.starts_with("0x") => (text.get(..text.len() - 1)?, 0),
        b'K' => (text.get(..text.len() - 1)?, 10),
        b'M' => (text.get(..text.len() - 1)?, 20),
        b'G' => (text.get(..text.len() - 1)?, 30),
        b'T' => (text.get(..text.len() - 1)?, 40),
        _ => (text, 10),
    };
    number(digits)?.checked_mul(1 << shift)
}

/// A boolean's word: `yes on true enable 1`, `no off false disable 0`.
pub fn boolean(text: &str) -> Option<bool> {
    match text {
        "yes" | "on" | "true" | "enable" | "1" => Some(true),
        "no" | "off" | "false" | "disable" | "0" => Some(false),
        _ => None,
    }
}

/// A boolean within a comma list: `name`, `no-name` or `name=<boolean>`.
///
/// `None`: another name. `Some(None)`: this name with a bad value.
pub fn listed_boolean(item: &str, name: &str) -> Option<Option<bool>> {
    let (key, value) = match item.split_once('=') {
        Some((key, value)) => (key, Some(value)),
        None => (item, None),
    };
    if super::words::same_name(key, name) {
        return Some(value.map_or(Some(true), boolean));
    }
    match key.strip_prefix("no-") {
        Some(key) if value.is_none() && super::words::same_name(key, name) => Some(Some(false)),
        _ => None,
    }
}
