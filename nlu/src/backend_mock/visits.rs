//! Lines and the visits of engineers: what a line is, its faults, tickets, and what callers change about them.

use super::{Answer, Books, Customer, KEPT_MAX, Shared, key};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// The tickets; the oldest make room.
type Visits = Arc<Mutex<VecDeque<Visit>>>;

#[derive(Clone)]
struct Desk {
    shared: Shared,
    visits: Visits,
}

#[derive(Clone, Debug, PartialEq)]
struct Visit {
    ticket: String,
    msisdn: String,
    /// The appointment, as the bot wrote it: `2026-11-24T15:00`.
    at: String,
    contact: String,
    progress: Progress,
    urged: u32,
}

/// How far a ticket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Assigned,
    Cancelled,
}

pub(super) fn router(shared: Shared) -> Router {
    Router::new()
        .route("/oss/access", get(access))
        .route("/oss/speed", post(speed))
        .route("/oss/visit", get(status).post(open))
        .route("/oss/visit/urge", post(urge))
        .route("/oss/visit/move", post(move_visit))
        .route("/oss/visit/cancel", post(cancel))
        .route("/oss/visit/contact", post(contact))
        .route("/oss/notice", post(notice))
        .route("/oss/tv/refresh", post(refresh_tv))
        .with_state(Desk { shared, visits: Visits::default() })
}

impl Desk {
    /// Works on the books and the tickets at once, after the delay of one look-up.
    async fn work<T>(&self, work: impl FnOnce(&mut Books, &mut VecDeque<Visit>) -> T) -> T {
        let visits = &self.visits;
        self.shared.books(|books| work(books, &mut visits.lock().unwrap_or_else(PoisonError::into_inner))).await
    }

    /// Changes a ticket that is open and notes it in the books, once for each key.
    async fn change(
        &self,
        headers: &HeaderMap,
        ticket: &str,
        kind: &str,
        what: &str,
        change: impl FnOnce(&mut Visit),
    ) -> Answer {
        let key = key(headers);
        self.work(|books, visits| {
            let is_repeated = key.is_some() && books.orders.iter().any(|(placed, _)| *placed == key);
            let open = visits.iter_mut().find(|visit| visit.ticket == ticket && visit.progress == Progress::Assigned);
            match open {
                _ if is_repeated => {}
                Some(visit) => {
                    change(visit);
                    books.place(key, kind, format!("{ticket} {what}").trim_end().to_owned());
                }
                None => return Err(StatusCode::NOT_FOUND),
            }
            Ok(Json(json!({"ticket_id": ticket})))
        })
        .await
    }
}

async fn access(State(desk): State<Desk>, Query(customer): Query<Customer>) -> Answer {
    let number = &customer.msisdn;
    if number.len() < 5 {
        return Err(StatusCode::NOT_FOUND);
    }
    // A number that ends in 99 lives where a cable was cut.
    let outage = if number.ends_with("99") { json!({"eta": "今天下午六点"}) } else { Value::Null };
    let tail: String = number.chars().skip(3).collect();
    let ticket = desk.work(|_, visits| newest_open(visits, number)).await;
    Ok(Json(json!({
        "account": format!("kd{tail}"), "address": "幸福路十八号三单元", "speed": 300, "outage": outage, "ticket": ticket,
    })))
}

fn newest_open(visits: &VecDeque<Visit>, number: &str) -> Option<String> {
    let mut open = visits.iter().rev().filter(|visit| visit.progress == Progress::Assigned);
    open.find(|visit| visit.msisdn == number).map(|visit| visit.ticket.clone())
}

#[derive(Deserialize)]
struct Line {
    account: String,
}

async fn speed(State(desk): State<Desk>, Json(line): Json<Line>) -> Answer {
    desk.work(|_, _| ()).await;
    // A line that ends in 7 brings a third of what was bought.
    let down = if line.account.ends_with('7') { 96 } else { 288 };
    Ok(Json(json!({"down": down, "is_good": down > 200})))
}

#[derive(Deserialize)]
struct New {
    msisdn: String,
    account: String,
    fault: String,
    at: String,
    /// Another number than the caller's.
    contact: Option<String>,
}

async fn open(State(desk): State<Desk>, headers: HeaderMap, Json(new): Json<New>) -> Answer {
    if new.account.is_empty() || new.at.is_empty() {
        return Err(StatusCode::BAD_REQUEST);
    }
    let (key, what) = (key(&headers), format!("{} {}", new.fault, new.at));
    let ticket = desk
        .work(|books, visits| {
            let (order, is_new) = books.place(key, "ticket", what);
            if is_new {
                if visits.len() == KEPT_MAX {
                    visits.pop_front();
                }
                visits.push_back(Visit {
                    ticket: order.id.clone(),
                    contact: new.contact.unwrap_or_else(|| new.msisdn.clone()),
                    msisdn: new.msisdn,
                    at: new.at,
                    progress: Progress::Assigned,
                    urged: 0,
                });
            }
            order.id
        })
        .await;
    Ok(Json(json!({"ticket_id": ticket})))
}

#[derive(Deserialize)]
struct Which {
    ticket: String,
}

async fn status(State(desk): State<Desk>, Query(which): Query<Which>) -> Answer {
    let visit = desk.work(|_, visits| visits.iter().find(|visit| visit.ticket == which.ticket).cloned()).await;
    let visit = visit.ok_or(StatusCode::NOT_FOUND)?;
    let state = if visit.progress == Progress::Cancelled { "cancelled" } else { "assigned" };
    Ok(Json(json!({"state": state, "at": visit.at, "contact": visit.contact, "urged": visit.urged})))
}

async fn urge(State(desk): State<Desk>, headers: HeaderMap, Json(which): Json<Which>) -> Answer {
    desk.change(&headers, &which.ticket, "visit_urged", "", |visit| visit.urged += 1).await
}

#[derive(Deserialize)]
struct Moved {
    ticket: String,
    at: String,
}

async fn move_visit(State(desk): State<Desk>, headers: HeaderMap, Json(moved): Json<Moved>) -> Answer {
    desk.change(&headers, &moved.ticket, "visit_moved", &moved.at, |visit| visit.at.clone_from(&moved.at)).await
}

async fn cancel(State(desk): State<Desk>, headers: HeaderMap, Json(which): Json<Which>) -> Answer {
    desk.change(&headers, &which.ticket, "visit_cancelled", "", |visit| visit.progress = Progress::Cancelled).await
}

#[derive(Deserialize)]
struct Contact {
    ticket: String,
    phone: String,
}

async fn contact(State(desk): State<Desk>, headers: HeaderMap, Json(new): Json<Contact>) -> Answer {
    desk.change(&headers, &new.ticket, "contact_changed", "", |visit| visit.contact.clone_from(&new.phone)).await
}

async fn notice(State(desk): State<Desk>, headers: HeaderMap, Json(_): Json<Value>) -> Answer {
    let key = key(&headers);
    desk.shared.books(|books| books.place(key, "notice", "sms".to_owned())).await;
    Ok(Json(json!({"accepted": true})))
}

async fn refresh_tv(State(desk): State<Desk>, Json(line): Json<Line>) -> Answer {
    desk.work(|_, _| ()).await;
    Ok(Json(json!({"account": line.account, "done": true})))
}
