//! A small HTTP server that plays the carrier's systems (customers and lines) for demos and tests.
//!
//! It keeps accounts, orders and tickets in memory, so that what a call changes can be looked up afterwards, and it
//! honours `Idempotency-Key`: the same order sent twice is placed once.

mod campaign;
mod desk;
mod network;
mod visits;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;

/// Accounts, and orders, that are kept; the oldest make room.
const KEPT_MAX: usize = 1_024;
const PLANS: [i64; 4] = [29, 39, 59, 129];

/// The base addresses of the back ends that the mock at `address` plays: `crm`, `oss` and `campaign`.
#[must_use]
pub fn addresses(address: SocketAddr) -> BTreeMap<String, String> {
    let at = |name: &str| (name.to_owned(), format!("http://{address}/{name}"));
    BTreeMap::from([at("crm"), at("oss"), at("campaign")])
}

/// Starts the mock; it runs until the process ends. The address that was bound.
///
/// # Errors
/// When `listen` cannot be bound.
pub async fn start(listen: SocketAddr) -> std::io::Result<SocketAddr> {
    start_slow(listen, Duration::ZERO).await
}

/// Starts a mock that takes `delay` for each answer, as a busy system would.
///
/// # Errors
/// When `listen` cannot be bound.
pub async fn start_slow(listen: SocketAddr, delay: Duration) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind(listen).await?;
    let bound = listener.local_addr()?;
    let shared = Shared { books: Arc::default(), delay };
    let router = router(shared.clone())
        .merge(campaign::router(shared.clone()))
        .merge(desk::router(shared.clone()))
        .merge(network::router(shared.clone()))
        .merge(visits::router(shared));
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "the mock back end ended");
        }
    });
    Ok(bound)
}

#[derive(Clone)]
struct Shared {
    books: Arc<Mutex<Books>>,
    delay: Duration,
}

/// An order or a ticket, as `GET /orders` lists it.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Order {
    /// Six digits.
    pub id: String,
    /// `plan_change`, `ticket`, `complaint`, `sms`, `service`, `suspend`, `card` and so on.
    pub kind: String,
    /// What was ordered.
    pub what: String,
}

#[derive(Default)]
struct Books {
    accounts: VecDeque<(String, Account)>,
    orders: VecDeque<(Option<String>, Order)>,
    placed: u32,
    /// Whose case is which order; the oldest make room.
    cases: VecDeque<(String, String)>,
}

#[derive(Clone)]
struct Account {
    balance_cents: i64,
    data_left_mb: i64,
    minutes_left: i64,
    fee: i64,
    next_fee: Option<i64>,
}

impl Account {
    /// What a number's account holds before anything is changed; the same for the same number.
    fn of(number: &str) -> Self {
        let sum = number.bytes().fold(7_i64, |sum, byte| (sum * 31 + i64::from(byte)) % 9_973);
        Self {
            balance_cents: 1_000 + sum % 9_000 / 10 * 10,
            data_left_mb: 512 + sum % 40 * 256,
            minutes_left: 20 + sum % 180,
            fee: 39,
            next_fee: None,
        }
    }
}

impl Books {
    fn account(&mut self, number: &str) -> &mut Account {
        let at = self.accounts.iter().position(|(known, _)| known == number).unwrap_or_else(|| {
            if self.accounts.len() == KEPT_MAX {
                self.accounts.pop_front();
            }
            self.accounts.push_back((number.to_owned(), Account::of(number)));
            self.accounts.len() - 1
        });
        &mut self.accounts[at].1
    }

    /// Places an order once for each key; says whether it is new.
    fn place(&mut self, key: Option<String>, kind: &str, what: String) -> (Order, bool) {
        let known = self.orders.iter().find(|(placed, _)| key.is_some() && *placed == key);
        if let Some((_, order)) = known {
            return (order.clone(), false);
        }
        self.placed += 1;
        if self.orders.len() == KEPT_MAX {
            self.orders.pop_front();
        }
        let id = format!("{:06}", (260_317 + u64::from(self.placed) * 7) % 1_000_000);
        let order = Order { id, kind: kind.to_owned(), what };
        self.orders.push_back((key, order.clone()));
        (order, true)
    }

    /// Places an order that somebody works on afterwards.
    fn open_case(&mut self, key: Option<String>, kind: &str, what: String, number: &str) -> Order {
        let (order, is_new) = self.place(key, kind, what);
        if is_new {
            if self.cases.len() == KEPT_MAX {
                self.cases.pop_front();
            }
            self.cases.push_back((number.to_owned(), order.id.clone()));
        }
        order
    }

    /// The newest case of a number.
    fn newest_case(&self, number: &str) -> Option<String> {
        self.cases.iter().rev().find(|(of, _)| of == number).map(|(_, id)| id.clone())
    }
}

impl Shared {
    async fn books<T>(&self, work: impl FnOnce(&mut Books) -> T) -> T {
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
        work(&mut self.books.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

type Answer = Result<Json<Value>, StatusCode>;

fn router(shared: Shared) -> Router {
    Router::new()
        .route("/crm/balance", get(balance))
        .route("/crm/usage", get(usage))
        .route("/crm/plan", get(plan))
        .route("/crm/bill", get(bill))
        .route("/crm/plan/check", post(check_plan))
        .route("/crm/plan/change", post(change_plan))
        .route("/crm/sms", post(sms))
        .route("/crm/complaint", post(complaint))
        .route("/oss/line", get(line))
        .route("/oss/test", post(test_line))
        .route("/oss/reset", post(reset_line))
        .route("/oss/ticket", post(ticket))
        .route("/orders", get(orders))
        .with_state(shared)
}

#[derive(Deserialize)]
struct Customer {
    msisdn: String,
}

fn yuan(cents: i64) -> Value {
    #[expect(clippy::cast_precision_loss, reason = "amounts of a phone bill")]
    let yuan = cents as f64 / 100.0;
    if cents % 100 == 0 { json!(cents / 100) } else { json!(yuan) }
}

fn size(mb: i64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "amounts of a data plan")]
    let gb = (mb as f64 / 102.4).round() / 10.0;
    if mb < 1_024 { format!("{mb}MB") } else { format!("{gb}GB") }
}

async fn balance(State(shared): State<Shared>, Query(customer): Query<Customer>) -> Answer {
    let cents = shared.books(|books| books.account(&customer.msisdn).balance_cents).await;
    Ok(Json(json!({"balance": yuan(cents.abs()), "arrears": cents < 0})))
}

async fn usage(State(shared): State<Shared>, Query(customer): Query<Customer>) -> Answer {
    let account = shared.books(|books| books.account(&customer.msisdn).clone()).await;
    Ok(Json(json!({"data_left": size(account.data_left_mb), "minutes_left": account.minutes_left})))
}

async fn plan(State(shared): State<Shared>, Query(customer): Query<Customer>) -> Answer {
    let account = shared.books(|books| books.account(&customer.msisdn).clone()).await;
    let (data, minutes) = match account.fee {
        29 => ("5GB", 100),
        39 => ("10GB", 150),
        59 => ("20GB", 300),
        _ => ("60GB", 800),
    };
    Ok(Json(json!({"fee": account.fee, "next_fee": account.next_fee, "data": data, "minutes": minutes})))
}

async fn bill(State(shared): State<Shared>, Query(customer): Query<Customer>) -> Answer {
    let account = shared.books(|books| books.account(&customer.msisdn).clone()).await;
    let extra = if account.minutes_left % 2 == 0 { 950 } else { 500 };
    let total = account.fee * 100 + extra;
    Ok(Json(json!({
        "month": 10, "total": yuan(total), "plan_fee": account.fee, "extra": yuan(extra), "extra_name": "流量加油包",
    })))
}

#[derive(Deserialize)]
struct PlanOrder {
    msisdn: String,
    fee: i64,
}

async fn check_plan(State(shared): State<Shared>, Json(order): Json<PlanOrder>) -> Answer {
    if !PLANS.contains(&order.fee) {
        return Err(StatusCode::NOT_FOUND);
    }
    let account = shared.books(|books| books.account(&order.msisdn).clone()).await;
    let current = account.next_fee.unwrap_or(account.fee);
    Ok(Json(json!({"current": current, "effective": "下月一号", "penalty": 0})))
}

async fn change_plan(State(shared): State<Shared>, headers: HeaderMap, Json(order): Json<PlanOrder>) -> Answer {
    if !PLANS.contains(&order.fee) {
        return Err(StatusCode::NOT_FOUND);
    }
    let key = key(&headers);
    let placed = shared
        .books(|books| {
            let (placed, is_new) = books.place(key, "plan_change", order.fee.to_string());
            if is_new {
                books.account(&order.msisdn).next_fee = Some(order.fee);
            }
            placed
        })
        .await;
    Ok(Json(json!({"order_id": placed.id})))
}

fn key(headers: &HeaderMap) -> Option<String> {
    headers.get("idempotency-key").and_then(|value| value.to_str().ok()).map(str::to_owned)
}

#[derive(Deserialize)]
struct Sms {
    kind: String,
}

async fn sms(State(shared): State<Shared>, headers: HeaderMap, Json(sms): Json<Sms>) -> Answer {
    let key = key(&headers);
    shared.books(|books| books.place(key, "sms", sms.kind)).await;
    Ok(Json(json!({"accepted": true})))
}

#[derive(Deserialize)]
struct Complaint {
    msisdn: String,
    subject: String,
}

async fn complaint(State(shared): State<Shared>, headers: HeaderMap, Json(complaint): Json<Complaint>) -> Answer {
    let key = key(&headers);
    let Complaint { msisdn, subject } = complaint;
    let placed = shared.books(|books| books.open_case(key, "complaint", subject, &msisdn)).await;
    Ok(Json(json!({"ticket_id": placed.id})))
}

async fn line(State(shared): State<Shared>, Query(customer): Query<Customer>) -> Answer {
    // A number that ends in 99 lives where a cable was cut.
    let outage = if customer.msisdn.ends_with("99") { json!({"eta": "今天下午六点"}) } else { Value::Null };
    let tail: String = customer.msisdn.chars().skip(3).collect();
    shared.books(|books| books.account(&customer.msisdn).fee).await;
    Ok(Json(json!({"account": format!("kd{tail}"), "outage": outage})))
}

#[derive(Deserialize)]
struct Line {
    account: String,
}

async fn test_line(State(shared): State<Shared>, Json(line): Json<Line>) -> Answer {
    // A line that ends in 8 has lost its light.
    let optical = if line.account.ends_with('8') { "los" } else { "ok" };
    shared.books(|_| ()).await;
    Ok(Json(json!({"optical": optical})))
}

async fn reset_line(State(shared): State<Shared>, Json(line): Json<Line>) -> Answer {
    shared.books(|_| ()).await;
    Ok(Json(json!({"account": line.account, "done": true})))
}

#[derive(Deserialize)]
struct Ticket {
    #[serde(default)]
    msisdn: String,
    account: String,
    fault: String,
    visit: String,
}

async fn ticket(State(shared): State<Shared>, headers: HeaderMap, Json(ticket): Json<Ticket>) -> Answer {
    if ticket.account.is_empty() {
        return Err(StatusCode::BAD_REQUEST);
    }
    let (key, what) = (key(&headers), format!("{} {}", ticket.fault, ticket.visit));
    let placed = shared.books(|books| books.open_case(key, "ticket", what, &ticket.msisdn)).await;
    Ok(Json(json!({"ticket_id": placed.id})))
}

async fn orders(State(shared): State<Shared>) -> Json<Vec<Order>> {
    Json(shared.books(|books| books.orders.iter().map(|(_, order)| order.clone()).collect()).await)
}
