//! "Did you mean …?"

/// The candidate nearest to `word`, if one is near enough: at most a third of its letters wrong, or one that only
/// differs in case, `-` and `_`, or one that begins with it.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_ascii_lowercase().replace(['-', ' ', '.'], "_");
    let wanted: String = plain(word).chars().take(64).collect();
    if wanted.is_empty() {
        return None;
    }
    candidates
        .into_iter()
        .filter_map(|candidate| {
            let distance = strsim::damerau_levenshtein(&wanted, &plain(candidate));
            let limit = wanted.chars().count().max(candidate.chars().count()).div_ceil(3);
            let begins = wanted.chars().count() >= 3 && candidate.starts_with(&wanted);
            (distance <= limit || begins).then_some((distance, candidate))
        })
        .min()
        .map(|(_, candidate)| candidate)
}

/// " did you mean `…`?", or the list of what there is if that is short.
pub(crate) fn hint(word: &str, candidates: &[&str]) -> String {
    if let Some(near) = nearest(word, candidates.iter().copied()) {
        return format!("; did you mean `{near}`?");
    }
    match candidates {
        [] => String::new(),
        [only] => format!("; there is only `{only}`"),
        _ => {
            let shown: Vec<_> = candidates.iter().take(24).map(|name| format!("`{name}`")).collect();
            let more = if candidates.len() > 24 { ", …" } else { "" };
            format!("; there are {}{more}", shown.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let keys = ["listen", "max_body_size", "shutdown_grace"];
        assert_eq!(nearest("lisen", keys), Some("listen"));
        assert_eq!(nearest("MaxBodySize", keys), Some("max_body_size"));
        assert_eq!(nearest("max-body-size", keys), Some("max_body_size"));
        assert_eq!(nearest("shutdown", keys), Some("shutdown_grace"));
        assert_eq!(nearest("colour", keys), None);
        assert_eq!(nearest("", keys), None);
    }
}
