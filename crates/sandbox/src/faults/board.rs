//! The rules of one platform, and drawing which of them fire on a call.

use std::collections::BTreeMap;

use rand::{Rng, RngExt};
use serde_json::Value;

use super::{Catalogue, FaultError, Knob, Rule};
use crate::clock::Millis;

/// The most rules that a board holds.
pub const MAX_RULES: usize = 100;

/// The active fault rules of one platform.
#[derive(Debug)]
pub struct FaultBoard {
    catalogue: &'static Catalogue,
    active: Vec<Active>,
    next_id: u64,
    fired: BTreeMap<&'static str, u64>,
}

#[derive(Debug)]
struct Active {
    id: u64,
    rule: Rule,
    fired: u64,
    /// When the rule ends, once it has fired and if it ends by time.
    ends_at: Option<Millis>,
}

/// The faults that act on one call.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Fired {
    /// The one knob that decides the whole answer.
    pub outcome: Option<Knob>,
    /// The knobs that change the answer or the effect.
    pub twists: Vec<Twist>,
}

/// A knob that changes the answer or the effect.
#[derive(Debug, Clone, PartialEq)]
pub struct Twist {
    /// What goes wrong.
    pub knob: Knob,
    /// The dedupe key of the items with which it goes wrong; `None`: of any item.
    pub dedupe_key: Option<String>,
}

impl FaultBoard {
    /// A board without rules.
    pub fn new(catalogue: &'static Catalogue) -> Self {
        Self { catalogue, active: Vec::new(), next_id: 1, fired: BTreeMap::new() }
    }

    /// Adds a rule after those that are there; answers its id.
    pub fn add(&mut self, rule: impl Into<Rule>) -> Result<u64, FaultError> {
        let rule = rule.into();
        rule.check(self.catalogue)?;
        if self.active.len() >= MAX_RULES {
            return Err(FaultError::Full);
        }
        let id = self.next_id;
        self.next_id += 1;
        self.active.push(Active { id, rule, fired: 0, ends_at: None });
        Ok(id)
    }

    /// Adds all rules or, if one is wrong, none.
    pub fn add_all(&mut self, rules: Vec<Rule>) -> Result<Vec<u64>, FaultError> {
        self.check(&rules, false)?;
        rules.into_iter().map(|rule| self.add(rule)).collect()
    }

    /// Checks rules as [`add_all`](Self::add_all) or, if they are to take the place of all others,
    /// [`replace`](Self::replace) would, and changes nothing.
    pub fn check(&self, rules: &[Rule], replacing: bool) -> Result<(), FaultError> {
        let before = if replacing { 0 } else { self.active.len() };
        rules.iter().try_for_each(|rule| rule.check(self.catalogue))?;
        if before + rules.len() > MAX_RULES { Err(FaultError::Full) } else { Ok(()) }
    }

    /// Puts these rules in the place of all others or, if one is wrong, changes nothing.
    pub fn replace(&mut self, rules: Vec<Rule>) -> Result<Vec<u64>, FaultError> {
        let before = std::mem::take(&mut self.active);
        let added = self.add_all(rules);
        if added.is_err() {
            self.active = before;
        }
        added
    }

    /// Takes away the rules that have this id and this knob; `None` fits every rule. Answers how many there were.
    pub fn remove(&mut self, id: Option<u64>, knob: Option<&str>) -> usize {
        let before = self.active.len();
        self.active.retain(|active| {
            id.is_some_and(|id| id != active.id) || knob.is_some_and(|knob| knob != active.rule.knob.name())
        });
        before - self.active.len()
    }

    /// Takes away all rules and forgets what fired.
    pub fn clear(&mut self) {
        *self = Self::new(self.catalogue);
    }

    /// How often each knob fired, also of rules that are gone.
    pub fn fired(&self) -> &BTreeMap<&'static str, u64> {
        &self.fired
    }

    /// The platform's operations.
    pub fn catalogue(&self) -> &'static Catalogue {
        self.catalogue
    }

    /// The rules as JSON, with `id`, `platform` and how often each `fired`; `times` is what is left of it.
    pub fn to_json(&self) -> Vec<Value> {
        let listed = self.active.iter().map(|active| {
            let mut members = active.rule.to_json();
            members.insert("id".to_owned(), active.id.into());
            members.insert("platform".to_owned(), self.catalogue.platform.into());
            members.insert("fired".to_owned(), active.fired.into());
            Value::Object(members)
        });
        listed.collect()
    }

    /// Draws the faults of one call. `concerns` says whether a knob can act on this very call (a poison text is in it, the
    /// connection was used before, an item has the dedupe key…); where it cannot, the rule is not used up.
    pub fn draw(
        &mut self,
        now: Millis,
        operation: &str,
        dice: &mut dyn Rng,
        concerns: impl Fn(&Rule) -> bool,
    ) -> Fired {
        self.active.retain(|active| active.ends_at.is_none_or(|end| now < end));
        let mut drawn = Fired::default();
        for active in &mut self.active {
            let rule = &active.rule;
            if (rule.knob.is_exclusive() && drawn.outcome.is_some())
                || !rule.covers(self.catalogue, operation)
                || !concerns(rule)
                || (rule.probability < 1.0 && !dice.random_bool(rule.probability))
            {
                continue;
            }
            active.fired += 1;
            *self.fired.entry(rule.knob.name()).or_default() += 1;
            if rule.knob.is_exclusive() {
                drawn.outcome = Some(rule.knob.clone());
            } else {
                drawn.twists.push(Twist { knob: rule.knob.clone(), dedupe_key: rule.dedupe_key.clone() });
            }
            if active.ends_at.is_none() {
                active.ends_at = rule.for_ms.map(|for_ms| now + for_ms as Millis);
            }
            if let Some(times) = &mut active.rule.times {
                *times -= 1;
            }
        }
        self.active.retain(|active| active.rule.times != Some(0));
        drawn
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::faults::OperationClass;

    static CATALOGUE: Catalogue = Catalogue {
        platform: "sfyc",
        operations: &[("create_tickets", OperationClass::Create), ("find_tickets", OperationClass::Find)],
    };

    fn board() -> (FaultBoard, ChaCha8Rng) {
        (FaultBoard::new(&CATALOGUE), ChaCha8Rng::seed_from_u64(1))
    }

    #[test]
    fn a_rule_with_times_is_gone_after_so_many_matching_calls() {
        let (mut board, mut dice) = board();
        board.add(Rule::from(Knob::Forbidden {}).on("create_tickets").times(2)).unwrap();
        let mut fires = |operation: &str| board.draw(0, operation, &mut dice, |_| true).outcome.is_some();
        assert!(fires("create_tickets"));
        assert!(!fires("find_tickets"), "another operation does not use it up");
        assert!(fires("create_tickets"));
        assert!(!fires("create_tickets"));
        assert_eq!(board.fired()["forbidden"], 2);
        assert!(board.to_json().is_empty());
    }

    #[test]
    fn a_call_that_is_not_concerned_uses_nothing_up() {
        let (mut board, mut dice) = board();
        board.add(Rule::from(Knob::KeepAliveClosed {}).times(1)).unwrap();
        assert_eq!(board.draw(0, "find_tickets", &mut dice, |_| false), Fired::default());
        assert!(board.draw(0, "find_tickets", &mut dice, |_| true).outcome.is_some());
    }

    #[test]
    fn only_the_first_deciding_rule_is_used() {
        let (mut board, mut dice) = board();
        board.add(Rule::from(Knob::Forbidden {}).times(1)).unwrap();
        board.add(Rule::from(Knob::TokenRevoked {}).times(1)).unwrap();
        let first = board.draw(0, "find_tickets", &mut dice, |_| true);
        let second = board.draw(0, "find_tickets", &mut dice, |_| true);
        assert_eq!(first.outcome, Some(Knob::Forbidden {}));
        assert_eq!(second.outcome, Some(Knob::TokenRevoked {}));
    }

    #[test]
    fn chance_follows_the_dice_alone() {
        let draw = || {
            let (mut board, mut dice) = board();
            board.add(Rule::from(Knob::Forbidden {}).probability(0.3)).unwrap();
            (0..1_000).map(|_| board.draw(0, "find_tickets", &mut dice, |_| true).outcome.is_some()).collect::<Vec<_>>()
        };
        let fired = draw().iter().filter(|fired| **fired).count();
        assert_eq!(draw(), draw());
        assert!((200..400).contains(&fired), "{fired} of 1000 at probability 0.3");
    }

    #[test]
    fn a_rule_with_a_span_ends_that_long_after_it_fired_first() {
        let (mut board, mut dice) = board();
        board.add(Rule::from(Knob::Forbidden {}).for_ms(100)).unwrap();
        let mut fires = |now| board.draw(now, "find_tickets", &mut dice, |_| true).outcome.is_some();
        assert!(fires(5_000), "the span begins with the first call");
        assert!(fires(5_099));
        assert!(!fires(5_100));
        assert!(board.to_json().is_empty());
    }

    #[test]
    fn a_wrong_rule_changes_nothing() {
        let (mut board, _) = board();
        board.add(Knob::Forbidden {}).unwrap();
        let wrong = vec![Knob::TokenRevoked {}.into(), Knob::ServerError { status: 200, effect: false }.into()];
        assert!(board.replace(wrong).is_err());
        assert_eq!(board.to_json().len(), 1);
        assert_eq!(board.replace(vec![Knob::TokenRevoked {}.into()]), Ok(vec![2]));
        let many = (0..MAX_RULES).map(|_| Knob::Forbidden {}.into()).collect();
        assert_eq!(board.add_all(many), Err(FaultError::Full));
        assert_eq!(board.remove(None, Some("forbidden")), 0);
        assert_eq!(board.remove(Some(2), None), 1);
    }
}
