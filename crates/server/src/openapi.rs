//! The API's description: `OpenAPI` 3.1, made from the routes themselves. What is registered is described.
//!
//! The guard and the readers of bodies and parameters answer alike everywhere, so their problems are added here, and not
//! at each route. Events are a stream and are described in `docs/api.md` instead.

use axum::Extension;
use axum::Json;
use std::sync::Arc;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::schema::{KnownFormat, Object, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, Content, Info, OpenApi, OpenApiBuilder, Ref, RefOr, ResponseBuilder, Schema, SecurityRequirement,
};

use crate::extract::NoParams;

/// Name of the schema of a problem document.
const PROBLEM: &str = "Problem";

/// A description without routes.
pub(crate) fn empty() -> OpenApi {
    let mut info = Info::new("ticketbridge", env!("CARGO_PKG_VERSION"));
    info.description =
        Some(String::from("Tickets in step between systems that do not know each other. See docs/api.md."));
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    let components = ComponentsBuilder::new().schema(PROBLEM, problem()).security_scheme("token", bearer).build();
    OpenApiBuilder::new().info(info).components(Some(components)).build()
}

/// Adds what every route can answer.
pub(crate) fn complete(mut document: OpenApi) -> OpenApi {
    for (path, item) in &mut document.paths.paths {
        let names_something = path.contains('{');
        for (changes, operation) in operations(item) {
            add_problems(operation, names_something, changes);
            operation.security =
                Some(vec![SecurityRequirement::new("token", [] as [&str; 0]), SecurityRequirement::default()]);
        }
    }
    document
}

/// The operations of a path, and whether they change something.
fn operations(item: &mut PathItem) -> impl Iterator<Item = (bool, &mut Operation)> {
    let PathItem { get, post, put, patch, delete, .. } = item;
    let changing = [post, put, patch, delete].into_iter().flatten().map(|operation| (true, operation));
    get.iter_mut().map(|operation| (false, operation)).chain(changing)
}

fn add_problems(operation: &mut Operation, names_something: bool, changes: bool) {
    let has_body = operation.request_body.is_some();
    let possible = [
        ("400", "The request is not as this description says; `detail` says where.", true),
        ("401", "The token is missing or not valid.", true),
        ("403", "The caller may not do this.", true),
        ("404", "There is nothing of this name.", names_something || has_body),
        ("409", "Things are not as they must be for this; nothing was changed.", changes),
        ("413", "The body is too large; nothing of it was used.", has_body),
        ("415", "The body is declared as something that is not read here.", has_body),
        ("422", "The body can be read, and what it refers to cannot be used.", changes),
        ("429", "Too much at once; nothing was done. `Retry-After` says how long to wait.", true),
        ("503", "Something that this needs does not work at this moment.", true),
    ];
    for (status, description, _) in possible.into_iter().filter(|(_, _, applies)| *applies) {
        let content = Content::new(Some(Ref::from_schema_name(PROBLEM)));
        let response =
            ResponseBuilder::new().description(description).content("application/problem+json", content).build();
        operation.responses.responses.entry(status.to_owned()).or_insert(RefOr::T(response));
    }
}

/// A problem document (RFC 9457).
fn problem() -> RefOr<Schema> {
    let text =
        |description: &str| ObjectBuilder::new().schema_type(Type::String).description(Some(description)).build();
    let status = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int32)))
        .description(Some("The HTTP status."))
        .build();
    let object: Object = ObjectBuilder::new()
        .description(Some("What was wrong, and what to do (RFC 9457)."))
        .property("type", text("The page that explains it, or `about:blank`."))
        .required("type")
        .property("title", text("In few words."))
        .required("title")
        .property("status", status)
        .required("status")
        .property("code", text("The error code, where it has a page."))
        .property("detail", text("What was wrong, and where."))
        .required("detail")
        .property("what_to_do", text("What to do next."))
        .required("what_to_do")
        .build();
    RefOr::T(Schema::Object(object))
}

/// `GET /openapi.json`.
pub(crate) async fn show(Extension(document): Extension<Arc<OpenApi>>, _: NoParams) -> Json<OpenApi> {
    Json((*document).clone())
}
