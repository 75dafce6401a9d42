//! Names that are near to one that is missing: little differs, or they share a word.
//!
//! Limits: at most 3 names, of at most 100 characters; the first 5,000 of the site are compared.

use std::collections::BTreeSet;

/// Most names that are offered.
const OFFERED: usize = 3;
/// Longest name that is compared, in characters; comparing takes the product of both lengths.
const LONGEST: usize = 100;
/// Most names that are compared: more than any blueprint has of a sort.
const COMPARED: usize = 5_000;
/// How much of two names must be alike where they share no word.
const ALIKE: f64 = 0.6;
/// How much must be alike for a slip of the pen: then only such names are offered.
const SLIP: f64 = 0.85;
/// Shortest word that counts as shared, in characters.
const WORD: usize = 3;

/// A name at the site, and what people see for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate<'a> {
    pub(super) name: &'a str,
    pub(super) display_name: &'a str,
}

/// How near two names are.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Nearness {
    /// How much of their letters is the same, from 0 to 1.
    alike: f64,
    /// How many of their words are the same, from 0 to 1.
    shared: f64,
}

/// The names nearest to `wanted`, nearest first.
pub(super) fn nearest<'a>(wanted: &str, candidates: impl IntoIterator<Item = Candidate<'a>>) -> Vec<&'a str> {
    let wanted: String = wanted.chars().take(LONGEST).collect();
    let mut found: Vec<(Nearness, &str)> = Vec::new();
    for candidate in candidates.into_iter().take(COMPARED) {
        let both = [candidate.name, candidate.display_name].map(|name| nearness(&wanted, name));
        let Some(near) = both.into_iter().flatten().max_by(|one, other| one.total().total_cmp(&other.total())) else {
            continue;
        };
        let shown = if candidate.name.is_empty() { candidate.display_name } else { candidate.name };
        found.push((near, shown));
    }
    if found.iter().any(|(near, _)| near.alike >= SLIP) {
        found.retain(|(near, _)| near.alike >= SLIP);
    }
    found.sort_by(|(one, a), (other, b)| other.total().total_cmp(&one.total()).then(a.cmp(b)));
    let mut offered: Vec<&str> = Vec::new();
    for (_, name) in found {
        if offered.len() < OFFERED && !offered.contains(&name) {
            offered.push(name);
        }
    }
    offered
}

impl Nearness {
    fn total(self) -> f64 {
        self.alike + self.shared
    }
}

/// How near two names are; `None`: not at all.
fn nearness(wanted: &str, candidate: &str) -> Option<Nearness> {
    if candidate.is_empty() || candidate.chars().count() > LONGEST {
        return None;
    }
    let (ours, theirs) = (words(wanted), words(candidate));
    let alike = strsim::normalized_damerau_levenshtein(&ours.concat(), &theirs.concat());
    let distinct = |words: &[String]| -> BTreeSet<String> {
        words.iter().filter(|word| word.chars().count() >= WORD).cloned().collect()
    };
    let (ours, theirs) = (distinct(&ours), distinct(&theirs));
    let all = ours.union(&theirs).count().max(1);
    let shared = ours.intersection(&theirs).count() as f64 / all as f64;
    (alike >= ALIKE || shared > 0.0).then_some(Nearness { alike, shared })
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
        assert_eq!(near("Short Descripton", &names), ["ShortDescription"]);
        assert_eq!(near("BriefDescription", &names), ["Description", "CloseDescription", "ShortDescription"]);
        assert_eq!(near("Work Order Number", &names), [""; 0]);
        assert_eq!(near("", &names), [""; 0]);
        let relationships = ["Incident Owns Journals", "Incident Owns Tasks", "Incident Owns Jounal Note", "Links to"];
        assert_eq!(near("Incident Owns Journal", &relationships), ["Incident Owns Journals"]);
        assert_eq!(near("Incident Has Tasks", &relationships).first(), Some(&"Incident Owns Tasks"));
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
