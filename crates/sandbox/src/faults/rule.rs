//! A knob together with when and where it acts.

use serde_json::{Map, Value};

use super::knob_checks::MAX_MILLIS;
use super::{Catalogue, FaultError, Knob, OperationClass};

/// One fault rule. By default it acts on every call of the knob's usual operations until it is taken away.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// What goes wrong.
    pub knob: Knob,
    /// The platform on which it goes wrong; `None`: the one whose board it is put on, over HTTP SFyC.
    pub platform: Option<String>,
    /// The operations on which it goes wrong; empty: the knob's usual ones.
    pub operations: Vec<String>,
    /// The chance per matching call, 0 to 1.
    pub probability: f64,
    /// For how many more calls it goes wrong; `None`: until the rule is taken away.
    pub times: Option<u64>,
    /// How many milliseconds it goes wrong from the first time on; `None`: until the rule is taken away.
    pub for_ms: Option<u64>,
    /// The dedupe key of the items with which it goes wrong; `None`: of any item.
    pub dedupe_key: Option<String>,
}

impl From<Knob> for Rule {
    fn from(knob: Knob) -> Self {
        Self {
            knob,
            platform: None,
            operations: Vec::new(),
            probability: 1.0,
            times: None,
            for_ms: None,
            dedupe_key: None,
        }
    }
}

impl Rule {
    /// Limits the rule to an operation; call it again for a further one.
    #[must_use]
    pub fn on(mut self, operation: &str) -> Self {
        self.operations.push(operation.to_owned());
        self
    }

    /// Limits the rule to the next `times` calls on which it fires.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// Limits the rule to so many milliseconds from the first time on which it fires.
    #[must_use]
    pub fn for_ms(mut self, for_ms: u64) -> Self {
        self.for_ms = Some(for_ms);
        self
    }

    /// Limits the rule to items of this dedupe key.
    #[must_use]
    pub fn for_key(mut self, dedupe_key: &str) -> Self {
        self.dedupe_key = Some(dedupe_key.to_owned());
        self
    }

    /// Names the platform.
    #[must_use]
    pub fn at(mut self, platform: &str) -> Self {
        self.platform = Some(platform.to_owned());
        self
    }

    /// Lets the rule fire by chance only.
    #[must_use]
    pub fn probability(mut self, probability: f64) -> Self {
        self.probability = probability;
        self
    }

    /// Reads a rule. The members `id` and `fired`, which a listing adds, are accepted and ignored, so that a listing can
    /// be sent back.
    pub fn from_json(value: Value) -> Result<Self, FaultError> {
        let unreadable = |text: String| FaultError::Unreadable(text);
        let Value::Object(mut members) = value else {
            return Err(unreadable("it must be a JSON object with a member `knob`".to_owned()));
        };
        if !members.contains_key("knob") {
            return Err(unreadable("the member `knob` is missing".to_owned()));
        }
        members.remove("id");
        members.remove("fired");
        let platform = take(&mut members, "platform", "a text")?;
        let operations = take::<Vec<String>>(&mut members, "operations", "a list of texts")?.unwrap_or_default();
        let probability = take(&mut members, "probability", "a number")?.unwrap_or(1.0);
        let times = take(&mut members, "times", "a whole number")?;
        let for_ms = take(&mut members, "for_ms", "a whole number")?;
        let dedupe_key = take(&mut members, "dedupe_key", "a text")?;
        let knob = serde_json::from_value(Value::Object(members)).map_err(|error| unreadable(error.to_string()))?;
        Ok(Self { knob, platform, operations, probability, times, for_ms, dedupe_key })
    }

    /// Writes the rule, every member that is not at its default.
    pub fn to_json(&self) -> Map<String, Value> {
        let mut members = match serde_json::to_value(&self.knob) {
            Ok(Value::Object(members)) => members,
            _ => Map::new(),
        };
        if let Some(platform) = &self.platform {
            members.insert("platform".to_owned(), platform.as_str().into());
        }
        if !self.operations.is_empty() {
            members.insert("operations".to_owned(), self.operations.clone().into());
        }
        members.insert("probability".to_owned(), self.probability.into());
        if let Some(times) = self.times {
            members.insert("times".to_owned(), times.into());
        }
        if let Some(for_ms) = self.for_ms {
            members.insert("for_ms".to_owned(), for_ms.into());
        }
        if let Some(dedupe_key) = &self.dedupe_key {
            members.insert("dedupe_key".to_owned(), dedupe_key.as_str().into());
        }
        members
    }

    /// Checks the rule against its ranges and against the platform's operations.
    pub fn check(&self, catalogue: &Catalogue) -> Result<(), FaultError> {
        let knob = self.knob.name();
        self.knob.check()?;
        if !(0.0..=1.0).contains(&self.probability) {
            let problem = "must be between 0 and 1".to_owned();
            return Err(FaultError::OutOfRange { knob, field: "probability", problem });
        }
        if self.times == Some(0) {
            let problem = "must be at least 1".to_owned();
            return Err(FaultError::OutOfRange { knob, field: "times", problem });
        }
        if self.for_ms.is_some_and(|for_ms| !(1..=MAX_MILLIS).contains(&for_ms)) {
            let problem = format!("must be from 1 to {MAX_MILLIS}");
            return Err(FaultError::OutOfRange { knob, field: "for_ms", problem });
        }
        if let Some(name) = self.platform.as_deref().filter(|name| *name != catalogue.platform) {
            return Err(FaultError::UnknownPlatform { name: name.to_owned(), known: catalogue.platform.to_owned() });
        }
        let fits = |(_, class): &(&str, OperationClass)| self.knob.possible_classes().contains(class);
        if !catalogue.operations.iter().any(fits) || !self.knob.fits(catalogue.platform) {
            return Err(FaultError::UnfitPlatform { knob, platform: catalogue.platform });
        }
        for name in &self.operations {
            if !catalogue.class_of(name).is_some_and(|class| self.knob.possible_classes().contains(&class)) {
                let possible = self.possible_operations(catalogue);
                return Err(FaultError::UnfitOperation { knob, name: name.clone(), possible });
            }
        }
        Ok(())
    }

    /// Whether the rule is meant for this operation.
    pub(super) fn covers(&self, catalogue: &Catalogue, operation: &str) -> bool {
        if self.operations.is_empty() {
            let classes = self.usual_classes(catalogue);
            return catalogue.class_of(operation).is_some_and(|class| classes.contains(&class));
        }
        self.operations.iter().any(|name| name == operation)
    }

    /// The classes on which the knob acts by itself. A platform that has none of the usual ones, TIXNGO for instance where
    /// nothing is written, gets all possible ones, so that no rule is without effect.
    fn usual_classes(&self, catalogue: &Catalogue) -> &'static [OperationClass] {
        let usual = self.knob.usual_classes();
        let has_one = catalogue.operations.iter().any(|(_, class)| usual.contains(class));
        if has_one { usual } else { self.knob.possible_classes() }
    }

    fn possible_operations(&self, catalogue: &Catalogue) -> String {
        let possible = self.knob.possible_classes();
        let names: Vec<_> =
            catalogue.operations.iter().filter(|(_, class)| possible.contains(class)).map(|(name, _)| *name).collect();
        names.join(", ")
    }
}

/// Takes a member out of the object; absent and null are the same.
fn take<T: serde::de::DeserializeOwned>(
    members: &mut Map<String, Value>,
    name: &str,
    wanted: &str,
) -> Result<Option<T>, FaultError> {
    members
        .remove(name)
        .map_or(Ok(None), serde_json::from_value)
        .map_err(|_| FaultError::Unreadable(format!("the member `{name}` must be {wanted}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const CATALOGUE: Catalogue = Catalogue {
        platform: "sfyc",
        operations: &[("create_tickets", OperationClass::Create), ("find_tickets", OperationClass::Find)],
    };

    fn problem(value: Value) -> String {
        match Rule::from_json(value).and_then(|rule| rule.check(&CATALOGUE)) {
            Ok(()) => String::new(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_rule_survives_writing_and_reading() {
        let rule = Rule::from(Knob::ServerError { status: 500, effect: true }).on("create_tickets").times(3);
        assert_eq!(Rule::from_json(Value::Object(rule.to_json())), Ok(rule));
    }

    #[test]
    fn unknown_names_are_refused_with_the_right_ones() {
        assert!(problem(json!({"knob": "nonsense"})).contains("index_lag"));
        assert!(problem(json!({"knob": "index_lag", "ms": 5, "milliseconds": 5})).contains("milliseconds"));
        assert!(problem(json!({"knob": "forbidden", "extra": 1})).contains("extra"));
        assert!(problem(json!({"knob": "index_lag"})).contains("ms"));
        assert!(problem(json!({"ms": 5})).contains("knob"));
        assert!(problem(json!([])).contains("knob"));
        let unfit = problem(json!({"knob": "index_lag", "ms": 5, "operations": ["find_tickets"]}));
        assert!(unfit.contains("create_tickets") && unfit.contains("find_tickets"), "{unfit}");
        assert!(problem(json!({"knob": "forbidden", "operations": ["sing"]})).contains("sing"));
        assert!(problem(json!({"knob": "forbidden", "platform": "elsewhere"})).contains("elsewhere"));
    }

    #[test]
    fn values_out_of_range_are_refused() {
        for wrong in [
            json!({"knob": "forbidden", "probability": 1.5}),
            json!({"knob": "forbidden", "probability": "often"}),
            json!({"knob": "forbidden", "times": 0}),
            json!({"knob": "forbidden", "times": -1}),
            json!({"knob": "index_lag", "ms": 99_999_999}),
            json!({"knob": "answer_delay", "ms": 5, "max_ms": 4}),
            json!({"knob": "server_error", "status": 404}),
            json!({"knob": "html_answer", "status": 302}),
            json!({"knob": "poison_call", "text": "x", "status": 404}),
            json!({"knob": "poison_item", "text": ""}),
            json!({"knob": "partial_failure", "share": 2}),
            json!({"knob": "short_results", "drop": 0}),
            json!({"knob": "duplicated_results", "copies": 0}),
            json!({"knob": "empty_page", "from_page": 0}),
            json!({"knob": "too_many_requests", "retry_after_s": 90_000}),
            json!({"knob": "forbidden", "for_ms": 0}),
            json!({"knob": "forbidden", "dedupe_key": 5}),
            json!({"knob": "related_cut"}),
            json!({"knob": "origin_field", "change": "truncated"}),
            json!({"knob": "origin_field", "change": "dropped", "length": 4}),
        ] {
            assert_ne!(problem(wrong.clone()), "", "{wrong} must be refused");
        }
    }
}
