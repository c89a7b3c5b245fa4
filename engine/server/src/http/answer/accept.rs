//! `Accept`, as far as choosing among a few offers needs it (RFC 9110, 12.5.1).

/// The index of the offer with the highest quality; the earlier one among equals; `None` if none will do.
pub(super) fn best(accept: &str, offers: &[&str]) -> Option<usize> {
    let mut best = None;
    for (index, offer) in offers.iter().enumerate() {
        let quality = quality(accept, offer);
        if quality > best.map_or(0.0, |(_, q)| q) {
            best = Some((index, quality));
        }
    }
    best.map(|(index, _)| index)
}

/// The quality that the most specific matching range gives to a type.
fn quality(accept: &str, offer: &str) -> f32 {
    let mut found = (0, 0.0);
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let specificity = match parts.next() {
            Some(range) if range.eq_ignore_ascii_case(offer) => 3,
            Some("*/*") => 1,
            Some(range) => match (range.strip_suffix("/*"), offer.split_once('/')) {
                (Some(group), Some((of, _))) if group.eq_ignore_ascii_case(of) => 2,
                _ => continue,
            },
            None => continue,
        };
        if specificity > found.0 {
            let q = parts
                .find_map(|p| p.strip_prefix("q=").and_then(|q| q.parse().ok()))
                .unwrap_or(1.0);
            found = (specificity, q);
        }
    }
    found.1
}

#[cfg(test)]
mod tests {
    use super::best;

    #[test]
    fn chooses_as_the_caller_wishes() {
        let offers = ["image/webp", "multipart/mixed", "application/zip"];
        assert_eq!(best("*/*", &offers), Some(0));
        assert_eq!(best("application/zip", &offers), Some(2));
        assert_eq!(best("text/html, */*;q=0.1", &offers), Some(0));
        assert_eq!(best("image/*;q=0.5, application/zip;q=0.6", &offers), Some(2));
        assert_eq!(best("*/*, image/webp;q=0", &offers), Some(1));
        assert_eq!(best("text/html", &offers), None);
        assert_eq!(best("", &offers), None);
    }
}
