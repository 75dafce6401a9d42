//! Login, paths and methods.

use http::Method;
use ticketbridge_sandbox::{Act, Call, TOKEN};

use crate::support::{Platform, items, post, ticket};

#[test]
fn without_login_nothing_is_answered_and_nothing_is_done() {
    let mut platform = Platform::new();
    let write = post("/tickets", &items([ticket("a")]));
    for authorization in [None, Some("Bearer wrong"), Some("Basic d3Jvbmc6d3Jvbmc="), Some("sandbox-only")] {
        let call = Call { authorization: authorization.map(str::to_owned), ..write.clone() };
        assert_eq!(platform.refusal(&call), (401, "UNAUTHORIZED".to_owned()), "{authorization:?}");
    }
    assert_eq!(platform.stats().tickets, 0);
    assert_eq!(platform.stats().traffic.answers["401"], 4);
    assert!(!platform.stats().traffic.operations.contains_key("create_tickets"));
}

#[test]
fn a_basic_login_with_any_user_works_too() {
    let mut platform = Platform::new();
    let basic = Some("Basic YW55b25lOnNhbmRib3gtb25seQ==".to_owned());
    let call = Call { authorization: basic, ..Call::new(Method::GET, "/health") };
    assert_eq!(platform.call(&call).0, 200);
}

#[test]
fn the_login_refusal_names_the_ways_to_log_in() {
    let mut platform = Platform::new();
    let acts = platform.acts(&Call::new(Method::GET, "/health"));
    let [(_, Act::Reply(reply))] = acts.as_slice() else { panic!("one reply, not {acts:?}") };
    assert_eq!(reply.headers[0].0, "www-authenticate");
}

#[test]
fn unknown_paths_are_404_and_wrong_methods_405_with_the_right_ones() {
    let mut platform = Platform::new();
    for path in ["", "/", "/ticket", "/tickets/", "/tickets/T00000001", "/v1/tickets"] {
        let call = Call::new(Method::GET, path).with_bearer(TOKEN);
        assert_eq!(platform.refusal(&call), (404, "NOT_FOUND".to_owned()), "{path}");
    }
    for (method, path, allowed) in [
        (Method::DELETE, "/tickets", "GET, POST"),
        (Method::PUT, "/notes", "GET, POST"),
        (Method::PATCH, "/work-orders", "GET, POST"),
        (Method::GET, "/tickets/work-order", "POST"),
        (Method::POST, "/health", "GET"),
    ] {
        let call = Call::new(method, path).with_bearer(TOKEN);
        assert_eq!(platform.refusal(&call), (405, "METHOD_NOT_ALLOWED".to_owned()), "{path}");
        let acts = platform.acts(&call);
        let [(_, Act::Reply(reply))] = acts.as_slice() else { panic!("one reply, not {acts:?}") };
        assert_eq!(reply.headers, [("allow", allowed.to_owned())], "{path}");
    }
}
