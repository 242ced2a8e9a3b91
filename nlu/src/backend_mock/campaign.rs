//! The campaign system of outbound calls: whom to call with which offer, and what came of it.

use super::{Answer, Customer, Shared, key};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use chrono::{Datelike, Months, NaiveDate};
use serde::Deserialize;
use serde_json::{Value, json};

/// The offers that may be ordered: yuan a month and months.
const OFFERS: [(i64, i64); 2] = [(59, 12), (99, 24)];

pub(super) fn router(shared: Shared) -> Router {
    Router::new()
        .route("/campaign/task", get(task))
        .route("/campaign/order", post(order))
        .route("/campaign/callback", post(callback))
        .route("/campaign/contact", post(contact))
        .route("/campaign/dnc", post(do_not_call))
        .route("/campaign/sms", post(sms))
        .route("/campaign/complaint", post(complaint))
        .with_state(shared)
}

/// The last day of the month after `today`'s.
fn end_of_next_month(today: NaiveDate) -> Option<NaiveDate> {
    today.with_day(1)?.checked_add_months(Months::new(2))?.pred_opt()
}

async fn task(State(shared): State<Shared>, Query(customer): Query<Customer>) -> Answer {
    shared.books(|books| books.account(&customer.msisdn).fee).await;
    let is_big = customer.msisdn.ends_with('9');
    let (fee, period) = OFFERS[usize::from(is_big)];
    let expire = end_of_next_month(crate::clock::now().date_naive()).ok_or(StatusCode::INTERNAL_SERVER_ERROR)?;
    let names = ["王建国", "李秀英", "张伟", "欧阳丽"];
    let sum: usize = customer.msisdn.bytes().map(usize::from).sum();
    Ok(Json(json!({
        "customer": names[sum % names.len()], "expire": expire.to_string(),
        "now_fee": fee + 10, "fee": fee, "period": period,
        "data": if is_big { "60GB" } else { "30GB" }, "minutes": if is_big { 1_000 } else { 500 }, "penalty": 100,
    })))
}

#[derive(Deserialize)]
struct Order {
    msisdn: String,
    fee: i64,
    period: i64,
}

async fn order(State(shared): State<Shared>, headers: HeaderMap, Json(order): Json<Order>) -> Answer {
    if order.msisdn.is_empty() || !OFFERS.contains(&(order.fee, order.period)) {
        return Err(StatusCode::BAD_REQUEST);
    }
    placed(&shared, &headers, "renewal", format!("{} x {}", order.fee, order.period)).await
}

#[derive(Deserialize)]
struct Callback {
    at: String,
}

async fn callback(State(shared): State<Shared>, headers: HeaderMap, Json(callback): Json<Callback>) -> Answer {
    if callback.at.is_empty() {
        return Err(StatusCode::BAD_REQUEST);
    }
    placed(&shared, &headers, "callback", callback.at).await
}

#[derive(Deserialize)]
struct Contact {
    status: String,
}

async fn contact(State(shared): State<Shared>, headers: HeaderMap, Json(contact): Json<Contact>) -> Answer {
    placed(&shared, &headers, "contact", contact.status).await
}

async fn do_not_call(State(shared): State<Shared>, headers: HeaderMap, Json(_): Json<Value>) -> Answer {
    placed(&shared, &headers, "do_not_call", String::new()).await
}

#[derive(Deserialize)]
struct Sms {
    kind: String,
}

async fn sms(State(shared): State<Shared>, headers: HeaderMap, Json(sms): Json<Sms>) -> Answer {
    placed(&shared, &headers, "sms", sms.kind).await
}

#[derive(Deserialize)]
struct Complaint {
    subject: String,
}

async fn complaint(State(shared): State<Shared>, headers: HeaderMap, Json(complaint): Json<Complaint>) -> Answer {
    placed(&shared, &headers, "complaint", complaint.subject).await
}

async fn placed(shared: &Shared, headers: &HeaderMap, kind: &str, what: String) -> Answer {
    let key = key(headers);
    let (order, _) = shared.books(|books| books.place(key, kind, what)).await;
    Ok(Json(json!({"id": order.id})))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contract_ends_with_a_month() {
        let day = |y, m, d| NaiveDate::from_ymd_opt(y, m, d).expect("a real day");
        assert_eq!(end_of_next_month(day(2026, 11, 25)), Some(day(2026, 12, 31)));
        assert_eq!(end_of_next_month(day(2026, 12, 31)), Some(day(2027, 1, 31)));
        assert_eq!(end_of_next_month(day(2027, 1, 31)).map(|end| end.day()), Some(28));
    }
}
