//! Lists of choices put into words.

/// "`a`", "`a` or `b`", "`a`, `b` or `c`".
pub(crate) fn one_of(names: &[&str]) -> String {
    let mut quoted: Vec<String> = names.iter().map(|n| format!("`{n}`")).collect();
    match quoted.pop() {
        None => "nothing".to_owned(),
        Some(only) if quoted.is_empty() => only,
        Some(last) => format!("{} or {last}", quoted.join(", ")),
    }
}
