//! Which operation a call is.

use http::Method;

use super::members::Members;
use crate::call::Call;
use crate::faults::{Catalogue, OperationClass};

/// The operations of Cherwell by the names that fault rules and counters use.
pub static CATALOGUE: Catalogue = Catalogue {
    platform: "cherwell",
    operations: &[
        ("token", OperationClass::Login),
        ("logout", OperationClass::Login),
        ("service_info", OperationClass::Health),
        ("set_culture", OperationClass::Describe),
        ("summary", OperationClass::Describe),
        ("schema", OperationClass::Describe),
        ("template", OperationClass::Describe),
        ("teams", OperationClass::Describe),
        ("save", OperationClass::Create),
        ("save_batch", OperationClass::Create),
        ("save_related", OperationClass::Create),
        ("read", OperationClass::Find),
        ("read_batch", OperationClass::Find),
        ("search", OperationClass::Search),
        ("get_related", OperationClass::Related),
        ("activities", OperationClass::Related),
        ("link", OperationClass::Update),
        ("unlink", OperationClass::Update),
        ("delete", OperationClass::Update),
    ],
};

/// One of the contract's operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// `POST /token`.
    Token,
    /// `DELETE /api/V1/logout`.
    Logout,
    /// `GET /api/V1/serviceinfo`.
    ServiceInfo,
    /// `PUT /api/V1/setculture/culturecode/…`.
    SetCulture,
    /// `GET /api/V1/getbusinessobjectsummary/…` and `…summaries/type/…`.
    Summary,
    /// `GET /api/V1/getbusinessobjectschema/…`.
    Schema,
    /// `POST /api/V1/getbusinessobjecttemplate`.
    Template,
    /// `GET /api/V2/getteams`.
    Teams,
    /// `POST /api/V1/savebusinessobject`.
    Save,
    /// `POST /api/V1/savebusinessobjectbatch`.
    SaveBatch,
    /// `POST /api/V1/saverelatedbusinessobject`.
    SaveRelated,
    /// `GET /api/V1/getbusinessobject/…`.
    Read,
    /// `POST /api/V1/getbusinessobjectbatch`.
    ReadBatch,
    /// `POST /api/V1/getsearchresults`.
    Search,
    /// `POST` and `GET /api/V1/getrelatedbusinessobject`.
    GetRelated,
    /// `GET /api/V1/getactivities/…`.
    Activities,
    /// `GET /api/V1|V2/linkrelatedbusinessobject/…`.
    Link,
    /// `DELETE /api/V1/unlinkrelatedbusinessobject/…`.
    Unlink,
    /// `DELETE /api/V1/deletebusinessobject/…`.
    Delete,
}

impl Operation {
    /// The operation's name in fault rules and counters.
    pub fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Logout => "logout",
            Self::ServiceInfo => "service_info",
            Self::SetCulture => "set_culture",
            Self::Summary => "summary",
            Self::Schema => "schema",
            Self::Template => "template",
            Self::Teams => "teams",
            Self::Save => "save",
            Self::SaveBatch => "save_batch",
            Self::SaveRelated => "save_related",
            Self::Read => "read",
            Self::ReadBatch => "read_batch",
            Self::Search => "search",
            Self::GetRelated => "get_related",
            Self::Activities => "activities",
            Self::Link => "link",
            Self::Unlink => "unlink",
            Self::Delete => "delete",
        }
    }

    /// Whether it needs a token.
    pub(super) fn needs_token(self) -> bool {
        !matches!(self, Self::Token | Self::ServiceInfo)
    }
}

/// An operation with the members that its path names.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) operation: Operation,
    /// 1 for V1, 2 for V2.
    pub(super) version: u8,
    /// The members of the path, for instance `busobid`, and those of the query.
    pub(super) members: Members,
}

/// Why a call is no operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Miss {
    /// The path does not exist.
    Path,
    /// The path exists, but only with this method.
    Method { allowed: &'static str },
}

/// Method, versions, path; `{}` takes the value of the part before it, `{name}` is one alone.
const ROUTES: &[(Operation, &str, &[u8], &str)] = &[
    (Operation::Logout, "DELETE", &[1], "logout"),
    (Operation::ServiceInfo, "GET", &[1], "serviceinfo"),
    (Operation::SetCulture, "PUT", &[1], "setculture/culturecode/{}"),
    (Operation::Summary, "GET", &[1], "getbusinessobjectsummary/busobname/{}"),
    (Operation::Summary, "GET", &[1], "getbusinessobjectsummary/busobid/{}"),
    (Operation::Summary, "GET", &[1], "getbusinessobjectsummaries/type/{}"),
    (Operation::Schema, "GET", &[1], "getbusinessobjectschema/busobid/{}"),
    (Operation::Template, "POST", &[1], "getbusinessobjecttemplate"),
    (Operation::Teams, "GET", &[1, 2], "getteams"),
    (Operation::Save, "POST", &[1], "savebusinessobject"),
    (Operation::SaveBatch, "POST", &[1], "savebusinessobjectbatch"),
    (Operation::SaveRelated, "POST", &[1], "saverelatedbusinessobject"),
    (Operation::Read, "GET", &[1], "getbusinessobject/busobid/{}/busobrecid/{}"),
    (Operation::Read, "GET", &[1], "getbusinessobject/busobid/{}/publicid/{}"),
    (Operation::ReadBatch, "POST", &[1], "getbusinessobjectbatch"),
    (Operation::Search, "POST", &[1], "getsearchresults"),
    (Operation::GetRelated, "POST", &[1], "getrelatedbusinessobject"),
    (
        Operation::GetRelated,
        "GET",
        &[1],
        "getrelatedbusinessobject/parentbusobid/{}/parentbusobrecid/{}/relationshipid/{}",
    ),
    (
        Operation::GetRelated,
        "GET",
        &[1],
        "getrelatedbusinessobject/parentbusobid/{}/parentbusobrecid/{}/relationshipid/{}/gridid/{}",
    ),
    (Operation::Activities, "GET", &[1], "getactivities/busobid/{}/busobrecid/{}/pagesize/{}"),
    (
        Operation::Link,
        "GET",
        &[1, 2],
        "linkrelatedbusinessobject/parentbusobid/{}/parentbusobrecid/{}/relationshipid/{}/busobid/{}/busobrecid/{}",
    ),
    (
        Operation::Unlink,
        "DELETE",
        &[1],
        "unlinkrelatedbusinessobject/parentbusobid/{}/parentbusobrecid/{}/relationshipid/{}/busobid/{}/busobrecid/{}",
    ),
    (Operation::Delete, "DELETE", &[1], "deletebusinessobject/busobid/{}/busobrecid/{}"),
    (Operation::Delete, "DELETE", &[1], "deletebusinessobject/busobid/{}/publicid/{}"),
];

impl Route {
    /// Finds the operation; slashes may be doubled, the case of the path does not count, a slash may stand at its end.
    pub(super) fn of(call: &Call) -> Result<Self, Miss> {
        let parts: Vec<&str> = call.path.split('/').filter(|part| !part.is_empty()).collect();
        let is = |place: usize, name: &str| parts.get(place).is_some_and(|part| part.eq_ignore_ascii_case(name));
        let version = match parts.get(1) {
            Some(part) if part.eq_ignore_ascii_case("v1") => 1,
            Some(part) if part.eq_ignore_ascii_case("v2") => 2,
            _ => 0,
        };
        let is_token = (parts.len() == 1 && is(0, "token"))
            || (parts.len() == 3 && is(0, "api") && version == 1 && is(2, "token"));
        if is_token {
            if call.method != Method::POST {
                return Err(Miss::Method { allowed: "POST" });
            }
            return Ok(Self { operation: Operation::Token, version: 1, members: Members::default() });
        }
        if !is(0, "api") || version == 0 {
            return Err(Miss::Path);
        }
        let mut miss = Miss::Path;
        for (operation, method, versions, pattern) in ROUTES {
            let Some(values) = matched(pattern, &parts[2..]).filter(|_| versions.contains(&version)) else { continue };
            if call.method.as_str() != *method {
                miss = Miss::Method { allowed: method };
                continue;
            }
            let mut members = Members::of_pairs(call.query.clone());
            for (name, value) in values {
                members.set(name, value);
            }
            return Ok(Self { operation: *operation, version, members });
        }
        Err(miss)
    }
}

/// The values of a path that fits a pattern, each with the name before it.
fn matched<'a>(pattern: &'static str, parts: &[&'a str]) -> Option<Vec<(&'static str, &'a str)>> {
    let mut values = Vec::new();
    let mut name = "";
    let mut given = parts.iter();
    for wanted in pattern.split('/') {
        let part = given.next()?;
        if wanted == "{}" {
            values.push((name, *part));
        } else if !part.eq_ignore_ascii_case(wanted) {
            return None;
        }
        name = wanted;
    }
    given.next().is_none().then_some(values)
}
