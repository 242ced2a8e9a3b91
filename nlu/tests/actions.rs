//! The action runner against real HTTP servers that misbehave.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use hualu_core::Pii;
use hualu_nlu::action::{ActionRunner, RunnerError};
use hualu_nlu::bot::{Bot, Method};
use hualu_nlu::dialogue::{ActionFault, ActionRequest};
use hualu_proto::action::v1::action_server::{Action, ActionServer};
use hualu_proto::action::v1::{CallRequest, CallResponse};
use serde_json::json;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tonic::{Request, Response, Status};

async fn server() -> SocketAddr {
    let tries = Arc::new(AtomicU32::new(0));
    let router = Router::new()
        .route("/good", get(|| async { axum::Json(json!({"a": 1})) }))
        .route("/text", get(|| async { "not json" }))
        .route("/huge", get(|| async { "x".repeat(1 << 20) }))
        .route("/away", get(|| async { Redirect::temporary("/good") }))
        .route("/never", get(std::future::pending::<&'static str>))
        .route("/flaky", post(flaky))
        .with_state(tries);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// Fails twice, then answers with the key that it was sent.
async fn flaky(State(tries): State<Arc<AtomicU32>>, headers: HeaderMap) -> impl IntoResponse {
    if tries.fetch_add(1, Ordering::SeqCst) < 2 {
        return (StatusCode::SERVICE_UNAVAILABLE, axum::Json(json!(null)));
    }
    let key = headers.get("idempotency-key").and_then(|value| value.to_str().ok()).unwrap_or_default();
    (StatusCode::OK, axum::Json(json!({"key": key})))
}

fn runner(address: SocketAddr) -> ActionRunner {
    let backends = BTreeMap::from([("crm".to_owned(), format!("http://{address}"))]);
    ActionRunner::new(&backends, &[], 4).expect("a sound address")
}

fn request(url: String) -> ActionRequest {
    ActionRequest {
        id: 1,
        action: "test".to_owned(),
        method: Method::Get,
        url: url.into(),
        body: "{}".to_owned().into(),
        timeout: Duration::from_secs(10),
        retries: 0,
        idempotency: None,
        mock: None,
    }
}

#[tokio::test]
async fn answers_are_read_and_faults_are_told_apart() {
    let address = server().await;
    let runner = runner(address);
    let at = |path: &str| request(format!("http://{address}{path}"));
    assert_eq!(runner.run(&at("/good")).await, Ok(json!({"a": 1})));
    assert_eq!(runner.run(&at("/text")).await, Err(ActionFault::Unreadable));
    assert_eq!(runner.run(&at("/huge")).await, Err(ActionFault::Unreadable));
    assert_eq!(runner.run(&at("/missing")).await, Err(ActionFault::Status(404)));
    assert_eq!(runner.run(&at("/away")).await, Err(ActionFault::Status(307)), "redirects are not followed");
    let hasty = ActionRequest { timeout: Duration::from_millis(20), ..at("/never") };
    assert_eq!(runner.run(&hasty).await, Err(ActionFault::Timeout));
}

#[tokio::test]
async fn retries_keep_their_idempotency_key() {
    let address = server().await;
    let order = ActionRequest {
        method: Method::Post,
        retries: 2,
        idempotency: Some(Pii::new("call-1:order".to_owned())),
        ..request(format!("http://{address}/flaky"))
    };
    assert_eq!(runner(address).run(&order).await, Ok(json!({"key": "call-1:order"})));
    // The key names what was ordered, in Chinese; a header is ASCII.
    let order = ActionRequest { idempotency: Some(Pii::new("单".to_owned())), ..order };
    assert_eq!(runner(address).run(&order).await, Ok(json!({"key": "%E5%8D%95"})));
}

#[tokio::test]
async fn only_allowed_hosts_are_called() {
    let address = server().await;
    let other = server().await;
    let runner = runner(address);
    for url in [
        format!("http://{other}/good"),
        "http://169.254.169.254/".to_owned(),
        "file:///etc/passwd".to_owned(),
        "x".to_owned(),
    ] {
        assert_eq!(runner.run(&request(url)).await, Err(ActionFault::NotAllowed));
    }
}

#[tokio::test]
async fn more_requests_than_allowed_are_refused_at_once() {
    let address = server().await;
    let backends = BTreeMap::from([("crm".to_owned(), format!("http://{address}"))]);
    let runner = ActionRunner::new(&backends, &[], 0).expect("a sound address");
    assert_eq!(runner.run(&request(format!("http://{address}/good"))).await, Err(ActionFault::Overloaded));
}

/// A back end that answers what it was asked, but refuses and fails where it is told to.
struct Echo;

#[tonic::async_trait]
impl Action for Echo {
    async fn call(&self, request: Request<CallRequest>) -> Result<Response<CallResponse>, Status> {
        let asked = request.into_inner();
        match asked.method.as_str() {
            "Refuse" => return Err(Status::failed_precondition("no")),
            "Garble" => return Ok(Response::new(CallResponse { result_json: "{".to_owned() })),
            "Nothing" => return Ok(Response::new(CallResponse { result_json: String::new() })),
            "Never" => std::future::pending().await,
            _ => {}
        }
        let arguments: serde_json::Value = serde_json::from_str(&asked.arguments_json).expect("JSON");
        let result = json!({"service": asked.service, "fee": arguments["fee"], "key": asked.idempotency_key});
        Ok(Response::new(CallResponse { result_json: result.to_string() }))
    }
}

#[tokio::test]
async fn a_back_end_is_called_over_grpc() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
    tokio::spawn(
        tonic::transport::Server::builder().add_service(ActionServer::new(Echo)).serve_with_incoming(incoming),
    );
    let runner = runner(address);
    let at = |method: &str| ActionRequest {
        method: Method::Grpc,
        body: r#"{"fee":59}"#.to_owned().into(),
        idempotency: Some(Pii::new("call-1:order".to_owned())),
        ..request(format!("http://{address}/crm.Orders/{method}"))
    };
    let expected = json!({"service": "crm.Orders", "fee": 59, "key": "call-1:order"});
    assert_eq!(runner.run(&at("Renew")).await, Ok(expected));
    assert_eq!(runner.run(&at("Nothing")).await, Ok(json!(null)));
    assert_eq!(runner.run(&at("Garble")).await, Err(ActionFault::Unreadable));
    assert_eq!(runner.run(&at("Refuse")).await, Err(ActionFault::Refused(9)));
    let hasty = ActionRequest { timeout: Duration::from_millis(20), ..at("Never") };
    assert_eq!(runner.run(&hasty).await, Err(ActionFault::Timeout));
    let nameless = ActionRequest { method: Method::Grpc, ..request(format!("http://{address}/")) };
    assert_eq!(runner.run(&nameless).await, Err(ActionFault::NotAllowed));
}

#[test]
fn a_grpc_action_names_its_back_end_in_its_service() {
    let yaml = "
bot: {id: t, entry: main}
actions: {renew: {grpc: {service: crm.Orders, method: Renew}, safe: true}}
flows: {main: {steps: [{call: renew}]}}
";
    let bot = Bot::from_texts(&[("t.yaml", yaml)]).unwrap_or_else(|faults| panic!("{faults}"));
    assert!(bot.backends().contains("crm"));
    let faulty = yaml.replace("crm.Orders", "\"crm/../x\"");
    assert!(Bot::from_texts(&[("t.yaml", &faulty)]).expect_err("no service").to_string().contains("not a service"));
}

#[tokio::test]
async fn an_address_of_nobodys_back_end_is_refused_although_it_is_allowed() {
    let backends = BTreeMap::from([("crm".to_owned(), "http://169.254.169.254:80".to_owned())]);
    let runner = ActionRunner::new(&backends, &[], 4).expect("a sound address");
    for method in [Method::Get, Method::Grpc] {
        let asked = ActionRequest { method, ..request("http://169.254.169.254/a/b".to_owned()) };
        assert_eq!(runner.run(&asked).await, Err(ActionFault::NotAllowed));
    }
}

#[test]
fn an_address_that_is_none_is_refused_by_name() {
    let backends = BTreeMap::from([("crm".to_owned(), "crm.example".to_owned())]);
    assert!(matches!(ActionRunner::new(&backends, &[], 1), Err(RunnerError::Address { name, .. }) if name == "crm"));
}
