//! Lists go by pages: how long one is, and where the next one begins.

/// Entries of a page: what was asked for within bounds, or the default.
pub(crate) fn size(wanted: Option<u32>) -> u32 {
    wanted.unwrap_or(50).clamp(1, 500)
}

/// The last entry of a full page, after which the next one begins. `None` where there is none.
pub(crate) fn next<T>(page: &[T], size: u32, id: impl Fn(&T) -> &String) -> Option<String> {
    let last = page.last().filter(|_| page.len() == size as usize);
    last.map(|last| id(last).clone())
}
