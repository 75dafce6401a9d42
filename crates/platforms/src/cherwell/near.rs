//! Names that are near to one that is missing: little differs, or they share a word.
//!
//! Limits: at most 3 names, of at most 100 characters.

use std::collections::BTreeSet;

/// Most names that are offered.
const OFFERED: usize = 3;
/// Longest name that is compared, in characters; comparing takes the product of both lengths.
const LONGEST: usize = 100;
/// How much of two names must be alike where they share no word.
const ALIKE: f64 = 0.6;
/// Shortest word that counts as shared, in characters.
const WORD: usize = 3;

/// A name at the site, and what people see for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate<'a> {
    pub(super) name: &'a str,
    pub(super) display_name: &'a str,
}

/// The names nearest to `wanted`, nearest first.
pub(super) fn nearest<'a>(wanted: &str, candidates: impl IntoIterator<Item = Candidate<'a>>) -> Vec<&'a str> {
    let wanted: String = wanted.chars().take(LONGEST).collect();
    let mut found: Vec<(f64, &str)> = Vec::new();
    for candidate in candidates {
        let by_name = nearness(&wanted, candidate.name);
        let by_display_name = nearness(&wanted, candidate.display_name);
        let near = match (by_name, by_display_name) {
            (Some(one), Some(other)) => one.max(other),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => continue,
        };
        let shown = if candidate.name.is_empty() { candidate.display_name } else { candidate.name };
        if !found.iter().any(|(_, other)| *other == shown) {
            found.push((near, shown));
        }
    }
    found.sort_by(|(one, a), (other, b)| other.total_cmp(one).then(a.cmp(b)));
    found.into_iter().take(OFFERED).map(|(_, name)| name).collect()
}

/// How near two names are, from 0 to 2; `None`: not at all.
fn nearness(wanted: &str, candidate: &str) -> Option<f64> {
    if candidate.is_empty() || candidate.chars().count() > LONGEST {
        return None;
    }
    let (ours, theirs) = (words(wanted), words(candidate));
    let alike = strsim::normalized_damerau_levenshtein(&ours.concat(), &theirs.concat());
    let distinct = |words: &[String]| -> BTreeSet<String> {
        words.iter().filter(|word| word.chars().count() >= WORD).cloned().collect()
    };
    let (ours, theirs) = (distinct(&ours), distinct(&theirs));
    let shared = ours.intersection(&theirs).count();
    let all = ours.union(&theirs).count();
    let share = if all == 0 { 0.0 } else { shared as f64 / all as f64 };
    (alike >= ALIKE || shared > 0).then_some(alike + share)
}

/// The words of a name in lower case: `ShortDescription`, `short_description` and `Short Description` have two.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut previous = ' ';
    for char in name.chars() {
        let begins = char.is_uppercase() && previous.is_lowercase();
        if begins || !char.is_alphanumeric() {
            words.push(String::new());
        }
        if let (true, Some(word)) = (char.is_alphanumeric(), words.last_mut()) {
            word.extend(char.to_lowercase());
        }
        previous = char;
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near<'a>(wanted: &str, names: &[&'a str]) -> Vec<&'a str> {
        nearest(wanted, names.iter().map(|name| Candidate { name, display_name: "" }))
    }

    #[test]
    fn near_names_are_found_nearest_first_and_far_ones_are_not() {
        let names = ["DedupeKey", "OriginId", "Description", "ShortDescription", "CloseDescription", "Status"];
        assert_eq!(near("DedupKey", &names), ["DedupeKey"]);
        assert_eq!(near("dedupe key", &names), ["DedupeKey"]);
        assert_eq!(near("Short Descripton", &names), ["ShortDescription", "CloseDescription", "Description"]);
        assert_eq!(near("Descripcion", &names), ["Description"]);
        assert_eq!(near("Work Order Number", &names), [""; 0]);
        assert_eq!(near("", &names), [""; 0]);
        let relationships = ["Incident Owns Journals", "Incident Owns Tasks", "Incident Owns Jounal Note", "Links to"];
        let found = near("Incident Owns Journal", &relationships);
        assert_eq!(found, ["Incident Owns Journals", "Incident Owns Jounal Note", "Incident Owns Tasks"]);
    }

    #[test]
    fn display_names_count_and_the_name_is_offered() {
        let field = Candidate { name: "CustomerRecID", display_name: "Customer ID" };
        assert_eq!(nearest("CustomerId", [field]), ["CustomerRecID"]);
        let only_displayed = Candidate { name: "", display_name: "Customer ID" };
        assert_eq!(nearest("CustomerId", [only_displayed, only_displayed]), ["Customer ID"]);
    }

    #[test]
    fn names_of_any_length_are_compared_in_no_time() {
        let long = "x".repeat(1_000_000);
        assert_eq!(near(&long, &[&long, "Status"]), [""; 0]);
    }
}
